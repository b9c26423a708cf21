"""Old partitions go, and what is still needed of them stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from budstikke.store.contract import CallbackResult
from budstikke.store.engines.postgres.layout import SMALLEST
from budstikke.store.engines.postgres.partitions import CALLBACKS
from store.databases import postgres_of
from store.nodes import at_once, two_nodes
from store.parted import (
    DAY,
    ask,
    homes,
    layout,
    parted,
    turn,
    use_up,
)
from store.path import NOW, RECIPIENT, bulk, receipt

if TYPE_CHECKING:
    from budstikke.store.database_store import DatabaseStore
    from store.postgres_engine import PostgresEngine


async def test_one_is_dropped_when_all_of_it_is_old_and_over(
    own: PostgresEngine,
) -> None:
    async with parted(own) as (path, store):
        await path.sent(*[RECIPIENT] * 5, smsc_ids=[f"x{n}" for n in range(5)])
        await turn(path, store, NOW + 30 * DAY)
        (young,) = await path.accept(
            accepted_at=NOW + 31 * DAY, expires_at=NOW + 34 * DAY
        )
        assert 0 == await store.purge(NOW + 20 * DAY, 100)  # none alone
        assert 6 == len(homes(own))
        assert 0 == await store.purge(NOW + 34 * DAY, 100)  # blocks may still be held
        assert 5 == await store.purge(NOW + 35 * DAY, 100) - 1
        first, *_ = await layout(store)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert SMALLEST < (first.high or 0)
        assert [] == await store.messages([young])
        await store.accept([path.draft(5000)], NOW)
        assert {5000: "message_0"} == homes(own)
        assert 0 == await store.purge(NOW + DAY, 100)
        assert 1 == await store.purge(NOW + 2 * DAY, 100)


@pytest.mark.parametrize("state", ["queued", "sending", "unsure"])
async def test_what_is_open_outlives_its_partition(
    own: PostgresEngine, state: str
) -> None:
    async with parted(own) as (path, store):
        (id_,) = await path.accept()
        ask(own, f"UPDATE part SET state = '{state}'")
        await turn(path, store, NOW + 30 * DAY)
        await postgres_of(store)._retirement.retire(NOW + 40 * DAY, 100)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert {id_: "message_0"} == homes(own)
        assert {(id_ << 8) + 1: "part_0"} == homes(own, "part")
        await store.wake(NOW + 90 * DAY, 10, 0)
        assert 0 == postgres_of(store)._client.bounds.open_message


async def test_what_is_made_late_of_a_large_order_has_a_place(
    own: PostgresEngine,
) -> None:
    async with parted(own) as (path, store):
        first_id = store.reserve_ids(4)
        await store.accept_bulk(bulk(first_id, 3), [], NOW)
        await turn(path, store, NOW + 30 * DAY)
        await store.purge(NOW + 40 * DAY, 100)
        await store.wake(NOW + 90 * DAY, 10, 0)
        await store.accept([path.draft(first_id + 1)], NOW)
        assert {first_id + 1: "message_0"} == homes(own)
        assert [first_id + 1] == [p.id >> 8 for p in await store.claim(1, 10, NOW)]


async def test_one_of_which_is_still_told_waits(own: PostgresEngine) -> None:
    async with parted(own) as (path, store):
        await path.sent(smsc_ids=["x"])
        (row,) = await path.settle(receipt("x"))
        await turn(path, store, NOW + 30 * DAY)
        assert 0 == await store.purge(NOW + 40 * DAY, 100)
        assert 1 == len(homes(own))
        await store.record_callbacks([CallbackResult(row.id, "done", None, 1, "", NOW)])
        assert 1 == await store.purge(NOW + 40 * DAY, 100)


async def test_what_is_scheduled_long_ahead_outlives_its_partition(
    own: PostgresEngine,
) -> None:
    async with parted(own) as (path, store):
        kept = await path.accept(
            *[RECIPIENT] * 3, due_at=NOW + 200 * DAY, expires_at=NOW + 201 * DAY
        )
        gone = await path.sent(*[RECIPIENT] * 30, smsc_ids=[str(n) for n in range(30)])
        await turn(path, store, NOW + 30 * DAY)
        for _ in range(9):
            await store.purge(NOW + 35 * DAY, 10)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert dict.fromkeys(kept, "message_0") == homes(own)
        assert {(id_ << 8) + 1 for id_ in kept} == set(homes(own, "part"))
        assert [] == await store.messages([gone[0] >> 8])
        await store.wake(NOW + 200 * DAY, 10, 0)
        assert kept == [p.id >> 8 for p in await store.claim(1, 10, NOW)]


async def test_what_hung_on_messages_goes_with_them(own: PostgresEngine) -> None:
    async with parted(own) as (path, store):
        gone, inbound = await path.accept(), store.reserve_ids(1)
        ask(own, "UPDATE part SET state = 'sent'")
        await turn(path, store, NOW + 30 * DAY)
        kept = await path.accept(expires_at=NOW + 90 * DAY)
        for id_ in (*gone, *kept):
            ask(
                own, f"INSERT INTO mms (message_id, text, files) VALUES ({id_}, '', '')"
            )
        for id_ in (*gone, *kept, inbound):
            ask(
                own,
                "INSERT INTO media (id, message_id, place, name, type, size, data)"
                f" VALUES ('{id_}', {id_}, 1, '', '', 0, '')",
            )
        ask(own, INBOUND.format(id=inbound, at=NOW + 90 * DAY))
        for _ in range(3):
            await store.purge(NOW + 35 * DAY, 1)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert [(id_,) for id_ in kept] == ask(own, "SELECT message_id FROM mms")
        media = ask(own, "SELECT message_id FROM media ORDER BY 1")
        assert [(inbound,), *((id_,) for id_ in kept)] == media


INBOUND = """
INSERT INTO inbound (id, carrier_id, originator, recipient, kind, text, data, subject,
    keyword, missing, opt_out, sent_at, came_at)
