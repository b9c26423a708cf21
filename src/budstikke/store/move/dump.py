"""Writes one state of a database to a file; gateways may run meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import func, literal_column, select, text

from budstikke.store.move.file import End, Header, writing
from budstikke.store.move.tables import (
    MOVED,
    Books,
    columns,
    count,
    read_books,
    revision,
    slice_of,
)
from budstikke.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine, Table

# SQLite has no sequence of callbacks: a purge notes their last id in ``meta``.
COUNTED = """
SELECT name, seq FROM sqlite_sequence
UNION ALL SELECT 'callback', CAST(value AS INTEGER) FROM meta
WHERE key = 'callback_id'"""


class Exported(NamedTuple):
    """Rows by table, and the result of the ledger check."""

    rows: dict[str, int]
    books: list[Books]


def export(engine: Engine, path: Path, *, program: str, now: float) -> Exported:
    """
    Write a database to a new file that only its owner can read.

    It is the database's state at the call; SQLite's log grows meanwhile if a gateway
    writes.

    Args:
        engine: The database, after ``schema_check.check``.
        path: The file.
        program: This program's version.
        now: Unix seconds.

    Raises:
        MoveError: The file is there already.

    """
    with _snapshot(engine) as connection:
        counts = {name: count(connection, MOVED[name]) for name in MOVED}
        header = Header(
            program=program, schema=revision(connection), at=now, tables=counts
        )
        with writing(path, header) as writer:
            for name, table in MOVED.items():
                writer.table(name, columns(table), _slices(connection, table))
            books = read_books(connection)
            writer.line(End(_positions(connection), books))
    return Exported(counts, books)


def _snapshot(engine: Engine) -> Connection:
    """Begin to read one state, as every transaction does on SQLite."""
    if engine.dialect.name == "sqlite":
        return engine.connect()
    return engine.connect().execution_options(
        isolation_level="REPEATABLE READ", postgresql_readonly=True
    )


def _slices(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    rows = connection.execute(
        select(table).order_by(*table.primary_key),
        execution_options={"yield_per": slice_of(table)},
    )
    for piece in rows.partitions():
        yield [tuple(row) for row in piece]


def _positions(connection: Connection) -> dict[str, int]:
    """Return each table's last id, if it counts them."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text(COUNTED))
        return {name: last for name, last in rows if name in metadata.tables}
    found = {}
    for name, table in MOVED.items():
        column = table.autoincrement_column
        if column is not None:
            sequence = func.pg_get_serial_sequence(name, column.name)
            regclass = sequence.op("::")(literal_column("regclass"))
            last = connection.scalar(select(func.pg_sequence_last_value(regclass)))
            if last is not None:
                found[name] = last
    return found
