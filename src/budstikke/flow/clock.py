"""
The clock that this gateway trusts.

What happens as time passes cannot be undone: old messages are deleted, orders are sent,
validities end. So a wall clock that jumps, against a monotonic clock, is not trusted
until somebody confirms it; meanwhile time continues from where it was. Everything that
needs the time gets this clock as its ``clock``.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from budstikke import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.store.contract import Beat, Seen

log = logging.getLogger("budstikke.clock")

STEP = 60.0
"""Seconds; a correction of at most so much is trusted at once."""

STEPS_IN = 600.0
"""Seconds within which corrections may sum to at most a step."""

SMALL = 86400.0
"""Seconds; a jump of at most so much is trusted once the clock has run evenly."""

SETTLED = 600.0
"""Seconds that a clock must run evenly for that."""

AWAY = 7 * 86400.0
"""Seconds; after a longer absence a gateway asks whether it is really so late."""

CONFIRMED_FOR = 600.0
"""Seconds before and after a confirmed time within which it counts."""


def steady() -> float:
    """Return monotonic seconds, which also count while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class GuardedClock:
    """
    A wall clock that may be wrong; a call returns Unix seconds.

    Args:
        wall: The machine's clock, Unix seconds.
        count: Monotonic seconds.

    Attributes:
        doubt: Why the wall clock is not trusted; empty: it is.

    """

    def __init__(
        self, wall: Callable[[], float], count: Callable[[], float] = steady
    ) -> None:
        self._wall = wall
        self._count = count
        self.doubt = ""
        self._since = count()
        self._offset = wall() - self._since  # trusted time less the count
        self._other = 0.0  # the offset of an untrusted clock
        self._other_since = 0.0
        self._server: float | None = None  # the database server's offset before that
        self._contradicted = False  # the server agrees with us, not with the wall clock
        metrics.clock_confirmed.set(1)

    def __call__(self) -> float:
        """Return the time."""
        count, wall = self._count(), self._wall()
        offset = wall - count
        near = abs(offset - self._offset) <= STEP
        if not self.doubt:
            if near:
                if count - self._since > STEPS_IN:
                    self._offset, self._since = offset, count
                return wall
            self._begin(offset, count)
        elif near:
            self._believe(offset, "the clock is right again")
            return wall
        elif self._is_settled(offset, count):
            self._believe(offset, "the clock has run evenly for a while")
            return wall
        return count + self._offset

    def start(self, seen: Seen) -> None:
        """Compare the clock with the database's times, before the store is open."""
        count, wall = self._count(), self._wall()
        server = seen.database_time

        def likely(at: float) -> bool:
            return not seen.beat or seen.beat - STEP <= at <= seen.beat + AWAY

        if likely(wall) and (server is None or abs(server - wall) <= STEP):
            believed = wall
        elif server is not None and likely(server):
            believed = server
        elif likely(wall):
            believed = wall  # the server's clock is wrong
        else:
            believed = seen.beat
        self._offset, self._since = believed - count, count
        self._server = None if server is None else server - count
        self._contradicted = server is not None and abs(server - believed) <= STEP
        if abs(wall - believed) > STEP:
            self._begin(wall - count, count)
            self._confirm(seen.confirmed)

    def hear(self, beat: Beat) -> None:
        """Take a heartbeat's result: the confirmed time, and the server's clock."""
        count, wall = self._count(), self._wall()
        if beat.database_time is not None:
            server = beat.database_time - count
            if not self.doubt:
                self._server = server
            # If the server's clock has jumped, too, it may be the same one: it proves
            # nothing.
            elif self._server is not None and abs(server - self._server) <= STEP:
                agrees = abs(beat.database_time - wall) <= STEP
                self._contradicted = not agrees
                if agrees:
                    self._believe(wall - count, "the database server's clock agrees")
        self._confirm(beat.confirmed)

    def _confirm(self, at: float) -> None:
        if self.doubt and at and abs(self._wall() - at) <= CONFIRMED_FOR:
            self._believe(self._wall() - self._count(), "an administrator confirms it")

    def _is_settled(self, offset: float, count: float) -> bool:
        if abs(offset - self._other) > 1.0:
            self._other, self._other_since = offset, count
        small = abs(offset - self._offset) <= SMALL
        settled = count - self._other_since >= SETTLED
        return small and settled and not self._contradicted

    def _begin(self, offset: float, count: float) -> None:
        self._other, self._other_since = offset, count
        self._contradicted = False
        by = offset - self._offset
        self.doubt = (
            f"the clock is {_long(abs(by))} {'ahead' if by > 0 else 'behind'}: "
            "set it, or, if it is right, run `budstikke clock --confirm`"
        )
        metrics.clock_confirmed.set(0)
        log.critical("clock not trusted", extra={"seconds": by, "why": self.doubt})

    def _believe(self, offset: float, why: str) -> None:
        log.warning(
            "clock trusted", extra={"seconds": offset - self._offset, "why": why}
        )
        self.doubt = ""
        self._offset, self._since = offset, self._count()
        self._server = None
        metrics.clock_confirmed.set(1)


def _long(seconds: float) -> str:
    """Write a duration for people."""
    for name, length in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {name}"
    return f"{seconds:.0f} seconds"
