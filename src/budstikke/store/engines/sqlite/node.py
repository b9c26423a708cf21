"""This process, as the database knows it, and the ids that it gives."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Sequence

    from budstikke.store.engines.sqlite.connection import Connection

# No id is given twice, though its callback is purged: events are read by them.
_LAST_CALLBACK_ID = """max(coalesce(max(id), 0), coalesce(
    (SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'callback_id'), 0))"""

NEXT_CALLBACK_ID = f"SELECT 1 + {_LAST_CALLBACK_ID} FROM callback"

KEEP_CALLBACK_ID = f"""
INSERT OR REPLACE INTO meta (key, value)
SELECT 'callback_id', CAST({_LAST_CALLBACK_ID} AS TEXT) FROM callback"""

SAVE_NEXT_ID = "UPDATE meta SET value = ?1 WHERE key = 'next_id'"

ID_BLOCK = 10_000
"""Ids set aside at a time; what is left of a block at a stop is never used."""


class Node:
    """
    The process that holds the database; ``id`` is 0 until it does.

    Ids of messages are of blocks: the end of a block is saved in the transaction that
    first stores one of its ids.
    """

    def __init__(self) -> None:
        self.id = 0
        self._next_id = 0
        self._saved_id = 0

    def begin(self, node_id: int, next_id: int) -> None:
        """Go on after whoever held the database before."""
        self.id = node_id
        self._next_id = self._saved_id = next_id

    def reserve(self, count: int) -> int:
        """Give ids for messages and orders; returns the first."""
        first = self._next_id
        self._next_id += count
        return first

    def unsaved(self) -> int | None:
        """Tell where the ids end that were given; ``None``: within what is saved."""
        return self._next_id if self._next_id > self._saved_id else None

    def saved(self, end: int | None) -> None:
        """Note that what ``save_ids`` wrote is durable."""
        if end is not None:
            self._saved_id = max(self._saved_id, end + ID_BLOCK)


def save_ids(connection: sqlite3.Connection, end: int | None) -> None:
    """Set aside the block that begins at ``end``."""
    if end is not None:
        connection.execute(SAVE_NEXT_ID, (str(end + ID_BLOCK),))


async def run_with_ids(
    connection: Connection,
    end: int | None,
    verb: Callable[..., Any],
    args: Sequence[Any],
) -> Any:
    """Set aside the block that begins at ``end``, and run a verb that stores ids."""
    save_ids(connection.raw, end)
    return await verb(connection, *args)


def keep_callback_id(connection: sqlite3.Connection) -> None:
    """Note which id was given last, before callbacks are deleted."""
    connection.execute(KEEP_CALLBACK_ID)


def callback_ids(connection: sqlite3.Connection) -> Iterator[int]:
    """Give ids for callbacks, to be stored in this transaction in their order."""
    (first,) = connection.execute(NEXT_CALLBACK_ID).fetchone()
    return count(first)
