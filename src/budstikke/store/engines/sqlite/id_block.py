"""The ids of messages and orders, which the one process of a file gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.store.engines.sqlite.connection import Connection

SAVE_NEXT_ID = "UPDATE meta SET value = ?1 WHERE key = 'next_id'"

ID_BLOCK = 10_000
"""Ids set aside at a time; what is left of a block at a stop is never used."""


class IdBlock:
    """
    The ids that are set aside: the end of a block is saved before its first id.

    A write saves it, in the transaction that is the first to store one of its ids.
    """

    def __init__(self) -> None:
        self._next_id = 0
        self._saved_id = 0

    def begin(self, next_id: int) -> None:
        """Go on after whoever held the database before."""
        self._next_id = self._saved_id = next_id

    def reserve(self, count: int) -> int:
        """Give ids for messages and orders; returns the first."""
        first = self._next_id
        self._next_id += count
        return first

    def unsaved(self) -> int | None:
        """Tell where the ids that were given end; ``None``: within what is saved."""
        return self._next_id if self._next_id > self._saved_id else None

    def saved(self, end: int | None) -> None:
        """Note that what ``run_with_ids`` wrote is durable."""
        if end is not None:
            self._saved_id = max(self._saved_id, end + ID_BLOCK)


async def run_with_ids(
    connection: Connection,
    end: int | None,
    verb: Callable[..., Any],
    args: Sequence[Any],
) -> Any:
    """Set aside the block that begins at ``end``, and run a verb that stores ids."""
    if end is not None:
        connection.raw.execute(SAVE_NEXT_ID, (str(end + ID_BLOCK),))
    return await verb(connection, *args)
