"""
A node's own connection: it holds the lock on the node's name, and listens.

A notification is only a hint; a node that misses one finds the same by polling.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.store.contract import Hint, StoreUnavailable
from budstikke.store.contract.nodes import CHANNEL
from budstikke.store.engines.postgres.client import ANSWER_TIMEOUT
from budstikke.store.engines.postgres.failing import is_lost

if TYPE_CHECKING:
    from collections.abc import Callable

    import asyncpg

    from budstikke.store.engines.postgres.client import Client

log = logging.getLogger("budstikke.store")

HOLD_NAME = "SELECT pg_try_advisory_lock(hashtextextended($1, 1651729508))"

NAME_TRIES = 20
"""Tries; a server needs a moment to see that the previous process is gone."""

PAUSE = 0.1
"""Seconds between the first tries."""

LONGEST_PAUSE = 2.0

STILL_THERE = 10.0
"""Seconds after which a silent connection is checked."""


_hint = msgspec.json.Decoder(Hint).decode


class NodeSession:
    """
    Holds the lock on a node's name, and listens for hints.

    Args:
        client: Makes the connection.
        name: The node's.
        heard: Called with the hints of other nodes.

    """

    def __init__(
        self, client: Client, name: str, heard: Callable[[Hint], None]
    ) -> None:
        self._client = client
        self._name = name
        self._heard = heard
        self._task: asyncio.Task[None] | None = None
        self._connection: asyncpg.Connection[Any] | None = None

    async def start(self) -> None:
        """Take the name; raises StoreUnavailable if another process has it."""
        try:
            connection = await self._begin()
        except Exception as error:
            if is_lost(error):
                raise StoreUnavailable(str(error) or type(error).__name__) from error
            raise
        self._task = asyncio.get_running_loop().create_task(self._keep(connection))

    async def stop(self) -> None:
        """Release the name."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _begin(self) -> asyncpg.Connection[Any]:
        connection = await self._client.connect()
        try:
            for _ in range(NAME_TRIES):
                if await connection.fetchval(HOLD_NAME, self._name):
                    await connection.add_listener(CHANNEL, self._hear)
                    return connection
                await asyncio.sleep(PAUSE)
        except BaseException:
            connection.terminate()
            raise
        await connection.close()
        raise StoreUnavailable(f"another process is the node {self._name}")

    def _hear(self, *said: Any) -> None:
        try:
            hint = _hint(said[3])
        except msgspec.DecodeError:
            log.warning("ignored an unreadable NOTIFY payload")  # of a newer version?
            return
        self._heard(hint)

    async def _keep(self, connection: asyncpg.Connection[Any]) -> None:
        """Make a new connection whenever it is lost."""
        while True:
            try:
                while True:
                    await asyncio.sleep(STILL_THERE)
                    await connection.fetchval("SELECT 1", timeout=ANSWER_TIMEOUT)
            except asyncio.CancelledError:
                connection.terminate()
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is: connect anew
                log.warning("lost the connection that listens: %s", error)
                connection.terminate()
            connection = await self._again()

    async def _again(self) -> asyncpg.Connection[Any]:
        pause = PAUSE
        while True:
            try:
                return await self._begin()
            except Exception as error:  # noqa: BLE001 - the next try may succeed
                log.warning("cannot listen yet: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
