"""Limits of SMPP customers: binds of an access, and messages in a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class RateLimits:
    """
    Counts the messages of each access, of all its sessions together.

    A bucket has room for one second's messages, so that a client that is late may catch
    up, and fills evenly.

    Args:
        clock: Seconds, never going back.

    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}

    def take(self, access_id: int, rate: int, count: int = 1) -> bool:
        """Count messages; ``False``: too many, not counted. ``rate`` 0: no limit."""
        if not rate:
            return True
        now = self._clock()
        room, at = self._buckets.get(access_id, (float(rate), now))
        room = min(float(rate), room + (now - at) * rate)
        # A request for more than a second's messages needs a full bucket.
        if room < min(count, rate):
            self._buckets[access_id] = (room, now)
            return False
        self._buckets[access_id] = (room - count, now)
        return True
