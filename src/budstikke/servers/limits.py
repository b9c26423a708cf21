"""
Limits of one access or client: concurrent requests, and requests a second.

What is under way is counted by a ``Counts``. In one process that is ``OwnCounts``;
several processes that share a port share their counts, too (``workers``).
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.addresses import neighbourhood

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MOST_CALLERS = 65536
"""Clients that are remembered; at more, all are forgotten."""


class Counts(Protocol):
    """Counts of requests in progress, by an access's id or by an address."""

    def add(self, key: int | str, by: int = 1) -> int:
        """Count more; return the count now, of all processes."""

    def drop(self, key: int | str, by: int = 1) -> None:
        """Count less: requests that this process had added are over."""


class OwnCounts:
    """``Counts`` of this process alone."""

    def __init__(self) -> None:
        self._counts: Counter[int | str] = Counter()

    def add(self, key: int | str, by: int = 1) -> int:
        """Count more; return the count now."""
        self._counts[key] += by
        return self._counts[key]

    def drop(self, key: int | str, by: int = 1) -> None:
        """Count less."""
        self._counts[key] -= by
        if self._counts[key] <= 0:
            del self._counts[key]


class ConcurrencyLimit:
    """Limits concurrent requests by access; ``counts``: those under way."""

    def __init__(self, counts: Counts | None = None) -> None:
        self._under_way = counts or OwnCounts()

    @contextmanager
    def one(self, access_id: int, most: int) -> Iterator[None]:
        """Count a request; raises Refusal with ``TOO_MANY_REQUESTS``."""
        under_way = self._under_way.add(access_id)
        try:
            if under_way > most:
                raise Refusal(RefusalCode.TOO_MANY_REQUESTS)
            yield
        finally:
            self._under_way.drop(access_id)


class RateLimit:
    """
    Counts requests in windows of time, by address (of IPv6: by /64).

    Args:
        clock: Unix seconds.
        most: Requests in one window.
        seconds: Its length.

    """

    def __init__(self, clock: Callable[[], float], most: int, seconds: float) -> None:
        self._clock = clock
        self._most = most
        self._seconds = seconds
        self._window = 0
        self._counts: Counter[str] = Counter()

    def count(self, address: str) -> None:
        """Count a request; raises Refusal with ``TOO_MANY_REQUESTS``."""
        self._begin()
        whose = neighbourhood(address)
        self._counts[whose] += 1
        if self._counts[whose] > self._most:
            raise Refusal(RefusalCode.TOO_MANY_REQUESTS)

    def look(self, address: str) -> None:
        """Raise Refusal, as ``count``, if another request would be one too many."""
        self._begin()
        if self._counts[neighbourhood(address)] >= self._most:
            raise Refusal(RefusalCode.TOO_MANY_REQUESTS)

    def _begin(self) -> None:
        window = int(self._clock() / self._seconds)
        if window != self._window or len(self._counts) > MOST_CALLERS:
            self._window = window
            self._counts.clear()
