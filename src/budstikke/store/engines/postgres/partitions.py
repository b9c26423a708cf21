"""
The partitions of the big tables: made in time, and known to this node.

A change is one short transaction that waits only briefly for its locks, since others
wait behind it. ``layout`` decides what to change; ``partition_retirement`` drops old
ones.
"""

from __future__ import annotations

import logging
import re
import time
from functools import partial
from typing import TYPE_CHECKING

import asyncpg

from budstikke.store.engines.postgres.layout import (
    Layout,
    Partition,
    Series,
    cut_at,
    dividing,
    holding,
    is_left,
    recent,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from budstikke.store.engines.postgres.client import Client
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.verbs.bounds import PartitionBounds

log = logging.getLogger("budstikke.store")

EVERY = 10.0
"""Seconds between checks."""

PAUSE = 60.0
"""Seconds until the next try for the locks; a backup may have them."""

LOCK_TIMEOUT = "SET LOCAL lock_timeout = '300ms'"
"""Below ``deadlock_timeout``, so that a verb never loses a deadlock against this."""

ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(1651729508, 1885434484)"
"""The advisory lock of changes to partitions."""

MOST_OCTETS = 64 << 20
"""A last partition with more octets gets no bound, since that would read it all."""

READ = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid), obj_description(c.oid, 'pg_class')
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = {table}::regclass"""

SIZE = "SELECT pg_relation_size($1::text::regclass)"

_BOUNDS = re.compile(r"FROM \(('?-?\d+'?|MINVALUE)\) TO \(('?-?\d+'?|MAXVALUE)\)")

_SINCE = re.compile(r"since (\d+)")

_OPEN_PARTS = " OR ".join(
    f"EXISTS (SELECT 1 FROM part WHERE {waits}"
    " AND id >= $1::bigint * 256 AND id < $2::bigint * 256)"
    for waits in (
        *("state = 'queued'", "state = 'sending'", "state = 'unsure'"),
        "state = 'sent' AND due_at IS NOT NULL",  # perhaps for another carrier
    )
)

MESSAGES = Series(
    {"message": 1, "part": 256},
    "SELECT value::bigint FROM meta WHERE key = 'next_id'",
    f"""
SELECT {_OPEN_PARTS} OR EXISTS (SELECT 1 FROM bulk
    WHERE done < total AND NOT cancelled AND first_id < $2 AND first_id + total >= $1)
""",
)

CALLBACKS = Series(
    {"callback": 1},
    "SELECT last_value FROM callback_id_seq",
    """
SELECT EXISTS (SELECT 1 FROM callback WHERE state = 'due' AND id >= $1 AND id < $2)
    OR EXISTS (SELECT 1 FROM callback WHERE state = 'queued' AND id >= $1 AND id < $2)
""",
)


def partition(name: str, bounds: str, comment: str | None) -> Partition:
    """Parse a row of ``READ``."""
    found = _BOUNDS.search(bounds)
    assert found is not None, bounds  # noqa: S101 - only this program makes them
    low, high = (bound.strip("'") for bound in found.groups())
    since = _SINCE.search(comment or "")
    return Partition(
        int(name.rpartition("_")[2]),
        0 if low == "MINVALUE" else int(low),
        None if high == "MAXVALUE" else int(high),
        float(since[1]) if since else None,
    )


async def read_layout(connection: Connection, series: Series) -> Layout:
    """Read the partitions of a series, by ids."""
    read = READ.format(table="$1::text")
    rows = await connection.rows(read, series.name)
    while any(row[1] is None for row in rows):  # one was dropped meanwhile
        rows = await connection.rows(read, series.name)
    return sorted((partition(*row) for row in rows), key=lambda p: p.low)


class Changes:
    """
    Changes partitions, one change at a time.

    Args:
        client: The connections.

    Attributes:
        forbidden: The tables belong to another role, so that this node cannot change
            them.
        again_at: The time of the next try, by ``time.monotonic``.

    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self.forbidden = False
        self.again_at = 0.0

    async def make(self, change: Callable[[Connection], Awaitable[None]]) -> None:
        """Make a change in its own transaction, or leave it for the next time."""
        if self.forbidden or time.monotonic() < self.again_at:
            return
        try:
            await self._client.write_to_disk(lambda c: self._alone(c, change))
        except asyncpg.InsufficientPrivilegeError as error:
            self.forbidden = True
            log.warning("cannot change partitions: %s", error)

    async def _alone(
        self, connection: Connection, change: Callable[[Connection], Awaitable[None]]
    ) -> None:
        if not await connection.value(ONE_AT_A_TIME):
            return
        try:
            async with connection.raw.transaction():
                await connection.execute(LOCK_TIMEOUT)
                await change(connection)
        except asyncpg.LockNotAvailableError:
            self.again_at = time.monotonic() + PAUSE
            log.info("tables are in use; changing partitions later")


