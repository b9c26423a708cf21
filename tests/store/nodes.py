"""Two nodes on one PostgreSQL, and the end of one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from patience import PATIENCE
from store.databases import postgres_of, postgres_store
from store.parted import ask
from store.path import NOW, Path
from store.postgres_engine import PostgresEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from budstikke.store.engines.postgres.connection import Connection


@asynccontextmanager
async def node(engine: PostgresEngine, name: str) -> AsyncIterator[Path]:
    store = postgres_store(engine.url, node=name)
    await store.open(NOW)
    try:
        yield Path(engine, store)
    finally:
        await store.close()


@asynccontextmanager
async def two_nodes(engine: PostgresEngine) -> AsyncIterator[tuple[Path, Path]]:
    """Open two nodes for the block."""
    async with node(engine, "a") as one, node(engine, "b") as two:
        yield one, two


async def kill(path: Path) -> None:
    """Let a node vanish: its connections are gone, and nothing is said."""
    engine = postgres_of(path.store)
    await engine._session.stop()
    assert engine._client._pool is not None
    engine._client._pool.terminate()
    engine._client._pool = None


async def at_once(*each: Coroutine[Any, Any, Any]) -> list[Any]:
    return list(await asyncio.gather(*each))


WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


class Held:
    """A verb that a node has run, and whose commit is held back until ``commit``."""

    def __init__(self, task: asyncio.Task[None], go: asyncio.Event) -> None:
        self._task = task
        self._go = go

    async def commit(self) -> None:
        self._go.set()
        await self._task


@asynccontextmanager
async def held(
    path: Path, verb: Callable[..., Coroutine[Any, Any, Any]], *args: Any
) -> AsyncIterator[Held]:
    """Let a node run a verb, all but its commit."""
    done, go = asyncio.Event(), asyncio.Event()

    async def job(connection: Connection) -> None:
        await verb(connection, *args)
        done.set()
        await go.wait()

    task = asyncio.create_task(postgres_of(path.store)._client.write(job))
    before = Held(task, go)
    await asyncio.wait_for(done.wait(), PATIENCE)
    try:
        yield before
    finally:
        await before.commit()


def is_waiting(path: Path) -> bool:
    """Tell whether a node waits for what another has locked."""
    assert isinstance(path.engine, PostgresEngine)
    return ask(path.engine, WAITING) != [(0,)]


async def crossing(path: Path, before: Held, later: Coroutine[Any, Any, Any]) -> Any:
    """Commit what is held once ``later`` waits for it or is done; return its result."""
    task = asyncio.ensure_future(later)
    async with asyncio.timeout(PATIENCE):
        while not task.done() and not is_waiting(path):  # noqa: ASYNC110 - of a server
            await asyncio.sleep(0)
    await before.commit()
    return await task
