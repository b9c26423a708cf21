"""
A timer queue: a heap of times, each with a list of items.

Thousands of parts a second become due a moment later, and a heap entry for each would
cost more than all the rest. So times are rounded up to ``GRAIN``.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Final, Generic, TypeVar

GRAIN: Final = 0.01
"""Seconds; items that are due within it have one heap entry."""

_PER_SECOND: Final = 100

Item = TypeVar("Item")


class Agenda(Generic[Item]):
    """Items by their due time, Unix seconds; in order of addition for equal times."""

    def __init__(self) -> None:
        self._moments: list[int] = []
        self._items: dict[int, list[Item]] = {}

    def add(self, at: float, item: Item) -> None:
        """Add an item that is due at ``at``, or less than ``GRAIN`` later."""
        moment = int(at * _PER_SECOND) + 1
        items = self._items.get(moment)
        if items is None:
            self._items[moment] = [item]
            heappush(self._moments, moment)
        else:
            items.append(item)

    def next(self) -> float | None:
        """When the next item is due; ``None`` when there is none."""
        return self._moments[0] / _PER_SECOND if self._moments else None

    def due(self, now: float) -> list[Item]:
        """Remove and return the items that are due, earliest first."""
        due: list[Item] = []
        while self._moments and self._moments[0] <= now * _PER_SECOND:
            due += self._items.pop(heappop(self._moments))
        return due
