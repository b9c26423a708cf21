"""
How long work may hold the event loop before other tasks run.

Long work is done in pieces, and all tasks with such work share one allowance: ``TURN``
seconds in each turn of the loop. With an allowance for each task, a hundred large
orders at once would hold the loop a hundred times as long.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import lru_cache
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

TURN = 0.005
"""Seconds; other callbacks wait for this, and for the piece that ends it."""

PIECE = 20
"""
Items that are worked before the time is looked at.

The dearest are numbers that are none, 0.1 ms each, and the first of a country, 2 ms.
"""

Item = TypeVar("Item")
P = ParamSpec("P")
Result = TypeVar("Result")


class _Turns:
    """
    The turns of an event loop in which long work is done: one task's in each.

    Attributes:
        until: When the present turn's allowance is over, by ``perf_counter``.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_soon = loop.call_soon
        self._new_future = loop.create_future
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._counting = False
        self.until = 0.0

    def begin(self) -> float:
        """Return until when work that begins now may continue."""
        if not self._counting:
            self._counting = True
            self.until = perf_counter() + TURN
            self._call_soon(self._next)
        return self.until

    async def rest(self) -> None:
        """Wait for a turn, after tasks that wait already, and after other callbacks."""
        self.begin()
        turn = self._new_future()
        self._waiting.append(turn)
        await turn
        self.until = perf_counter() + TURN

    def _next(self) -> None:
        """Give the turn that begins now to the task that has waited longest."""
        self._counting = False
        while self._waiting and not self._counting:
            turn = self._waiting.popleft()
            if not turn.done():  # done: its task was cancelled
                turn.set_result(None)
                self.begin()


@lru_cache(maxsize=4)  # of a program's one loop; tests have one after the other
def _turns_of(loop: asyncio.AbstractEventLoop) -> _Turns:
    return _Turns(loop)


@lru_cache(maxsize=4)
def _gate_of(_: asyncio.AbstractEventLoop) -> asyncio.Lock:
    return asyncio.Lock()


class Pace:
    """
    Lets others run when long work has taken its ``TURN`` seconds of the loop's turn.

    Counting items would not do: one text takes a hundred times as long as another.
    """

    def __init__(self) -> None:
        self._turns = _turns_of(asyncio.get_running_loop())
        self._until = self._turns.begin()

    async def rest(self) -> None:
        """Let other tasks run, if it is time."""
        if perf_counter() >= self._until:
            await self._turns.rest()
            self._until = self._turns.until


AT_ONCE = 2_000
"""Items of an order to work on the event loop without a rest: about 1 ms."""


async def in_thread(
    work: Callable[P, Result], *args: P.args, **named: P.kwargs
) -> Result:
    """
    Do pure work in a thread, one piece of work at a time.

    The thread shares the interpreter with the loop, which gets it after 0.1 ms; but a
    call into C keeps the interpreter until it returns. The loop itself starts each
    piece of work, so that a callback of the loop meets at most one of them, and not all
    that wait.
    """
    async with _gate_of(asyncio.get_running_loop()):
        return await asyncio.to_thread(work, *args, **named)


async def aside(
    items: int, work: Callable[P, Result], *args: P.args, **named: P.kwargs
) -> Result:
    """Do pure work on ``items`` items; with more than ``AT_ONCE``, in a thread."""
    if items <= AT_ONCE:
        return work(*args, **named)
    return await in_thread(work, *args, **named)


async def pieces(
    items: Sequence[Item], size: int = PIECE
) -> AsyncIterator[tuple[int, Sequence[Item]]]:
    """Cut a long list: yield where each piece starts, and the piece."""
    if len(items) <= size:  # nearly all orders are so short
        if items:
            yield 0, items
        return
    pace = Pace()
    for start in range(0, len(items), size):
        yield start, items[start : start + size]
        await pace.rest()
