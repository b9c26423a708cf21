"""
A circuit: whether a customer's server is asked at all.

It opens after several failures in a row to reach the server. While it is open nothing
waits for that server in memory; when its time is over one request tries, and only an
answer, whatever it says, closes it again.
"""

from __future__ import annotations

MOST_FAILURES = 5
"""Failures in a row, with no answer between them, that open it."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 300.0
"""Seconds that it is open at first and at most; doubled at each try that fails."""


class CircuitBreaker:
    """One server's; times are Unix seconds."""

    __slots__ = ("_pause", "failures", "probing", "since", "until")

    def __init__(self) -> None:
        self.failures = 0
        self.since = 0.0
        """When the first of the failures was."""
        self.until = 0.0
        """When it may be tried again; 0: it is closed."""
        self.probing = False
        """Somebody is trying."""
        self._pause = FIRST_PAUSE

    def failed(self, now: float) -> bool:
        """Note that the server was not reached; ``True``: it opens by that."""
        self.failures += 1
        if self.failures == 1:
            self.since = now
        if self.until and not self.probing:
            return False  # this one was on its way when it opened
        if not self.until and self.failures < MOST_FAILURES:
            return False
        self.until = now + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)
        self.probing = False
        return True

    def answered(self) -> bool:
        """Note an answer; ``True``: it closes by that."""
        opened = self.until > 0.0
        self.failures = 0
        self.until = 0.0
        self.probing = False
        self._pause = FIRST_PAUSE
        return opened

    def admits(self, now: float) -> bool:
        """Tell whether to ask; ``True`` of an open one: as the only one that tries."""
        if not self.until:
            return True
        if self.probing or now < self.until:
            return False
        self.probing = True
        return True