class Partitions:
    """
    Keeps a node's partitions up to date.

    Args:
        client: The connections.
        changes: Changes partitions.
        bounds: Learns the partitions' beginnings.

    """

    def __init__(
        self, client: Client, changes: Changes, bounds: PartitionBounds
    ) -> None:
        self._client = client
        self._changes = changes
        self._bounds = bounds
        self._again = 0.0
        self._endless: set[str] = set()

    async def keep(self, now: float) -> None:
        """
        Make partitions in time, note when they begin, and learn their bounds.

        ``now``: Unix seconds. What cannot be locked waits for the next time.
        """
        if now < self._again:
            return
        for series in (MESSAGES, CALLBACKS):
            if await self._client.read(partial(self._is_due, series=series, now=now)):
                await self._changes.make(partial(_change, series=series, now=now))
        await self._client.read(lambda c: _learn(c, self._bounds, now))
        self._again = now + EVERY

    async def _is_due(self, connection: Connection, series: Series, now: float) -> bool:
        layout, next_id = await _seen(connection, series)
        begun = layout[1 : holding(layout, next_id) + 1]
        if any(p.began is None for p in begun):
            return True
        if cut_at(layout, next_id, now) is None:
            return False
        large = await _too_large(connection, series, layout[-1])
        if large is not None and large not in self._endless:
            self._endless.add(large)
            log.warning("partition %s has too many rows to set its upper bound", large)
        return large is None


async def _too_large(
    connection: Connection, series: Series, last: Partition
) -> str | None:
    """Return a table that is too large to be read while others wait; ``None``: none."""
    for table in series.tables:
        name = f"{table}_{last.number}"
        if await connection.value(SIZE, name) > MOST_OCTETS:
            return name
    return None


async def _seen(connection: Connection, series: Series) -> tuple[Layout, int]:
    layout = await read_layout(connection, series)
    return layout, await connection.value(series.next_id)


async def _change(connection: Connection, series: Series, now: float) -> None:
    """Note when partitions began, and give the last one its bound if it is time."""
    layout, next_id = await _seen(connection, series)
    for begun in layout[1 : holding(layout, next_id) + 1]:
        if begun.began is None:
            name = f"{series.name}_{begun.number}"
            await connection.execute(f"COMMENT ON TABLE {name} IS 'since {now:.0f}'")
    last, at = layout[-1], cut_at(layout, next_id, now)
    if at is None or await _too_large(connection, series, last) is not None:
        return
    await lock(connection, series)
    for statement in dividing(series, last, at):
        await connection.execute(statement)
    log.info("partition %s_%s: from %s on", series.name, last.number + 1, at)


async def lock(connection: Connection, series: Series) -> None:
    """Lock a series until the transaction ends."""
    tables = ", ".join(f"ONLY {table}" for table in series.tables)
    await connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")


async def _learn(connection: Connection, bounds: PartitionBounds, now: float) -> None:
    messages = await read_layout(connection, MESSAGES)
    callbacks = await read_layout(connection, CALLBACKS)
    bounds.learn([p.low for p in messages], [p.low for p in callbacks])
    bounds.recent = recent(messages, now)
    bounds.open_message = await _open_from(connection, MESSAGES, messages, now)
    bounds.open_callback = await _open_from(connection, CALLBACKS, callbacks, now)


async def _open_from(
    connection: Connection, series: Series, layout: Layout, now: float
) -> int:
    """Return the first id of the first partition with work left."""
    for place, partition in enumerate(layout):
        if not is_left(layout, place, now):
            return partition.low
        if await is_open(connection, series, partition):
            return partition.low
    return layout[-1].low


async def is_open(connection: Connection, series: Series, partition: Partition) -> bool:
    """Whether a partition has work left."""
    bounds = (partition.low, partition.high)
    found: bool = await connection.value(series.is_open, *bounds)
    return found
