"""Two ends of a line in one process."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from budstikke.workers.line import Line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping


class End:
    """One end, and whether it has lost the other."""

    def __init__(
        self,
        functions: Mapping[str, Callable[..., Awaitable[Any]]],
        notes: Mapping[str, Callable[..., None]],
        tied: frozenset[str] = frozenset(),
    ) -> None:
        self.lost = asyncio.Event()
        self.line = Line(functions, notes, self.lost.set, tied)


@asynccontextmanager
async def joined(one: End, other: End) -> AsyncIterator[None]:
    """Have two ends speak to each other during the block."""
    ours, theirs = socket.socketpair()
    await one.line.connect(ours)
    await other.line.connect(theirs)
    try:
        yield
    finally:
        for end in (one, other):
            if end.line.open:
                end.line.close()
        await one.lost.wait()
        await other.lost.wait()
