"""A token bucket that limits requests a second. Pure: time is an argument."""

from __future__ import annotations


class TokenBucket:
    """
    It holds at most a tenth of a second's tokens, and at least one.

    Args:
        rate: Tokens a second.
        now: Seconds of any clock.

    """

    __slots__ = ("_at", "_most", "_rate", "_tokens")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._most = max(1.0, rate / 10)
        self._tokens = self._most
        self._at = now

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        tokens = min(self._most, self._tokens + (now - self._at) * self._rate)
        self._at = now
        taken = tokens >= 1
        self._tokens = tokens - 1 if taken else tokens
        return taken

    def wait(self) -> float:
        """Return the seconds until the next token, after ``take`` gave ``False``."""
        return max(0.0, (1 - self._tokens) / self._rate)
