"""Parts that are this node's by an answer that it never got are put back."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import BulkRow, StoreUnavailable
from budstikke.store.engines.postgres.failing import CommitUnknown
from budstikke.store.engines.postgres.in_doubt import KEEP
from store.databases import postgres_of, postgres_store
from store.path import NOW, RECIPIENT, Path

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from budstikke.store.database_store import DatabaseStore
    from store.postgres_engine import PostgresEngine


@asynccontextmanager
async def one_node(engine: PostgresEngine) -> AsyncIterator[tuple[Path, DatabaseStore]]:
    store = postgres_store(engine.url, node="a")
    await store.open(NOW)
    try:
        yield Path(engine, store), store
    finally:
        await store.close()


def unheard(verb: Callable[..., Awaitable[Any]], store: DatabaseStore) -> Any:
    """Let a verb of the client do what it does, and the answer be lost."""

    async def run(*jobs: Any) -> Any:
        await verb(*jobs)
        postgres_of(store)._client.lost += 1
        raise CommitUnknown("the answer was lost")

    return run


def twice(verb: Callable[..., Awaitable[Any]], store: DatabaseStore) -> Any:
    """Let a verb be run again because the first answer was lost."""

    async def run(job: Any) -> Any:
        await verb(job)
        postgres_of(store)._client.lost += 1
        return await verb(job)

    return run


async def test_a_claim_without_an_answer(
    postgres: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with one_node(postgres) as (path, store):
        await path.accept(*[RECIPIENT] * 5)
        (ours,) = await store.claim(1, 1, NOW)
        with monkeypatch.context() as lossy:
            lossy.setattr(
                postgres_of(store)._client,
                "read",
                unheard(postgres_of(store)._client.read, store),
            )
            with pytest.raises(StoreUnavailable):
                await store.claim(1, 3, NOW + 1)
        assert ["queued", "sending"] == sorted(set(path.parts().values()))
        woken = await store.wake(NOW + 2, 10, 10)
        assert {1} == woken.carriers
        assert "sending" == path.parts()[ours.id]
        assert 4 == len(await store.claim(1, 10, NOW + 3))


async def test_a_claim_that_was_made_twice(
    postgres: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with one_node(postgres) as (path, store):
        await path.accept(*[RECIPIENT] * 5)
        with monkeypatch.context() as lossy:
            lossy.setattr(
                postgres_of(store)._client,
                "read",
                twice(postgres_of(store)._client.read, store),
            )
            ours = await store.claim(1, 2, NOW + 1)
        await store.wake(NOW + 2, 10, 10)
        assert {part.id for part in ours} == {
            id_ for id_, state in path.parts().items() if state == "sending"
        }


async def test_an_accept_without_an_answer(
    postgres: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with one_node(postgres) as (path, store):
        client = postgres_of(store)._client
        with monkeypatch.context() as lossy:
            lossy.setattr(client, "write", unheard(client.write, store))
            with pytest.raises(StoreUnavailable):
                await path.sending()
        assert ["sending"] == list(path.parts().values())
        await store.wake(NOW + 1, 10, 10)
        assert ["cancelled"] == list(path.parts().values())
        assert ["cancelled"] == path.column("state", schema.message)
        assert [] == await store.claim(1, 10, NOW + 2)
        assert [] == postgres_of(store)._in_doubt._orders


async def test_an_accept_without_an_answer_that_is_asked_for_again(
    postgres: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its idempotency key finds it: it is sent."""
    async with one_node(postgres) as (path, store):
        draft = path.draft(store.reserve_ids(1), state=PartState.SENDING)
        draft.key = "k", "digest", b"{}"
        client = postgres_of(store)._client
        with monkeypatch.context() as lossy:
            lossy.setattr(client, "write", unheard(client.write, store))
            with pytest.raises(StoreUnavailable):
                await store.accept([draft], NOW)
        woken = await store.wake(NOW + 1, 10, 10)
        assert {1} == woken.carriers
        assert ["queued"] == list(path.parts().values())
        assert 1 == len(await store.claim(1, 10, NOW + 2))
        await store.wake(NOW + 3, 10, 10)  # and what is sent now is left alone
        assert ["sending"] == list(path.parts().values())


async def test_a_bulk_order_without_an_answer(
    postgres: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with one_node(postgres) as (_, store):
        row = BulkRow(store.reserve_ids(9), 1, NOW, 500, 2, 0, b"{}", b'["1","2"]')
        client = postgres_of(store)._client
        with monkeypatch.context() as lossy:
            lossy.setattr(client, "write", unheard(client.write, store))
            with pytest.raises(StoreUnavailable):
                await store.accept_bulk(row, [], NOW + 120)
        assert [row.id] == [bulk.id for bulk in await store.open_bulks()]
        await store.wake(NOW + 1, 10, 10)
        assert [] == await store.open_bulks()


async def test_orders_that_were_not_stored_are_forgotten(
    postgres: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with one_node(postgres) as (_, store):
        row = BulkRow(store.reserve_ids(9), 1, NOW, 500, 2, 0, b"{}", b'["1","2"]')
        postgres_of(store)._in_doubt.of_orders([row], NOW)
        await store.wake(NOW + KEEP, 10, 10)
        assert [row] == postgres_of(store)._in_doubt._orders
        await store.wake(NOW + KEEP + 1, 10, 10)
        assert [] == postgres_of(store)._in_doubt._orders


async def test_doubts_end(
    postgres: PostgresEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with one_node(postgres) as (path, store):
        await path.accept()
        with monkeypatch.context() as lossy:
            lossy.setattr(
                postgres_of(store)._client,
                "read",
                unheard(postgres_of(store)._client.read, store),
            )
            with pytest.raises(StoreUnavailable):
                await store.claim(1, 1, NOW)
        await store.wake(NOW + KEEP, 10, 10)
        assert postgres_of(store)._in_doubt._claims
        await store.wake(NOW + KEEP + 1, 10, 10)
        assert [] == postgres_of(store)._in_doubt._claims
