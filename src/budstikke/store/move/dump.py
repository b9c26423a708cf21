"""Write one state of a database to a file; gateways may serve it meanwhile."""

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

# Callbacks have no sequence on SQLite: a purge notes their last id in ``meta``.
COUNTED = """
SELECT name, seq FROM sqlite_sequence
UNION ALL SELECT 'callback', CAST(value AS INTEGER) FROM meta
WHERE key = 'callback_id'"""


class Exported(NamedTuple):
    """What was written: rows by table, and what the ledger check said."""

    rows: dict[str, int]
    books: list[Books]


def export(engine: Engine, path: Path, *, program: str, now: float) -> Exported:
    """
    Write a database to a file that is not there yet, for its owner only.

    It is one state of the database, and the moment is that of the call: SQLite's log
    grows meanwhile if a gateway writes.

    Args:
        engine: The database; ``migrate.check`` has found it to be of this program.
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
    """Begin to read one state; on SQLite every transaction does."""
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
    """Find the last id that was given in each table that counts them."""
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
