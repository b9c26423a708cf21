"""Two nodes on one PostgreSQL, and the end of one."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from store.databases import postgres_of, postgres_store
from store.path import NOW, Path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from store.postgres_engine import PostgresEngine


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
