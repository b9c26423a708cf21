"""Batches in and out of SQLite as one JSON value each (why: docs/why/sqlite.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

T = TypeVar("T", bound=msgspec.Struct)


def one(connection: sqlite3.Connection, statement: str, *values: object) -> str:
    """Run a statement that answers with one JSON value."""
    row = connection.execute(statement, values).fetchone()
    result: str = row[0]
    return result


def each(connection: sqlite3.Connection, statement: str, rows: Sequence[T]) -> None:
    """Run a statement that takes a row's columns for each row of a batch."""
    connection.executemany(statement, map(msgspec.structs.astuple, rows))


def columns(count: int, start: int = 0) -> str:
    """Write the columns ``start`` to ``count`` of a row of the batch ``j``."""
    return ", ".join(f"j.value->>{n}" for n in range(start, count))