VALUES ({id}, 1, '', '', '', '', '', '', '', 0, false, {at}, {at})"""


async def test_two_nodes_drop_one(own: PostgresEngine) -> None:
    async with two_nodes(own) as (one, two):
        store: DatabaseStore = one.store  # type: ignore[assignment]  # play opens these
        await store.wake(NOW, 10, 0)
        await one.sent(*[RECIPIENT] * 5, smsc_ids=[str(n) for n in range(5)])
        await turn(one, store, NOW + 30 * DAY)
        (young,) = await one.accept(accepted_at=NOW + 50 * DAY)
        before = NOW + 35 * DAY
        gone = await at_once(*(p.store.purge(before, 10) for p in (one, two) * 3))
        assert 5 == sum(gone)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert {young: "message_2"} == homes(own)


async def test_callbacks_go_with_their_attempts(own: PostgresEngine) -> None:
    async with parted(own) as (path, store):
        await path.sent(smsc_ids=["x"])
        (row,) = await path.settle(receipt("x"))
        failed = CallbackResult(
            row.id, "failed", None, 3, "no", NOW, 500, 0.1, request="GET /"
        )
        await store.record_callbacks([failed])
        assert 1 == len(ask(own, "SELECT 1 FROM attempt"))
        await use_up_callbacks(store, SMALLEST + 9, NOW + 30 * DAY)
        await store.purge(NOW + 35 * DAY, 10)
        assert [] == ask(own, "SELECT 1 FROM attempt UNION ALL SELECT 1 FROM callback")
        assert [0, 2, 3] == [p.number for p in await layout(store, CALLBACKS)]


async def use_up_callbacks(store: DatabaseStore, last: int, now: float) -> None:
    statement = f"SELECT setval('callback_id_seq', {last})"
    await postgres_of(store)._client.read(lambda c: c.value(statement))
    await store.wake(now, 10, 0)


WRITER = """
CREATE ROLE writer LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;
GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA public TO writer"""


async def test_who_may_not_change_tables_goes_on(own: PostgresEngine) -> None:
    ask(own, WRITER)
    owners, own.url = own.url, own.url.replace("budstikke@", "writer@")
    try:
        async with parted(own) as (path, store):
            await use_up(store, SMALLEST)
            await store.wake(NOW + DAY, 10, 0)
            assert 3 == len(await layout(store))
            (id_,) = await path.accept()
            assert {id_: "message_1"} == homes(own)
            ask(own, "UPDATE message SET accepted_at = 0, expires_at = 0")
            with psycopg.connect(owners) as owner:
                owner.execute("COMMENT ON TABLE message_2 IS 'since 1000'")
            ask(own, "UPDATE part SET state = 'sent'")
            # What cannot be dropped is deleted row by row.
            assert [1, 0] == [await store.purge(NOW, 10) for _ in range(2)]
            assert {} == homes(own)
    finally:
        own.url = owners
        ask(own, "DROP OWNED BY writer; DROP ROLE writer")


async def test_rows_wait_for_their_partition_for_a_month(own: PostgresEngine) -> None:
    async with parted(own) as (path, store):
        old = {"accepted_at": NOW - 90 * DAY, "expires_at": NOW - 80 * DAY}
        await path.accept(*[RECIPIENT] * 5, **old)
        ask(own, "UPDATE part SET state = 'sent'")
        assert 1 == await store.purge(NOW - 70 * DAY, 1)  # it is in use
        await turn(path, store, NOW)
        (young,) = await path.accept(expires_at=NOW + 90 * DAY)
        assert 1 == await store.purge(NOW - 31 * DAY, 1)  # it is too long till then
        for days in (29, 9, 0):
            assert 0 == await store.purge(NOW - days * DAY, 9)
        assert {"message_1", "message_2"} == set(homes(own).values())
        assert 3 == await store.purge(NOW + 5 * DAY, 9)
        assert {young: "message_2"} == homes(own)
