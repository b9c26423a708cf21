"""Ids of messages and orders: each node reserves blocks of them in advance (hi/lo)."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

import msgspec

from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.client import Client
    from budstikke.store.engines.postgres.connection import Connection

log = logging.getLogger("budstikke.store")


MOST_AT_ONCE = 1 << 17
"""Ids of the largest order: its own and one for each recipient."""

BLOCK_AGE = 86400.0
"""
Seconds after which a node reserves another block.

Ids should grow with time: a node that sends little would otherwise use old ones. The
rest of the block is wasted; with two nodes 2**31 ids last for eleven years.
"""

BLOCK_LIMIT = 2 * 86400.0
"""
Seconds after which the ids of a block are not used any more.

Partitions are dropped by that: layout.SETTLED is twice as long.
"""

TAKE_BLOCK = """
UPDATE meta SET value = (value::bigint + $1)::text WHERE key = 'next_id'
RETURNING value::bigint - $1"""

STILL_NEWEST = """
SELECT 1 FROM meta WHERE key = 'next_id' AND value::bigint = $1 FOR UPDATE"""

GIVE_BACK = """
UPDATE meta SET value = $1::bigint::text WHERE key = 'next_id' AND value::bigint = $2"""


class Block(msgspec.Struct):
    """Ids from ``next`` up to, not including, ``end``."""

    next: int
    end: int
    taken: float


class IdAllocator:
    """
    Reserves blocks of ids before they are needed, so that an id takes no query.

    Args:
        client: The connections.

    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._blocks: list[Block] = []
        self._task: asyncio.Task[None] | None = None

    def reserve(self, count: int) -> int:
        """Return the first of ``count`` ids; raises StoreUnavailable."""
        try:
            return self._take(count)
        finally:
            if self._is_short() and (self._task is None or self._task.done()):
                self._task = asyncio.get_running_loop().create_task(self._try_refill())

    async def keep(self) -> None:
        """Refill before the ids become too old, though none is used."""
        if self._is_idle():
            await self._try_refill()

    async def _try_refill(self) -> None:
        try:
            await self._client.write_to_disk(self.refill)
        except StoreUnavailable as error:
            log.warning("could not reserve a block of ids: %s", error)

    async def close(self) -> None:
        """Cancel a refill in progress."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def _take(self, count: int) -> int:
        """Take ids from a block that is not too old."""
        limit = time.monotonic() - BLOCK_LIMIT
        for block in self._blocks:
            if block.end - block.next >= count and block.taken > limit:
                first = block.next
                block.next += count
                return first
        raise StoreUnavailable(f"no {count} ids could be set aside yet")

    def _is_short(self) -> bool:
        """Whether to reserve more ids soon."""
        rest = max((b.end - b.next for b in self._blocks), default=0)
        old = time.monotonic() - BLOCK_AGE
        return rest < MOST_AT_ONCE or self._blocks[0].taken < old

    def _is_idle(self) -> bool:
        """Whether the ids are about to be too old."""
        limit = time.monotonic() - BLOCK_LIMIT / 2
        return all(block.taken < limit for block in self._blocks)

    async def refill(self, connection: Connection) -> None:
        """
        Reserve a block; drop the ids of old ones.

        While no node has reserved a block after our last one, its ids are as good as
        new.
        """
        if await self._is_newest(connection):
            return
        first = await connection.value(TAKE_BLOCK, 2 * MOST_AT_ONCE)
        taken = time.monotonic()
        block = Block(first, first + 2 * MOST_AT_ONCE, taken)
        last = self._blocks[-1] if self._blocks else None
        self._blocks = [b for b in self._blocks if b.taken > taken - BLOCK_AGE]
        if last is not None and last.end == first and last in self._blocks:
            last.end, last.taken = block.end, taken
        else:
            self._blocks.append(block)

    async def _is_newest(self, connection: Connection) -> bool:
        """Whether no node reserved a block after ours, which then counts as new."""
        last = self._blocks[-1] if self._blocks else None
        if last is None or last.end - last.next < MOST_AT_ONCE:
            return False
        if await connection.value(STILL_NEWEST, last.end) is None:
            return False
        last.taken = time.monotonic()
        self._blocks = [last]
        return True

    async def give_back(self, connection: Connection) -> None:
        """Return the last block's unused ids, if no node has reserved more since."""
        for block in reversed(self._blocks):
            await connection.execute(GIVE_BACK, block.next, block.end)
        self._blocks.clear()
