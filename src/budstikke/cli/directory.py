"""The command about the number directory: ``directory import``."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from budstikke.config import Settings

    Command = Callable[[argparse.Namespace], int]
    Add = Callable[[str, Command, str], argparse.ArgumentParser]
    Read = Callable[[argparse.Namespace], Settings]

COLUMNS = ("number", "name", "address")
SEPARATORS = ",;\t"
HOME = "NO"
"""Country whose numbers may stand without country code."""

LINES_SHOWN = 10


class Imported(NamedTuple):
    """What a file says: name and address by number, and lines without a number."""

    rows: dict[str, tuple[str, str]]
    unread: list[int]


class DirectoryCommand:
    """
    The command.

    Args:
        settings: Reads the settings that arguments name.

    """

    def __init__(self, settings: Read) -> None:
        self._settings = settings

    def add(self, add: Add) -> argparse.ArgumentParser:
        """Describe it."""
        parser = add("directory", self.run, "Import the number directory.")
        parser.add_argument("verb", choices=("import",), help="what to do")
        parser.add_argument("file", metavar="FILE", help="CSV: number, name, address")
        parser.add_argument(
            "--replace", action="store_true", help="delete what the file has not got"
        )
        return parser

    def run(self, args: argparse.Namespace) -> int:
        """Import a file; 1: there is nothing in it."""
        settings = self._settings(args)
        from pathlib import Path

        from budstikke.provisioning.subscribers import put_subscribers
        from budstikke.store.admin import open_engine
        from budstikke.store.migrate import check

        found = read_file(Path(args.file).read_bytes())
        for line in _faults(args.file, found.unread):
            print(line, file=sys.stderr)
        if not found.rows:
            print(f"{args.file}: no numbers; nothing was changed", file=sys.stderr)
            return 1
        check(settings.database_url)
        engine = open_engine(settings.database_url)
        try:
            deleted = put_subscribers(engine, found.rows, replace=args.replace)
        finally:
            engine.dispose()
        gone = f", {deleted} deleted" if args.replace else ""
        print(f"{args.file}: {len(found.rows)} imported{gone}")
        return 0


def read_file(content: bytes) -> Imported:
    """
    Read a CSV file: UTF-8, or ISO-8859-1 when it is not that.

    Values are separated by commas, semicolons or tabs. A first line that names the
    columns says in which order they are. Of a number given twice the last counts.
    """
    from budstikke.domain.number import international

    text = _decode(content)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    rows: dict[str, tuple[str, str]] = {}
    unread: list[int] = []
    places: Sequence[int] | None = None
    for values in lines:
        if places is None:
            places = _header(values)
            if places is not None:
                continue
            places = range(len(COLUMNS))
        if not any(value.strip() for value in values):
            continue
        number, name, address = (_at(values, place) for place in places)
        dialled = international(number, HOME)
        if dialled is None:
            unread.append(lines.line_num)
        else:
            rows[dialled] = name, address
    return Imported(rows, unread)


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _separator(text: str) -> str:
    """Take whichever stands most often in the first line."""
    first = text.partition("\n")[0]
    return max(SEPARATORS, key=first.count)


def _header(values: Sequence[str]) -> list[int] | None:
    """Find the places of the columns; ``None``: this line does not name them."""
    names = [value.strip().lower() for value in values]
    if COLUMNS[0] not in names:
        return None
    return [names.index(it) if it in names else len(names) for it in COLUMNS]


def _at(values: Sequence[str], place: int) -> str:
    """Read a value, on one line and without what cannot be shown."""
    value = values[place] if place < len(values) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def _faults(file: str, lines: Sequence[int]) -> Iterable[str]:
    for line in lines[:LINES_SHOWN]:
        yield f"{file}: line {line}: not a mobile number; left out"
    if len(lines) > LINES_SHOWN:
        yield f"{file}: {len(lines) - LINES_SHOWN} more lines left out"
