"""Lower bounds of ids, by which statements skip old partitions."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class PartitionBounds:
    """
    The ids at which partitions begin, as far as a node knows them.

    PostgreSQL's planner and executor visit every partition that a statement may need;
    ``AND id >= bound`` lets them skip old ones. An old bound stays valid, since ids
    only grow. SQLite has no partitions: there all bounds are 0.

    Attributes:
        open_message: All parts of messages with lower ids are done.
        open_callback: All callbacks with lower ids are done.
        recent: All messages of the last days have this id or a higher one.

    """

    def __init__(self) -> None:
        self._messages: Sequence[int] = [0]
        self._callbacks: Sequence[int] = [0]
        self.open_message = 0
        self.open_callback = 0
        self.recent = 0

    def learn(self, messages: Sequence[int], callbacks: Sequence[int]) -> None:
        """Note the ids at which the partitions of both tables begin, in order."""
        self._messages = messages
        self._callbacks = callbacks

    def message(self, ids: Sequence[int]) -> int:
        """Return a bound that is not above any of these messages."""
        return _bound(self._messages, min(ids, default=0))

    def part(self, ids: Sequence[int]) -> int:
        """Return a bound that is not above any of these parts."""
        return _bound(self._messages, min(ids, default=0) >> 8) << 8

    def callback(self, ids: Sequence[int]) -> int:
        """Return a bound that is not above any of these callbacks."""
        return _bound(self._callbacks, min(ids, default=0))

    @property
    def open_part(self) -> int:
        """Return ``open_message`` as an id of parts."""
        return self.open_message << 8


def _bound(begins: Sequence[int], first: int) -> int:
    return begins[max(bisect_right(begins, first) - 1, 0)] if first > 0 else 0
