"""What tests of partitions do with a database of their own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import psycopg

from budstikke.store.engines.postgres.layout import Layout, Series
from budstikke.store.engines.postgres.partitions import MESSAGES, read_layout
from store.databases import postgres_of, postgres_store
from store.path import NOW, Path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from budstikke.store.database_store import DatabaseStore
    from store.postgres_engine import PostgresEngine

DAY = 86400.0


@asynccontextmanager
async def parted(engine: PostgresEngine) -> AsyncIterator[tuple[Path, DatabaseStore]]:
    """Open a node for the block, and let it look at the partitions."""
    store = postgres_store(engine.url, node="one")
    await store.open(NOW)
    try:
        await store.wake(NOW, 10, 0)
        yield Path(engine, store), store
    finally:
        await store.close()


def ask(engine: PostgresEngine, statement: str) -> list[tuple[object, ...]]:
    """Ask the database, beside any store."""
    with psycopg.connect(engine.url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


async def layout(store: DatabaseStore, series: Series = MESSAGES) -> Layout:
    return await postgres_of(store)._client.read(lambda c: read_layout(c, series))


def parts_layout() -> Series:
    """Read the bounds of parts as if they were a series of their own."""
    return Series({"part": 1}, "", "")


async def use_up(store: DatabaseStore, next_id: int) -> None:
    """Let all ids before this one be used, and take a block after them."""
    await postgres_of(store)._client.write(
        lambda c: c.execute(
            "UPDATE meta SET value = $1 WHERE key = 'next_id'", str(next_id)
        )
    )
    ids = postgres_of(store)._ids
    ids._blocks.clear()
    await postgres_of(store)._client.write(ids.refill)


async def turn(path: Path, store: DatabaseStore, now: float) -> None:
    """Use up the partition in use; the next one begins at this time."""
    used = (await layout(store))[-2]
    assert used.high is not None
    await use_up(store, used.high - 1)
    await store.wake(now, 10, 0)
    await use_up(store, used.high)
    await store.wake(now + 11, 10, 0)


def homes(engine: PostgresEngine, table: str = "message") -> dict[int, str]:
    """Tell in which partition each row is."""
    found = ask(engine, f"SELECT id, tableoid::regclass::text FROM {table}")
    return {int(str(id_)): str(name) for id_, name in found}
