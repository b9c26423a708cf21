"""Events by cursor while nodes make them: none is ever passed."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.callback_listing import EventsPage, EventsQuery
from budstikke.domain.message import StatusEvent
from budstikke.domain.states import PartState
from budstikke.store.engines.postgres.connection import Connection
from budstikke.store.verbs.callback_ids import draw, settled
from budstikke.store.verbs.settlement import settle_receipts
from store.databases import postgres_of
from store.nodes import held, two_nodes
from store.path import KEEP, NOW, RECIPIENT, Path, receipt
from store.phones import told

if TYPE_CHECKING:
    from store.postgres_engine import PostgresEngine


async def read(path: Path, after: int = 0, limit: int = 100) -> EventsPage:
    page = await path.store.ask(
        EventsQuery(access_id=1, limit=limit, after=after), 1, NOW
    )
    assert isinstance(page, EventsPage)
    return page


def messages(*pages: EventsPage) -> list[int]:
    events = [event for page in pages for event in page.events]
    return [event.message_id for event in events if isinstance(event, StatusEvent)]


async def delivered(path: Path, smsc_id: str) -> int:
    """Have an event made; returns its message."""
    (part,) = await path.sent(smsc_ids=[smsc_id])
    assert 1 == len(await path.settle(receipt(smsc_id)))
    return part >> 8


async def test_an_event_that_is_committed_late_is_not_passed(
    one: Path,
    two: Path,
) -> None:
    (part,) = await one.sent(smsc_ids=["late"], carrier_id=1)
    before = await delivered(two, "before")
    async with held(one, settle_receipts, 1, [receipt("late")], NOW, KEEP) as late:
        (answered,) = await two.sending(carrier_id=2)
        await two.answer(answered, PartState.REJECTED, carrier_id=2)
        page = await read(two)
        assert ([before], False) == (messages(page), page.more)
        assert [] == messages(await read(two, page.next))
        await late.commit()
        rest = await read(two, page.next)
    assert [part >> 8, answered >> 8] == messages(rest)
    assert [] == messages(await read(two, rest.next))


async def test_a_node_that_was_idle_gives_no_old_ids(one: Path, two: Path) -> None:
    made = [await delivered(one, "1"), await delivered(two, "2")]
    page = await read(two)
    made.append(await delivered(one, "3"))
    assert made == messages(page, await read(two, page.next))


@pytest.mark.parametrize("statement", [1, 2, 3, 4])
async def test_a_commit_between_the_statements_of_a_reader(
    postgres: PostgresEngine, monkeypatch: pytest.MonkeyPatch, statement: int
) -> None:
    """It commits before the reader's first statement, its second, or its third."""

    async with two_nodes(postgres) as (one, two):
        (part,) = await one.sent(smsc_ids=["late"])
        async with held(one, settle_receipts, 1, [receipt("late")], NOW, KEEP) as late:
            (other,) = await two.sending(carrier_id=2)
            await two.answer(other, PartState.REJECTED, carrier_id=2)
            with monkeypatch.context() as patched:
                count = itertools.count(1)

                def watch(name: str) -> None:
                    run = getattr(Connection, name)

                    async def watched(*args: Any) -> Any:
                        if next(count) == statement:
                            await late.commit()
                        return await run(*args)

                    patched.setattr(Connection, name, watched)

                watch("value")
                watch("rows")
                page = await read(two)
                assert 4 == next(count)
        rest = await read(two, page.next)
        assert [part >> 8, other >> 8] == messages(page, rest)


async def test_none_is_passed_while_two_nodes_make_them(one: Path, two: Path) -> None:
    names = [f"id{n}" for n in range(200)]
    parts = [
        part
        for carrier, path in ((1, one), (2, two))
        for part in await path.sent(
            *[RECIPIENT] * len(names), smsc_ids=names, carrier_id=carrier
        )
    ]

    async def settle(path: Path, carrier_id: int) -> None:
        for name in names:
            await path.settle(receipt(name), carrier_id=carrier_id)

    making = asyncio.gather(settle(one, 1), settle(two, 2))
    seen: list[int] = []
    cursor, looks, over = 0, 0, False
    while not over:
        over = making.done()
        page = await read(two, cursor, 1000)
        cursor = page.next
        seen += messages(page)
        looks += 1
    await making
    assert looks > 10
    assert sorted(part >> 8 for part in parts) == sorted(seen)


async def test_events_of_a_batch_of_phones_are_in_its_order(
    one: Path,
    two: Path,
) -> None:
    await one.store.receive(told(one, "a", "b"), NOW)
    await two.store.receive(told(two, "c"), NOW)
    page = await read(two)
    assert ["a", "b", "c"] == [getattr(event, "text", "") for event in page.events]


async def test_whoever_draws_says_what_is_below(one: Path, two: Path) -> None:
    store = one.store

    async def job(connection: Connection) -> tuple[list[list[int]], int]:
        drawn = [await draw(connection, count) for count in (2, 1, 3)]
        return drawn, await settled(connection, 100)

    assert ([[1, 2], [3], [4, 5, 6]], 0) == await postgres_of(store)._client.write(job)
    assert ([[7, 8], [9], [10, 11, 12]], 6) == await postgres_of(store)._client.write(
        job
    )
    assert 100 == await postgres_of(store)._client.read(lambda c: settled(c, 100))
    assert 5 == await postgres_of(store)._client.read(lambda c: settled(c, 5))
