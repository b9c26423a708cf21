"""
Looks up subscribers of numbers, for callbacks.

It is optional data: a directory that is slow or away delays a push once, by its
timeout, and the push goes out without name and address.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

from budstikke import metrics
from budstikke.flow.batching import Coalescer
from budstikke.flow.transports import NotReached
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.store.contract import Store

log = logging.getLogger("budstikke.subscribers")

Subscriber = tuple[str, str]
"""Name and address."""

NOBODY: Subscriber = ("", "")

FAILURES = 5
"""Consecutive failures after which no lookup is made for a while."""

REST = 10.0
"""Seconds without look-ups after that, or of one number after a failure."""


class DirectorySource(Protocol):
    """A number directory."""

    async def find(self, number: str) -> Subscriber:
        """
        Look up a number (E.164 with ``+``); ``NOBODY``: it is unknown.

        Raises NotReached or StoreUnavailable.
        """

    async def close(self) -> None:
        """Close connections."""


class DirectoryTable:
    """
    The imported directory; concurrent look-ups share a query.

    Args:
        store: Has it.

    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lookups: Coalescer[str, Subscriber] = Coalescer(self._look_up)

    async def find(self, number: str) -> Subscriber:
        """Look one number up; raises StoreUnavailable."""
        return await self._lookups.put(number)

    async def close(self) -> None:
        """Do nothing: the store belongs to others."""

    async def _look_up(self, numbers: Sequence[str]) -> list[Subscriber]:
        by_number = await self._store.subscribers(numbers)
        return [by_number.get(number, NOBODY) for number in numbers]


class NumberDirectory:
    """
    Looks numbers up, with a cache.

    Args:
        source: The directory.
        clock: Unix seconds.
        timeout: Longest wait, seconds.
        keep: Seconds to cache an answer.
        most: Answers to cache.

    """

    def __init__(
        self,
        source: DirectorySource,
        *,
        clock: Callable[[], float],
        timeout: float,
        keep: float,
        most: int,
    ) -> None:
        self._source = source
        self._clock = clock
        self._timeout = timeout
        self._keep = keep
        self._most = most
        self._known: OrderedDict[str, tuple[float, Subscriber]] = OrderedDict()
        self._asked: dict[str, asyncio.Task[Subscriber]] = {}
        self._failures = 0
        self._rests_until = 0.0

    async def find(self, number: str) -> Subscriber:
        """
        Return name and address; empty: unknown.

        ``number`` is E.164 with ``+``; another sender has no subscriber. Never raises.
        """
        if not number.startswith("+"):
            return NOBODY
        known = self._known.get(number)
        if known is not None and known[0] > self._clock():
            self._known.move_to_end(number)
            metrics.directory_lookups.labels("remembered").inc()
            return known[1]
        if self._rests_until > self._clock():
            metrics.directory_lookups.labels("left_out").inc()
            return NOBODY
        task = self._asked.get(number)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._ask(number))
            self._asked[number] = task
        return await asyncio.shield(task)

    async def _ask(self, number: str) -> Subscriber:
        """Ask the directory; other lookups of the same number wait for this one."""
        try:
            async with asyncio.timeout(self._timeout):
                subscriber = await self._source.find(number)
        except (NotReached, StoreUnavailable, TimeoutError) as error:
            self._failed(number, str(error) or "no answer in time")
            return NOBODY
        except Exception:
            log.exception("number directory lookup failed: internal error")
            self._failed(number, "internal error")
            return NOBODY
        finally:
            del self._asked[number]
        self._failures = 0
        metrics.directory_lookups.labels(
            "unknown" if subscriber == NOBODY else "found"
        ).inc()
        self._remember(number, subscriber, self._keep)
        return subscriber

    def _failed(self, number: str, why: str) -> None:
        metrics.directory_lookups.labels("failed").inc()
        self._failures += 1
        self._remember(number, NOBODY, REST)
        if self._failures >= FAILURES:
            self._failures = 0
            self._rests_until = self._clock() + REST
            log.warning("the number directory does not answer: %s", why)

    def _remember(self, number: str, subscriber: Subscriber, seconds: float) -> None:
        self._known[number] = self._clock() + seconds, subscriber
        self._known.move_to_end(number)
        if len(self._known) > self._most:
            self._known.popitem(last=False)

    async def stop(self) -> None:
        """Cancel look-ups, and close the directory."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._source.close()
