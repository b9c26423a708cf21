"""In which turns of the event loop a function is called."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import FrameType


@asynccontextmanager
async def calls_by_turn(function: Callable[..., Any]) -> AsyncIterator[Counter[int]]:
    """Count the calls of a function in each turn of the loop until the block ends."""
    turn = 0
    calls: Counter[int] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is function.__code__:
            calls[turn] += 1

    async def count() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None)
        counting.cancel()
