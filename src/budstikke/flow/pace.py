"""How long a task works before others have their turn."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

TURN = 0.005
"""Seconds; what comes in between waits for this and for the piece that ends it."""

PIECE = 20
"""
Items that are worked before the time is looked at.

The dearest are numbers that are none, 0.1 ms each, and the first of a country, 2 ms.
"""

Item = TypeVar("Item")
P = ParamSpec("P")
Result = TypeVar("Result")


class Pace:
    """
    Lets others run when a task has worked for ``TURN`` seconds.

    Counting items would not do: one text takes a hundred times as long as another.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._until = clock() + TURN

    async def rest(self) -> None:
        """Let others run, if it is time."""
        if self._clock() >= self._until:
            await asyncio.sleep(0)
            self._until = self._clock() + TURN


AT_ONCE = 2_000
"""Items of an order that are worked on the event loop without a rest: about 1 ms."""


async def aside(
    items: int, work: Callable[P, Result], *args: P.args, **named: P.kwargs
) -> Result:
    """
    Do pure work on so many items: of more than ``AT_ONCE`` in a thread.

    There it shares the interpreter with the loop, which has its turn after 0.1 ms.
    """
    if items <= AT_ONCE:
        return work(*args, **named)
    return await asyncio.to_thread(work, *args, **named)


async def pieces(
    items: Sequence[Item], size: int = PIECE
) -> AsyncIterator[tuple[int, Sequence[Item]]]:
    """Cut a long list: where each piece starts, and the piece."""
    pace = Pace()
    for start in range(0, len(items), size):
        yield start, items[start : start + size]
        await pace.rest()
