"""
A circuit: whether a customer's server is asked at all.

It opens after several failures in a row to reach the server. While it is open nothing
waits for that server in memory; when its time is over one request tries, and only an
answer, whatever it says, closes it again.
"""

from __future__ import annotations

MOST_FAILURES = 5
"""Consecutive failures that open the circuit."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds that it stays open, first and at most; a failed probe doubles it."""


class CircuitBreaker:
    """The circuit of one server; times are Unix seconds."""

    __slots__ = ("_pause", "failures", "probing", "since", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.since = 0.0
        """Time of the first failure."""
        self.until = 0.0
        """Time of the next probe; 0: the circuit is closed."""
        self.probing = False
        """A probe is in flight."""
        self._pause = FIRST_PAUSE

    def failed(self, now: float) -> bool:
        """Note that the server did not answer; ``True``: this opens the circuit."""
        self.failures += 1
        if self.failures == 1:
            self.since = now
        if self.until and not self.probing:
            return False  # this request was in flight when the circuit opened
        if not self.until and self.failures < MOST_FAILURES:
            return False
        self.until = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self.probing = False
        return True

    def answered(self) -> bool:
        """Note an answer; ``True``: this closes the circuit."""
        opened = self.until > 0.0
        self.failures = 0
        self.until = 0.0
        self.probing = False
        self._pause = FIRST_PAUSE
        return opened

    def admits(self, now: float) -> bool:
        """Tell whether to make a request; on an open circuit it is the probe."""
        if not self.until:
            return True
        if self.probing or now < self.until:
            return False
        self.probing = True
        return True
