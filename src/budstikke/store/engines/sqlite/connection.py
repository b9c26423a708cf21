"""SQLite's connection for the verbs; it never waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from budstikke.store.contract.leases import LEASE
from budstikke.store.verbs.bounds import PartitionBounds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Coroutine, Sequence

    from budstikke.store.contract import Hint
    from budstikke.store.verbs.statement import Statement

T = TypeVar("T")

Values = tuple[object, ...] | Mapping[str, object]


class Connection:
    """
    SQLite's ``store.verbs.connection.Connection``.

    Args:
        raw: In autocommit mode; the caller begins and ends transactions.
        node_id: This process's node; ``take_over`` sets it.

    """

    __slots__ = ("bounds", "node_id", "raw")

    def __init__(self, raw: sqlite3.Connection, node_id: int = 0) -> None:
        self.raw = raw
        self.node_id = node_id
        self.bounds = PartitionBounds()

    async def one(self, statement: Statement, *values: object) -> str:
        """Run a statement that returns one JSON array."""
        row = self.raw.execute(statement.sqlite, _bound(values)).fetchone()
        result: str = row[0]
        return result

    async def value(self, statement: Statement, *values: object) -> Any:
        """Run a statement that returns one value, or nothing."""
        row = self.raw.execute(statement.sqlite, _bound(values)).fetchone()
        return None if row is None else row[0]

    async def row(self, statement: Statement, *values: object) -> Any:
        """Run a statement that returns one row, or nothing."""
        return self.raw.execute(statement.sqlite, _bound(values)).fetchone()

    async def rows(self, statement: Statement, *values: object) -> list[Any]:
        """Run a statement that returns rows."""
        return self.raw.execute(statement.sqlite, _bound(values)).fetchall()

    async def execute(self, statement: Statement, *values: object) -> int:
        """Run a statement that changes rows; returns how many."""
        return self.raw.execute(statement.sqlite, _bound(values)).rowcount

    async def each(
        self, statement: Statement, rows: Sequence[msgspec.Struct], *low: int
    ) -> None:
        """Run a statement for each row of a batch, by the fields of its struct."""
        del low
        self.raw.executemany(statement.sqlite, map(msgspec.structs.astuple, rows))

    async def on_server(self, statement: Statement, *values: object) -> None:
        """Do nothing: there is no server, and nobody else writes."""

    async def hold_keys(
        self, keys: Sequence[tuple[int, float]], now: float
    ) -> set[int]:
        """Return all keys: the gateway has locked them in its memory."""
        del now
        return {key for key, _ in keys}

    async def release_keys(self, keys: Sequence[int]) -> None:
        """Do nothing: the gateway unlocks the keys of what was not stored."""

    def lease_until(self, now: float) -> float:
        """Return when a lease of now ends; a commit always gets an answer."""
        return now + LEASE

    async def notify(self, hint: Hint) -> None:
        """Do nothing: there is no other node."""


def _bound(values: tuple[object, ...]) -> Any:
    return values[0] if len(values) == 1 and isinstance(values[0], Mapping) else values


async def in_snapshot(
    connection: Connection,
    verb: Callable[..., Coroutine[Any, Any, T]],
    args: Sequence[Any],
) -> T:
    """Run a verb that only reads, all its statements in one state of the database."""
    connection.raw.execute("BEGIN")
    try:
        return await verb(connection, *args)
    finally:
        connection.raw.execute("COMMIT")
