"""
Lanes: what comes one by one is worked in batches.

While one batch is worked the next gathers; there are no timers, so a lone item waits
for nothing and a flood shares its transactions.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

log = logging.getLogger("budstikke.flow")

T = TypeVar("T")
R = TypeVar("R")

LONGEST_PAUSE = 5.0
"""Seconds between tries while nothing can be stored."""


class Coalescer(Generic[T, R]):
    """
    Work items in batches, and give each its own result.

    When a batch fails by a bug of ours its items are worked again one by one, so that
    one that cannot be worked does not take the others with it.

    Args:
        work: Takes a batch, returns one result an item, in order; whole or not at all.
        most: Items in one batch.
        ahead: Batches that may be worked at a time. With two of orders the store has
            the next when it has committed one (p99 in measure (b) at full rate: 12 to
            17 ms; with one at a time 15 to 20 ms).

    """

    def __init__(
        self,
        work: Callable[[list[T]], Awaitable[Sequence[R]]],
        most: int = 1000,
        ahead: int = 1,
    ) -> None:
        self._work = work
        self._most = most
        self._ahead = ahead
        self._items: list[T] = []
        self._futures: list[asyncio.Future[R]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, item: T) -> asyncio.Future[R]:
        """Add an item; the future has its result, or what the batch raised."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self._items.append(item)
        self._futures.append(future)
        if len(self._tasks) < self._ahead:
            self._tasks.add(loop.create_task(self._run()))
        return future

    async def drain(self) -> None:
        """Wait until nothing is left."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _run(self) -> None:
        most = self._most
        while self._items:
            items, self._items = self._items[:most], self._items[most:]
            futures, self._futures = self._futures[:most], self._futures[most:]
            await self._give(items, futures)
        # At once, and not when the task is seen to be done: until then it would count
        # for what is put in between, and nobody would work that.
        self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _give(self, items: list[T], futures: list[asyncio.Future[R]]) -> None:
        try:
            results = await self._work(items)
        except Exception as error:  # given to all who wait for it
            if not given_up(items, error):
                log.exception(
                    "batch of %d failed; retrying its items one by one", len(items)
                )
                for item, future in zip(items, futures, strict=True):
                    await self._give([item], [future])
                return
            for future in futures:
                if not future.done():
                    future.set_exception(error)
        else:
            for future, result in zip(futures, results, strict=True):
                if not future.done():
                    future.set_result(result)


def given_up(batch: Sequence[object], error: BaseException) -> bool:
    """Tell whether a batch has failed for good; else its items are worked alone."""
    bug = isinstance(error, Exception) and not isinstance(error, StoreUnavailable)
    return len(batch) == 1 or not bug


class WriteBehind(Generic[T]):
    """
    Write batches that must not be lost: try until the store takes them.

    A batch that fails by a bug of ours is worked one by one, so that only what cannot
    be worked is put aside: its part stays as it is, and is unsure at the next start.

    Args:
        work: Takes a batch; ``StoreUnavailable`` means again later.
        most: Items in one batch.

    """

    def __init__(
        self, work: Callable[[list[T]], Awaitable[None]], most: int = 1000
    ) -> None:
        self._work = work
        self._most = most
        self._items: list[T] = []
        self._task: asyncio.Task[None] | None = None

    def push(self, items: Iterable[T]) -> None:
        """Add items."""
        self._items.extend(items)
        if self._items and self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def drain(self, seconds: float | None = None) -> None:
        """Wait until nothing is left, at most so long; what is left then is lost."""
        if self._task is not None:
            done, _ = await asyncio.wait([self._task], timeout=seconds)
            if not done:
                log.warning(
                    "gave up on %d unwritten items at the stop", len(self._items)
                )
                self._task.cancel()

    async def _run(self) -> None:
        pause = 0.1
        singly = 0  # so many items are worked one by one: a batch of them failed
        while self._items:
            batch = self._items[: 1 if singly else self._most]
            try:
                await self._work(batch)
            except StoreUnavailable as error:
                log.warning(
                    "cannot write to the database, retrying in %.1f s: %s", pause, error
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            except Exception:
                if len(batch) > 1:
                    singly = len(batch)
                    continue
                what = type(batch[0]).__name__  # never what it holds: texts are in it
                log.exception("dropped after an error: %s", what)
            pause = 0.1
            singly = max(singly - 1, 0)
            del self._items[: len(batch)]
        self._task = None
