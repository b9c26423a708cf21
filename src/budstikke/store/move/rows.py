"""Inserts many rows: by COPY on PostgreSQL, by a prepared statement on SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from budstikke.store.move.file import MoveError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Table

Row = tuple[Any, ...]


def put(connection: Connection, table: Table, rows: list[Row], *, nul: bool) -> None:
    """
    Insert rows with a table's columns in their order.

    Args:
        connection: In a transaction that may write.
        table: The table.
        rows: At least one.
        nul: Whether their texts may have NUL, which becomes U+FFFD, as everywhere in
            the store: PostgreSQL refuses it.

    """
    if nul:
        rows = [tuple(map(_without_nul, row)) for row in rows]
    if connection.dialect.name == "postgresql":
        _copy(connection, table, rows)
    else:
        statement = str(insert(table).compile(dialect=connection.dialect))
        connection.exec_driver_sql(statement, rows)


def _without_nul(value: Any) -> Any:
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _copy(connection: Connection, table: Table, rows: Iterable[Row]) -> None:
    import psycopg  # noqa: PLC0415 - an installation on SQLite does without it

    quote = connection.dialect.identifier_preparer
    columns = ", ".join(map(quote.format_column, table.columns))
    statement = f"COPY {quote.format_table(table)} ({columns}) FROM STDIN"
    raw: Any = connection.connection.driver_connection
    try:
        with raw.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:  # its message may quote the row
        why = error.diag.message_primary or type(error).__name__
        raise MoveError(f"{table.name} could not be filled: {why}") from error
