"""Partitions of the big tables while a store uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import insert

from budstikke.domain.receipt import ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.admin import open_engine
from budstikke.store.contract import CallbackResult, StoreUnavailable
from budstikke.store.engines.postgres.id_allocator import BLOCK_AGE, BLOCK_LIMIT
from budstikke.store.engines.postgres.layout import SMALLEST
from budstikke.store.engines.postgres.partitions import CALLBACKS, MESSAGES
from budstikke.store.move.finish_import import finish_import
from store.databases import postgres_of
from store.nodes import at_once, two_nodes
from store.parted import (
    DAY,
    ask,
    homes,
    layout,
    parted,
    parts_layout,
    turn,
    use_up,
)
from store.path import NOW, bulk, receipt

if TYPE_CHECKING:
    from budstikke.store.database_store import DatabaseStore
    from store.postgres_engine import PostgresEngine


async def test_a_new_database_has_one_in_use_and_one_behind_it(
    own: PostgresEngine,
) -> None:
    async with parted(own) as (path, store):
        below, used, last = await layout(store)
        assert (0, 1, 2) == (below.number, used.number, last.number)
        assert (1, used.high, None) == (used.low, last.low, last.high)
        assert (None, NOW, None) == (below.began, used.began, last.began)
        await path.accept()
        assert {"message_1"} == set(homes(own).values())
        assert {"part_1"} == set(homes(own, "part").values())


async def test_another_is_made_before_the_last_one_is_used(own: PostgresEngine) -> None:
    async with parted(own) as (_path, store):
        await use_up(store, SMALLEST * 7 // 8)
        await store.wake(NOW + DAY, 10, 0)
        messages, parts = await layout(store), await layout(store, parts_layout())
        assert [0, 1, 2, 3] == [p.number for p in messages]
        assert [p.high for p in messages[:-1]] == [p.low for p in messages[1:]]
        assert [p.low * 256 for p in messages] == [p.low for p in parts]
        assert (await layout(store))[2].began is None
        await store.wake(NOW + 2 * DAY, 10, 0)
        assert messages == await layout(store)
        await use_up(store, messages[2].low)
        await store.wake(NOW + 3 * DAY, 10, 0)
        assert NOW + 3 * DAY == (await layout(store))[2].began


async def test_callbacks_are_divided_by_their_own_ids(own: PostgresEngine) -> None:
    async with parted(own) as (path, store):
        ask(own, f"SELECT setval('callback_id_seq', {SMALLEST + 50})")
        await store.wake(NOW + DAY, 10, 0)
        await path.sent(smsc_ids=["x"])
        (row,) = await path.settle(receipt("x"))
        assert {row.id: "callback_2"} == homes(own, "callback")
        assert 4 == len(await layout(store, CALLBACKS))
        assert 3 == len(await layout(store))
        await store.record_callbacks([CallbackResult(row.id, "done", None, 1, "", NOW)])
        assert ["done"] == path.column("state", schema.callback)


async def test_two_nodes_make_one(own: PostgresEngine) -> None:
    async with two_nodes(own) as (one, two):
        store: DatabaseStore = one.store  # type: ignore[assignment]  # play opens these
        await use_up(store, SMALLEST)
        await at_once(*(p.store.wake(NOW + DAY, 10, 0) for p in (one, two) * 2))
        assert 4 == len(await layout(store))
        await at_once(*(p.store.wake(NOW + 2 * DAY, 10, 0) for p in (one, two)))
        assert 4 == len(await layout(store))


async def test_rows_on_both_sides_go_all_the_way(own: PostgresEngine) -> None:
    async with two_nodes(own) as (one, two):
        store: DatabaseStore = one.store  # type: ignore[assignment]  # play opens these
        (early,) = await one.accept(parts=2)
        await turn(one, store, NOW + DAY)
        await two.store.wake(NOW + DAY, 10, 0)
        (late,) = await one.accept(parts=2)
        (held,) = await two.accept(parts=2)  # of a block from before
        assert {early: "message_1", held: "message_1", late: "message_2"} == homes(own)
        parts = await store.claim(1, 10, NOW)
        assert [early, early, held, held, late, late] == [p.id >> 8 for p in parts]
        updates = [one.update(p.id, PartState.SENT, f"s{p.id}", parts=2) for p in parts]
        await store.record(updates, NOW)
        told = await two.settle(*(receipt(f"s{p.id}") for p in parts))
        assert {early, held, late} == {row.event.message_id for row in told}
        assert ["delivered"] * 3 == await one.states(early, held, late)


async def test_a_part_is_claimed_however_old_its_partition(own: PostgresEngine) -> None:
    async with parted(own) as (path, store):
        (waiting,) = await path.accept()
        (later,) = await path.accept(due_at=NOW + 200 * DAY)
        (gone,) = await path.sending(expires_at=NOW + 300 * DAY)
        for month in (1, 2, 3):
            await turn(path, store, NOW + month * 30 * DAY)
        assert 1 == postgres_of(store)._client.bounds.open_message
        (part,) = await store.claim(1, 10, NOW)
        assert waiting == part.id >> 8
        await path.answer(part.id, PartState.SENT, "x")
        await path.answer(gone, PartState.UNSURE, due_at=NOW + 150 * DAY)
        woken = await store.wake(NOW + 201 * DAY, 10, 0)
        assert {1} == woken.carriers
        assert [later << 8 | 1] == [p.id for p in await store.claim(1, 10, NOW)]
        assert "undelivered" == path.parts()[gone]


async def test_partitions_in_which_nothing_is_open_are_left_out(
    own: PostgresEngine,
) -> None:
    async with parted(own) as (path, store):
        (old,) = await path.sent(smsc_ids=["x"])
        first_id = store.reserve_ids(4)
        await store.accept_bulk(bulk(first_id, 3), [], NOW)
        for month in (1, 2, 3):
            await turn(path, store, NOW + month * 30 * DAY)
        assert 1 == postgres_of(store)._client.bounds.open_message
        ask(own, "UPDATE bulk SET done = total")
        await store.wake(NOW + 100 * DAY, 10, 0)
        lows = [p.low for p in await layout(store)]
        assert (
            lows[4]
            == postgres_of(store)._client.bounds.open_message
            == postgres_of(store)._client.bounds.recent
        )
        (young,) = await path.accept()
        assert [young << 8 | 1] == [p.id for p in await store.claim(1, 10, NOW)]
        (told,) = await path.settle(receipt("x"))
        assert old >> 8 == told.event.message_id


async def test_an_id_that_is_used_again_means_the_open_part(
    own: PostgresEngine,
) -> None:
    async with parted(own) as (path, store):
        (old,) = await path.sent(smsc_ids=["x"])
        for month in (1, 2):
            await turn(path, store, NOW + month * 30 * DAY)
        (young,) = await path.sent(smsc_ids=["x"])
        (other,) = await path.sent(
            "+4711111111", smsc_ids=["y"], recipient="+4711111111"
        )
        assert 1 < postgres_of(store)._client.bounds.recent
        await path.settle(receipt("x"))
        assert ("sent", "delivered") == (path.parts()[old], path.parts()[young])
        await path.settle(receipt("x", ReceiptState.UNDELIVERED), receipt("y"))
        assert "undelivered" == path.parts()[old]
        assert "delivered" == path.parts()[other]


async def test_a_database_that_was_filled_from_elsewhere_is_divided(
    own: PostgresEngine,
) -> None:
    last = 9 * SMALLEST
    ask(own, f"UPDATE meta SET value = '{last + 1}' WHERE key = 'next_id'")
    engine = open_engine(own.url)
    with engine.begin() as connection:
        connection.execute(insert(schema.callback), CALLBACK | {"id": last})
        finish_import(connection, {"callback": last}, NOW)
    engine.dispose()

    async with parted(own) as (path, store):
        for series in (MESSAGES, CALLBACKS):
            *_, used, behind = await layout(store, series)
            assert used.low < last < behind.low
            assert [0, 1, 2, 3] == [p.number for p in await layout(store, series)]
        (id_,) = await path.accept()
        assert {id_: "message_2"} == homes(own)
        assert {last: "callback_2"} == homes(own, "callback")


CALLBACK = {
    "access_id": 1,
    "message_id": 1,
    "event": "[]",
    "state": "done",
    "tries": 1,
    "answer": "",
    "at": NOW,
}


async def test_a_reader_delays_it_and_nothing_else(own: PostgresEngine) -> None:
    async with parted(own) as (path, store):
        await use_up(store, SMALLEST)
        with psycopg.connect(own.url) as reader:
            reader.execute("SELECT count(*) FROM message")
            await store.wake(NOW + DAY, 10, 0)
            assert 3 == len(await layout(store))
            (id_,) = await path.accept()
            assert ["accepted"] == await path.states(id_)
        await store.wake(NOW + 2 * DAY, 10, 0)
        assert 3 == len(await layout(store))  # it was in the way just now
        postgres_of(store)._partitions._changes.again_at = 0.0
        await store.wake(NOW + 3 * DAY, 10, 0)
        assert 4 == len(await layout(store))


async def test_a_node_alone_takes_no_ids_for_their_age(own: PostgresEngine) -> None:
    async with parted(own) as (_path, store):
        (block,) = postgres_of(store)._ids._blocks
        end, block.taken = block.end, block.taken - BLOCK_AGE - 1
        assert postgres_of(store)._ids._is_short()
        await postgres_of(store)._client.write(postgres_of(store)._ids.refill)
        assert not postgres_of(store)._ids._is_short()
        assert [end] == [b.end for b in postgres_of(store)._ids._blocks]
        await use_up(store, end + 1000)
        postgres_of(store)._ids._blocks[0].taken -= BLOCK_AGE + 1
        ask(own, "UPDATE meta SET value = '9000000' WHERE key = 'next_id'")
        await postgres_of(store)._client.write(postgres_of(store)._ids.refill)
        assert [9000000] == [b.next for b in postgres_of(store)._ids._blocks]


async def test_ids_of_long_ago_are_not_given(own: PostgresEngine) -> None:
    async with parted(own) as (path, store):
        postgres_of(store)._ids._blocks[0].taken -= BLOCK_LIMIT + 1
        with pytest.raises(StoreUnavailable):
            store.reserve_ids(1)
        await store.wake(NOW + 1, 10, 0)
        await path.accept()


async def test_a_last_one_with_much_in_it_is_left_as_it_is(
    own: PostgresEngine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("budstikke.store.engines.postgres.partitions.MOST_OCTETS", 8000)

    async with parted(own) as (path, store):
        await use_up(store, 3 * SMALLEST)
        old = {"accepted_at": NOW - 9 * DAY, "expires_at": NOW - 8 * DAY}
        await path.accept(**old)
        for day in (1, 2, 3):
            await store.wake(NOW + day * DAY, 10, 0)
        assert 3 == len(await layout(store))
        said = "partition message_2 has too many rows to set its upper bound"
        assert [said] == [
            r.getMessage() for r in caplog.records if r.levelname == "WARNING"
        ]
        assert 1 == await store.purge(NOW, 10)
