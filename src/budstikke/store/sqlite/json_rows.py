"""Batches in and out of SQLite as one JSON value each (why: writer.py)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    import sqlite3

_encode = msgspec.json.Encoder().encode
_nul = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def text(value: object) -> str:
    """
    Write a batch as the JSON text that the statements take.

    NUL becomes U+FFFD: SQLite would end the text there.
    """
    encoded = _encode(value).decode()
    if "\\u0000" in encoded:
        encoded = _nul.sub(r"\1\\ufffd", encoded)
    return encoded


def one(connection: sqlite3.Connection, statement: str, *values: object) -> str:
    """Run a statement that answers with one JSON value."""
    row = connection.execute(statement, values).fetchone()
    result: str = row[0]
    return result


def columns(count: int, start: int = 0) -> str:
    """Write the columns ``start`` to ``count`` of a row of the batch ``j``."""
    return ", ".join(f"j.value->>{n}" for n in range(start, count))
