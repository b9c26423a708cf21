"""Batches in and out of SQLite as one JSON value each (why: writer.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import sqlite3

_encode = msgspec.json.Encoder().encode


def text(value: object) -> str:
    """Write a batch as the JSON text that the statements take."""
    return _encode(value).decode()


def one(connection: sqlite3.Connection, statement: str, *values: object) -> str:
    """Run a statement that answers with one JSON value."""
    row = connection.execute(statement, values).fetchone()
    result: str = row[0]
    return result
