"""Set ids aside in time: giving one is no round trip."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.client import Client
    from budstikke.store.engines.postgres.node import Node

log = logging.getLogger("budstikke.store")


class IdAllocator:
    """
    Sets aside blocks of ids for a node, before it needs them.

    Args:
        client: Has the database.
        node: Has the blocks.

    """

    def __init__(self, client: Client, node: Node) -> None:
        self._client = client
        self._node = node
        self._task: asyncio.Task[None] | None = None

    def reserve(self, count: int) -> int:
        """Give ids; returns the first. Raises StoreUnavailable when there are none."""
        try:
            return self._node.reserve(count)
        finally:
            if self._node.short() and (self._task is None or self._task.done()):
                self._task = asyncio.get_running_loop().create_task(self._refill())

    async def keep(self) -> None:
        """See to it that there are new ids, though none is asked for."""
        if self._node.idle():
            await self._refill()

    async def _refill(self) -> None:
        try:
            await self._client.write(self._node.refill)
        except StoreUnavailable as error:
            log.warning("could not reserve a block of ids: %s", error)

    async def close(self) -> None:
        """Give up what is under way."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
