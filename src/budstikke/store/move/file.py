"""
The file that a database is moved in: lines of JSON, compressed with gzip.

::

    {"format": "budstikke export", "version": 1, "schema": …, "tables": {…: rows}, …}
    {"table": "account", "columns": ["id", "name", …]}
    [[1, "acme", …], [2, …], …]                a slice of its rows; octets are base64
    {"rows": 2, "sha256": …}                   of the table's slices
    …
    {"positions": {…}, "books": […]}

Only a file with its last line, and the right checksum of each table, is complete.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import zlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.store.move.tables import Books

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

FORMAT = "budstikke export"
VERSION = 1

LEVEL = 1
"""Of compression; 6 takes twice as long for 7 % less."""

LONGEST_LINE = 1 << 30
"""Octets; a longer line is not from an export."""

BUFFER = 1 << 20


class MoveError(Exception):
    """A file or a database that cannot be moved; the message says what to do."""


class Header(msgspec.Struct, kw_only=True):
    """
    The first line.

    Attributes:
        program: Version of the program; ``schema``: of the database.
        at: Time of the database's state, Unix seconds.
        tables: Rows by table.

    """

    format: str = FORMAT
    version: int = VERSION
    program: str
    schema: str
    at: float
    tables: dict[str, int]


class TableLine(msgspec.Struct):
    """The table of the slices that follow."""

    table: str
    columns: list[str]


class Sum(msgspec.Struct):
    """Rows and checksum of a table's slices."""

    rows: int
    sha256: str


class End(msgspec.Struct):
    """
    The last line.

    Attributes:
        positions: By table, the last id that was used; it may be above all rows' ids.
        books: The result of the ledger check.

    """

    positions: dict[str, int]
    books: list[Books]


_encode = msgspec.json.Encoder().encode


@contextmanager
def writing(path: Path, header: Header) -> Iterator[Writer]:
    """Make a file that only its owner can read; remove it if the block fails."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise MoveError(f"{path}: is there already; nothing was written") from error
    try:
        with os.fdopen(handle, "wb") as raw:
            with gzip.GzipFile("", "wb", LEVEL, raw, 0) as lines:
                writer = Writer(lines)
                writer.line(header)
                yield writer
            raw.flush()
            os.fsync(raw.fileno())
    except BaseException:
        with suppress(OSError):
            path.unlink()
        raise


class Writer:
    """Writes the lines after the header."""

    def __init__(self, lines: gzip.GzipFile) -> None:
        self._lines = lines

    def line(self, value: msgspec.Struct) -> None:
        """Write one line."""
        self._lines.write(_encode(value) + b"\n")

    def table(
        self, name: str, columns: list[str], slices: Iterable[Sequence[Any]]
    ) -> int:
        """Write a table; return the number of its rows."""
        self.line(TableLine(name, columns))
        digest, rows = hashlib.sha256(), 0
        for piece in slices:
            line = _encode(piece) + b"\n"
            digest.update(line)
            rows += len(piece)
            self._lines.write(line)
        self.line(Sum(rows, digest.hexdigest()))
        return rows


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """Open a file; any fault of it is a MoveError within the block."""
    try:
        with path.open("rb") as raw, gzip.GzipFile(fileobj=raw, mode="rb") as lines:
            yield Reader(io.BufferedReader(lines, BUFFER))
    except (EOFError, gzip.BadGzipFile, zlib.error, msgspec.MsgspecError) as error:
        raise MoveError(f"{path}: damaged, or no export: {error}") from error
    except DamagedError as error:
        raise MoveError(f"{path}: damaged: {error}") from error


class DamagedError(Exception):
    """A file was changed after it was written; ``reading`` adds its name."""


class Reader:
    """
    Reads a file in its order.

    Attributes:
        header: Of this format and version; its schema is not checked yet.

    """

    def __init__(self, lines: BinaryIO | io.BufferedReader) -> None:
        self._lines = lines
        first = self._line()
        version = msgspec.json.decode(first, type=_Version)
        if version.format != FORMAT:
            raise DamagedError("its first line is not that of an export")
        if version.version != VERSION:
            raise MoveError(
                f"the export is of version {version.version} and this program reads "
                f"{VERSION}: use the program that wrote it"
            )
        self.header = msgspec.json.decode(first, type=Header)

    def _line(self) -> bytes:
        line = self._lines.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise DamagedError("it is cut off")
        return line

    def slices(self, name: str, columns: list[str]) -> Iterator[bytes]:
        """Read the slices of the next table, each as JSON."""
        if msgspec.json.decode(self._line(), type=TableLine) != TableLine(
            name, columns
        ):
            raise DamagedError(f"the columns of {name} should be next")
        digest = hashlib.sha256()
        while (line := self._line()).startswith(b"["):
            digest.update(line)
            yield line
        if msgspec.json.decode(line, type=Sum).sha256 != digest.hexdigest():
            raise DamagedError(f"the checksum of {name} is wrong")

    def end(self) -> End:
        """Read the last line; nothing may follow."""
        found = msgspec.json.decode(self._line(), type=End)
        if self._lines.read(1):  # gzip then compares its own checksum, too
            raise DamagedError("something follows the end")
        return found


class _Version(msgspec.Struct):
    format: str = ""
    version: int = 0
