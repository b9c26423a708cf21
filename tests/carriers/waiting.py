"""Waiting for what will happen, without sleeping."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable

LONG = PATIENCE
"""Seconds after which a test has failed."""


class Waiting:
    """Something that notifies; ``until`` waits for a condition on it."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONG):
            while not condition():
                self._changed.clear()
                await self._changed.wait()
