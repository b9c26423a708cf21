"""One access's callbacks on their way to its bound sessions."""

from __future__ import annotations

import asyncio
from heapq import heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from budstikke.store.contract import CallbackRow

FIRST_REST, LONGEST_REST = 1.0, 60.0
"""Seconds of the rests of a customer that takes nothing; each is twice the last."""


class DeliveryLine:
    """
    The callbacks of one access that this node has in memory.

    Args:
        access_id: The access.
        window: How many may be on their way, or not yet stored, at a time.

    Attributes:
        waiting: A heap of (id, when it was leased, callback).
        held: Ids of those that wait, are on their way, or are not yet stored.
        behind: The store may have callbacks that go first.
        parks: How many went back to the store, so far; ``parking``: those of them that
            are not stored yet; ``parked`` is set when all are.
        rest: Seconds for which the customer gets nothing; 0: it takes callbacks.
        rests: How many rests there were in a row; ``bound`` ends one.
        worker: The task that starts its deliveries.

    """

    def __init__(self, access_id: int, window: int) -> None:
        self.access_id = access_id
        self.window = asyncio.Semaphore(window)
        self.waiting: list[tuple[int, float, CallbackRow]] = []
        self.held: set[int] = set()
        self.behind = True
        self.parks = 0
        self.parking = 0
        self.parked = asyncio.Event()
        self.rest = 0.0
        self.rests = 0
        self.bound = asyncio.Event()
        self.worker: asyncio.Task[None] | None = None

    def put(self, row: CallbackRow, now: float) -> None:
        """Add a callback that is leased since ``now``."""
        self.held.add(row.id)
        heappush(self.waiting, (row.id, now, row))

    def pop(self) -> CallbackRow:
        """Take the first callback that waits."""
        return heappop(self.waiting)[2]

    def pause(self) -> None:
        """Have the worker rest, longer each time."""
        self.behind = True
        if not self.rest:
            self.rest = min(FIRST_REST * 2**self.rests, LONGEST_REST)
            self.rests += 1
