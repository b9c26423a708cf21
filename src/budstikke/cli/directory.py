"""``budstikke directory import``: read a CSV file into the number directory."""

from __future__ import annotations

import csv
import io
import sys
from typing import TYPE_CHECKING, NamedTuple

from budstikke.cli.context import open_database, read_settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from budstikke.cli.context import Add

COLUMNS = ("number", "name", "address")
SEPARATORS = ",;\t"
HOME = "NO"
"""Country whose numbers may stand without country code."""

LINES_SHOWN = 10


class Imported(NamedTuple):
    """A file that was read: (name, address) by number, and the lines left out."""

    rows: dict[str, tuple[str, str]]
    unread: list[int]


def add_commands(add: Add) -> argparse.ArgumentParser:
    """Add the command."""
    parser = add("directory", _run, "Import the number directory.")
    parser.add_argument("verb", choices=("import",), help="import the file")
    parser.add_argument("file", metavar="FILE", help="CSV: number, name, address")
    parser.add_argument(
        "--replace",
        action="store_true",
        help="delete entries that the file does not have",
    )
    return parser


def _run(args: argparse.Namespace) -> int:
    """Import a file; exit code 1: no line of it has a number."""
    settings = read_settings(args)
    from pathlib import Path

    from budstikke.provisioning.subscribers import put_subscribers

    imported = read_file(Path(args.file).read_bytes())
    for line in _faults(args.file, imported.unread):
        print(line, file=sys.stderr)
    if not imported.rows:
        print(
            f"{args.file}: no line has a mobile number; nothing was changed",
            file=sys.stderr,
        )
        return 1
    with open_database(settings) as engine:
        deleted = put_subscribers(engine, imported.rows, replace=args.replace)
    gone = f", {deleted} deleted" if args.replace else ""
    print(f"{args.file}: {len(imported.rows)} imported{gone}")
    return 0


def read_file(content: bytes) -> Imported:
    """
    Read a CSV file in UTF-8, or else ISO-8859-1.

    Commas, semicolons or tabs separate values. A first line with column names gives
    their order. Of a repeated number the last line counts.
    """
    from budstikke.domain.number import international

    text = _decode(content)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text))
    rows: dict[str, tuple[str, str]] = {}
    unread: list[int] = []
    columns: Sequence[int] | None = None
    for values in lines:
        if columns is None:
            columns = _header(values)
            if columns is not None:
                continue
            columns = range(len(COLUMNS))
        if not any(value.strip() for value in values):
            continue
        number, name, address = (_at(values, index) for index in columns)
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
    """Choose the separator that the first line has most of."""
    first = text.partition("\n")[0]
    return max(SEPARATORS, key=first.count)


def _header(values: Sequence[str]) -> list[int] | None:
    """Find the index of each column; ``None``: this line is not a header."""
    names = [value.strip().lower() for value in values]
    if COLUMNS[0] not in names:
        return None
    return [names.index(it) if it in names else len(names) for it in COLUMNS]


def _at(values: Sequence[str], index: int) -> str:
    """Read a value, in one line and without control characters."""
    value = values[index] if index < len(values) else ""
    return " ".join("".join(c if c.isprintable() else " " for c in value).split())


def _faults(file: str, lines: Sequence[int]) -> Iterable[str]:
    for line in lines[:LINES_SHOWN]:
        yield f"{file}: line {line}: not a mobile number; left out"
    if len(lines) > LINES_SHOWN:
        yield f"{file}: {len(lines) - LINES_SHOWN} more lines left out"
