"""Batches in and out of SQLite as one JSON value each (why: docs/why/sqlite.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

import msgspec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

T = TypeVar("T", bound=msgspec.Struct)

LAST_ID = 2**63 - 1
"""SQLite takes no larger number."""

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


def each(connection: sqlite3.Connection, statement: str, rows: Sequence[T]) -> None:
    """Run a statement that takes a row's columns for each row of a batch."""
    connection.executemany(statement, map(msgspec.structs.astuple, rows))


def columns(count: int, start: int = 0) -> str:
    """Write the columns ``start`` to ``count`` of a row of the batch ``j``."""
    return ", ".join(f"j.value->>{n}" for n in range(start, count))


def within_id(id_: int) -> int:
    """Bring an id within 64 bits: nothing has the last one."""
    return min(id_, LAST_ID)


def within(asked: T) -> T:
    """Bring the numbers of what is asked within 64 bits."""
    beyond = {
        name: LAST_ID
        for name in asked.__struct_fields__
        if isinstance(value := getattr(asked, name), int) and value > LAST_ID
    }
    return msgspec.structs.replace(asked, **beyond) if beyond else asked
