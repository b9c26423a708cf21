"""Conformance: who holds a link to an operator."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from budstikke.store.contract import LINK_LEASE
from store.databases import postgres_of, postgres_store
from store.path import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from budstikke.store.contract import Store
    from budstikke.store.database_store import DatabaseStore
    from store.engines import Engine
    from store.postgres_engine import PostgresEngine

ONE = [(1, 1, True)]
"""To carrier 1 one node may have a link."""


@asynccontextmanager
async def alone(engine: Engine) -> AsyncIterator[Store]:
    store = engine.store()
    await store.open(NOW)
    try:
        yield store
    finally:
        await store.close()


async def test_a_node_holds_what_it_asks_for(engine: Engine) -> None:
    async with alone(engine) as store:
        asked = [(1, 1, True), (2, 0, False), (3, 2, True)]
        assert {1, 2, 3} == await store.lease_binds(asked, NOW)
        assert {1, 2, 3} == await store.lease_binds(asked, NOW + 1)
        assert set() == await store.lease_binds([], NOW)


async def test_a_lease_that_is_over_is_had_again(engine: Engine) -> None:
    async with alone(engine) as store:
        await store.lease_binds(ONE, NOW)
        assert {1} == await store.lease_binds(ONE, NOW + 10 * LINK_LEASE)


async def test_own_links_are_not_those_of_others(engine: Engine) -> None:
    async with alone(engine) as store:
        await store.lease_binds(ONE, NOW)
        assert set() == await store.bound_elsewhere(NOW)


async def test_what_is_unbound_may_be_bound(engine: Engine) -> None:
    async with alone(engine) as store:
        await store.lease_binds(ONE, NOW)
        await store.release_binds([1, 2])
        assert {1} == await store.lease_binds(ONE, NOW)


# Several nodes: PostgreSQL only


@asynccontextmanager
async def node(engine: PostgresEngine, name: str) -> AsyncIterator[DatabaseStore]:
    store = postgres_store(engine.url, node=name)
    await store.open(NOW)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def two_stores(
    engine: PostgresEngine,
) -> AsyncIterator[tuple[DatabaseStore, DatabaseStore]]:
    async with node(engine, "a") as one, node(engine, "b") as two:
        yield one, two


async def test_a_limit_is_kept(postgres: PostgresEngine) -> None:
    async with two_stores(postgres) as (one, two):
        for _ in range(20):
            held = await asyncio.gather(
                *(store.lease_binds(ONE, NOW) for store in (one, two) for _ in range(3))
            )
            assert [set()] * 3 + [{1}] * 3 == sorted(held, key=len)
            holder, other = (one, two) if held[0] else (two, one)
            await holder.release_binds([1])
            assert {1} == await other.lease_binds(ONE, NOW)
            await other.release_binds([1])


async def test_no_limit_and_a_larger_one(postgres: PostgresEngine) -> None:
    async with two_stores(postgres) as (one, two):
        asked = [(1, 0, True), (2, 2, True), (3, 1, True)]
        assert {1, 2, 3} == await one.lease_binds(asked, NOW)
        assert {1, 2} == await two.lease_binds(asked, NOW)


async def test_the_link_of_a_dead_node_is_free_when_its_lease_is_over(
    postgres: PostgresEngine,
) -> None:
    async with two_stores(postgres) as (one, two):
        await one.lease_binds(ONE, NOW)
        assert set() == await two.lease_binds(ONE, NOW + LINK_LEASE - 1)
        assert {1} == await two.lease_binds(ONE, NOW + LINK_LEASE)
        assert set() == await one.lease_binds(ONE, NOW + LINK_LEASE)


async def test_a_new_process_of_that_name_has_its_links_at_once(
    postgres: PostgresEngine,
) -> None:
    one = postgres_store(postgres.url, node="a")
    await one.open(NOW)
    await one.lease_binds(ONE, NOW)
    await postgres_of(one)._session.stop()
    await postgres_of(one)._client.close()
    async with node(postgres, "a") as again:
        assert {1} == await again.lease_binds(ONE, NOW)


async def test_links_of_others_are_known_while_they_are_up(
    postgres: PostgresEngine,
) -> None:
    async with two_stores(postgres) as (one, two):
        await one.lease_binds([(1, 0, True), (2, 0, False)], NOW)
        assert {1} == await two.bound_elsewhere(NOW)
        await one.lease_binds([(1, 0, False), (2, 0, True)], NOW + 1)
        assert {2} == await two.bound_elsewhere(NOW + 1)
        assert set() == await two.bound_elsewhere(NOW + 1 + LINK_LEASE)
