"""
Fills an empty database from a file, in one transaction.

If an import fails or is killed, the database stays empty.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, select

from budstikke.store import schema
from budstikke.store.admin import immediate
from budstikke.store.move.file import DamagedError, Header, MoveError, Reader, reading
from budstikke.store.move.finish_import import finish_import
from budstikke.store.move.rows import put
from budstikke.store.move.tables import (
    MOVED,
    Books,
    columns,
    count,
    read_books,
    revision,
    rows_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine, Table

CACHE = 262_144
"""Kibibytes of SQLite's page cache: indexes are filled in random order."""

PREFILLED = frozenset({schema.meta})
"""Tables that the first migration fills."""


class Imported(NamedTuple):
    """Rows by table, and the result of the ledger check."""

    rows: dict[str, int]
    books: list[Books]


def load(engine: Engine, path: Path, *, now: float) -> Imported:
    """
    Fill an empty database from a file of ``export``.

    Before the commit it checks every checksum, the rows of each table, and that the
    ledger check has the same result as on the old database.

    Args:
        engine: The database, after ``schema_check.check``.
        path: The file.
        now: Unix seconds.

    Raises:
        MoveError: The database is not empty, or a gateway serves it; the file is
            damaged, or of another schema.
        StoreUnavailable: A gateway serves the SQLite file.

    """
    with reading(path) as reader, _unserved(engine), immediate(engine) as connection:
        _refuse_other(reader.header, revision(connection))
        _prepare(connection, now)
        for table in MOVED.values():
            _fill(connection, table, reader)
        end = reader.end()
        books = read_books(connection)
        _compare(books, end.books)
        finish_import(connection, end.positions, now)
    return Imported(reader.header.tables, books)


def _refuse_other(header: Header, ours: str) -> None:
    found = header.schema
    if found < ours:
        raise MoveError(
            f"the export is of schema {found} and this program needs {ours}: "
            "run `budstikke migrate` on the old database, and export it again"
        )
    if found > ours:
        raise MoveError(
            f"the export is of schema {found}, newer than this program's {ours}: "
            "use the newer program"
        )
    if header.tables.keys() != MOVED.keys():
        raise DamagedError(f"its tables are not those of schema {ours}")


@contextmanager
def _unserved(engine: Engine) -> Iterator[None]:
    """Keep gateways from the SQLite file; ``_prepare`` locks a PostgreSQL database."""
    if engine.dialect.name != "sqlite":
        yield
        return
    from budstikke.store.engines.sqlite.locking import take_lock  # noqa: PLC0415 - SQLite's

    with take_lock(Path(engine.url.database or "")):
        yield


def _prepare(connection: Connection, now: float) -> None:
    """Refuse a database with a gateway or rows; delete the rows of migrations."""
    node = schema.node
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE}")
    else:
        connection.exec_driver_sql("LOCK TABLE node IN ACCESS EXCLUSIVE MODE")
        serving = select(node.c.name).where(node.c.lease_until > now)
        if (name := connection.scalar(serving)) is not None:
            raise MoveError(f"the node {name} serves the database: stop it first")
    for table in MOVED.values():
        if table not in PREFILLED and count(connection, table):
            raise MoveError(
                f"the database is not empty, {table.name} has rows: "
                "import into a new one, after `budstikke migrate`"
            )
    for table in (node, *PREFILLED):
        connection.execute(delete(table))


def _fill(connection: Connection, table: Table, reader: Reader) -> None:
    decoder = msgspec.json.Decoder(rows_type(table))
    for line in reader.slices(table.name, columns(table)):
        put(connection, table, decoder.decode(line), nul=b"\\u0000" in line)
    expected = reader.header.tables[table.name]
    found = count(connection, table)
    if found != expected:
        raise MoveError(f"{table.name} has {found} rows instead of {expected}")


def _compare(found: list[Books], expected: list[Books]) -> None:
    were = {books.account: books for books in expected}
    for books in found:
        if books != were.pop(books.account, None):
            raise DamagedError(f"the ledger of {books.account} is not as it was")
    if were:
        raise DamagedError(f"the account {min(were)} is missing")
