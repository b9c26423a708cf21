"""Lower bounds of ids, by which a statement leaves out old partitions."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class PartitionBounds:
    """
    The ids at which partitions begin, as far as a node knows them.

    PostgreSQL's planner and executor look at every partition that a statement may
    concern; ``AND id >= bound`` lets them skip the old ones. A bound is right at any
    age, since ids only grow. SQLite has no partitions: there all bounds are 0.

    Attributes:
        open_message: No part of a message with a lower id is still to be sent.
        open_callback: No callback with a lower id is still due.
        recent: No message of the last days has a lower id.

    """

    def __init__(self) -> None:
        self._messages: Sequence[int] = [0]
        self._callbacks: Sequence[int] = [0]
        self.open_message = 0
        self.open_callback = 0
        self.recent = 0

    def learn(self, messages: Sequence[int], callbacks: Sequence[int]) -> None:
        """Take the ids at which the partitions of both tables begin, in order."""
        self._messages = messages
        self._callbacks = callbacks

    def message(self, ids: Sequence[int]) -> int:
        """Find a bound that none of these messages is below."""
        return _bound(self._messages, min(ids, default=0))

    def part(self, ids: Sequence[int]) -> int:
        """Find a bound that none of these parts is below."""
        return _bound(self._messages, min(ids, default=0) >> 8) << 8

    def callback(self, ids: Sequence[int]) -> int:
        """Find a bound that none of these callbacks is below."""
        return _bound(self._callbacks, min(ids, default=0))

    @property
    def open_part(self) -> int:
        """The bound of ``open_message`` for ids of parts."""
        return self.open_message << 8


def _bound(begins: Sequence[int], first: int) -> int:
    return begins[max(bisect_right(begins, first) - 1, 0)] if first > 0 else 0
