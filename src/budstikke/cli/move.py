"""The commands that move a database: ``export`` and ``import``."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from budstikke import __version__

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Engine

    from budstikke.config import Settings
    from budstikke.store.move import Books

    Command = Callable[[argparse.Namespace], int]
    Add = Callable[[str, Command, str], argparse.ArgumentParser]
    Read = Callable[[argparse.Namespace], Settings]

MEGABYTE = 1_000_000


class Move:
    """
    The commands.

    Args:
        settings: Reads the settings that arguments name.

    """

    def __init__(self, settings: Read) -> None:
        self._settings = settings

    def add(self, add: Add) -> tuple[argparse.ArgumentParser, ...]:
        """Describe them; returns those that need settings."""
        out = add("export", self.write, "Write the whole database to a file.")
        into = add("import", self.read, "Fill an empty database from such a file.")
        for command in (out, into):
            command.add_argument("file", type=Path, metavar="FILE")
        return out, into

    @contextmanager
    def _engine(self, settings: Settings) -> Iterator[Engine]:
        from budstikke.store.admin import open_engine
        from budstikke.store.migrate import check

        check(settings.database_url)
        engine = open_engine(settings.database_url)
        try:
            yield engine
        finally:
            engine.dispose()

    def write(self, args: argparse.Namespace) -> int:
        """Export; 1: a ledger is wrong."""
        from budstikke.store.move import export

        settings = self._settings(args)
        with self._engine(settings) as engine:
            found = export(engine, args.file, program=__version__, now=time.time())
        size = args.file.stat().st_size / MEGABYTE
        _show(found.rows)
        print(
            f"{settings.database_name}: {sum(found.rows.values())} rows written to "
            f"{args.file}, {size:.1f} MB. It holds all texts and secrets: keep it "
            "like the database."
        )
        return _prove(found.books)

    def read(self, args: argparse.Namespace) -> int:
        """Import; 1: a ledger is wrong, as it was in the old database."""
        from budstikke.store.move import load

        settings = self._settings(args)
        with self._engine(settings) as engine:
            found = load(engine, args.file, now=time.time())
        _show(found.rows)
        print(
            f"{settings.database_name}: {sum(found.rows.values())} rows of {args.file}"
        )
        return _prove(found.books)


def _show(rows: Mapping[str, int]) -> None:
    for table, count in rows.items():
        if count:
            print(f"{table:<16}{count:>12}")


def _prove(books: Sequence[Books]) -> int:
    """Say what the ledger check said; 1: something is wrong."""
    faults = [f"{it.account}: {fault}" for it in books for fault in it.faults]
    for fault in faults:
        print(f"wrong  {fault} (micros)")
    if not faults:
        print(f"ok     {len(books)} accounts, every balance is the sum of its ledger")
    return 1 if faults else 0
