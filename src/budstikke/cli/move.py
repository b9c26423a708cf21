"""Commands that move a database: ``export`` and ``import``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from budstikke import __version__
from budstikke.cli.context import open_database, read_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from budstikke.cli.context import Add
    from budstikke.store.move import Books

MEGABYTE = 1_000_000


def add_commands(add: Add) -> tuple[argparse.ArgumentParser, ...]:
    """Add the commands; returns those that read settings."""
    out = add("export", _write, "Write the whole database to a file.")
    into = add("import", _read, "Fill an empty database from an exported file.")
    for command in (out, into):
        command.add_argument("file", type=Path, metavar="FILE")
    return out, into


def _write(args: argparse.Namespace) -> int:
    """Export; 1: a ledger is wrong."""
    from budstikke.store.move import export

    settings = read_settings(args)
    with open_database(settings) as engine:
        exported = export(engine, args.file, program=__version__, now=time.time())
    size = args.file.stat().st_size / MEGABYTE
    _show(exported.rows)
    print(
        f"{settings.database_name}: {sum(exported.rows.values())} rows written to "
        f"{args.file}, {size:.1f} MB. It holds all texts and secrets: keep it "
        "like the database."
    )
    return _prove(exported.books)


def _read(args: argparse.Namespace) -> int:
    """Import; 1: a ledger is wrong, as it was in the old database."""
    from budstikke.store.move import load

    settings = read_settings(args)
    with open_database(settings) as engine:
        imported = load(engine, args.file, now=time.time())
    _show(imported.rows)
    print(
        f"{settings.database_name}: {sum(imported.rows.values())} rows of {args.file}"
    )
    return _prove(imported.books)


def _show(rows: Mapping[str, int]) -> None:
    for table, count in rows.items():
        if count:
            print(f"{table:<16}{count:>12}")


def _prove(books: Sequence[Books]) -> int:
    """Print the result of the ledger check; 1: a ledger is wrong."""
    faults = [f"{it.account}: {fault}" for it in books for fault in it.faults]
    for fault in faults:
        print(f"wrong  {fault} (micros)")
    if not faults:
        print(f"ok     {len(books)} accounts, every balance is the sum of its ledger")
    return 1 if faults else 0
