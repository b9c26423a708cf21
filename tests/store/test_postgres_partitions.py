"""Partitions of the big tables while a store uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from budstikke.domain.receipt import ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import CallbackResult, StoreUnavailable
from budstikke.store.postgres.layout import SMALLEST
from budstikke.store.postgres.node import BLOCK_AGE, BLOCK_LIMIT
from budstikke.store.postgres.partitions import CALLBACKS
from store.nodes import at_once, play
from store.parted import (
    DAY,
    ask,
    homes,
    layout,
    parts_layout,
    run,
    turn,
    use_up,
)
from store.path import NOW, RECIPIENT, Path, bulk, receipt
from store.postgres_engine import PostgresEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from budstikke.store.postgres import PostgresStore
    from store.postgres_server import Server


@pytest.fixture
def own(
    make_postgres: Callable[[], PostgresEngine], postgres_server: Server
) -> Iterator[PostgresEngine]:
    """A database that is not used again: its partitions are no longer the first."""
    make_postgres().close()  # so that there is a template
    engine = PostgresEngine(postgres_server)
    yield engine
    engine.close()


def test_a_new_database_has_one_in_use_and_one_behind_it(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        below, used, last = await layout(store)
        assert (0, 1, 2) == (below.number, used.number, last.number)
        assert (1, used.high, None) == (used.low, last.low, last.high)
        assert (None, NOW, None) == (below.began, used.began, last.began)
        await path.accept()
        assert {"message_1"} == set(homes(own).values())
        assert {"part_1"} == set(homes(own, "part").values())

    run(own, scenario)


def test_another_is_made_before_the_last_one_is_used(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
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

    run(own, scenario)


def test_callbacks_are_divided_by_their_own_ids(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        ask(own, f"SELECT setval('callback_id_seq', {SMALLEST + 50})")
        await store.wake(NOW + DAY, 10, 0)
        await path.sent(smsc_ids=["x"])
        (row,) = await path.settle(receipt("x"))
        assert {row.id: "callback_2"} == homes(own, "callback")
        assert 4 == len(await layout(store, CALLBACKS))
        assert 3 == len(await layout(store))
        await store.told([CallbackResult(row.id, "done", None, 1, "", NOW)])
        assert ["done"] == path.column("state", schema.callback)

    run(own, scenario)


def test_two_nodes_make_one(own: PostgresEngine) -> None:
    async def scenario(one: Path, two: Path) -> None:
        store: PostgresStore = one.store  # type: ignore[assignment]  # play opens these
        await use_up(store, SMALLEST)
        await at_once(*(p.store.wake(NOW + DAY, 10, 0) for p in (one, two) * 2))
        assert 4 == len(await layout(store))
        await at_once(*(p.store.wake(NOW + 2 * DAY, 10, 0) for p in (one, two)))
        assert 4 == len(await layout(store))

    play(own, scenario)


def test_rows_on_both_sides_go_all_the_way(own: PostgresEngine) -> None:
    async def scenario(one: Path, two: Path) -> None:
        store: PostgresStore = one.store  # type: ignore[assignment]  # play opens these
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

    play(own, scenario)


def test_a_part_is_claimed_however_old_its_partition(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        (waiting,) = await path.accept()
        (later,) = await path.accept(due_at=NOW + 200 * DAY)
        (gone,) = await path.sending(expires_at=NOW + 300 * DAY)
        for month in (1, 2, 3):
            await turn(path, store, NOW + month * 30 * DAY)
        assert 1 == store._node.lows.open_message
        (part,) = await store.claim(1, 10, NOW)
        assert waiting == part.id >> 8
        await path.answer(part.id, PartState.SENT, "x")
        await path.answer(gone, PartState.UNSURE, due_at=NOW + 150 * DAY)
        woken = await store.wake(NOW + 201 * DAY, 10, 0)
        assert {1} == woken.carriers
        assert [later << 8 | 1] == [p.id for p in await store.claim(1, 10, NOW)]
        assert "undelivered" == path.parts()[gone]

    run(own, scenario)


def test_partitions_in_which_nothing_is_open_are_left_out(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        (old,) = await path.sent(smsc_ids=["x"])
        first_id = store.reserve_ids(4)
        await store.accept_bulk(bulk(first_id, 3), [], NOW)
        for month in (1, 2, 3):
            await turn(path, store, NOW + month * 30 * DAY)
        assert 1 == store._node.lows.open_message
        ask(own, "UPDATE bulk SET done = total")
        await store.wake(NOW + 100 * DAY, 10, 0)
        lows = [p.low for p in await layout(store)]
        assert lows[4] == store._node.lows.open_message == store._node.lows.recent
        (young,) = await path.accept()
        assert [young << 8 | 1] == [p.id for p in await store.claim(1, 10, NOW)]
        (told,) = await path.settle(receipt("x"))
        assert old >> 8 == told.event.message_id

    run(own, scenario)


def test_an_id_that_is_used_again_means_the_open_part(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        (old,) = await path.sent(smsc_ids=["x"])
        for month in (1, 2):
            await turn(path, store, NOW + month * 30 * DAY)
        (young,) = await path.sent(smsc_ids=["x"])
        (other,) = await path.sent(
            "+4711111111", smsc_ids=["y"], recipient="+4711111111"
        )
        assert 1 < store._node.lows.recent
        await path.settle(receipt("x"))
        assert ("sent", "delivered") == (path.parts()[old], path.parts()[young])
        await path.settle(receipt("x", ReceiptState.UNDELIVERED), receipt("y"))
        assert "undelivered" == path.parts()[old]
        assert "delivered" == path.parts()[other]

    run(own, scenario)


def test_one_is_dropped_when_all_of_it_is_old_and_over(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        await path.sent(*[RECIPIENT] * 5, smsc_ids=[f"x{n}" for n in range(5)])
        await turn(path, store, NOW + 30 * DAY)
        (young,) = await path.accept(
            accepted_at=NOW + 31 * DAY, expires_at=NOW + 32 * DAY
        )
        assert 0 == await store.purge(NOW + 20 * DAY, 100)  # none alone
        assert 6 == len(homes(own))
        assert 0 == await store.purge(NOW + 32 * DAY, 100)  # blocks may still be held
        assert 5 == await store.purge(NOW + 33 * DAY, 100) - 1
        first, *_ = await layout(store)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert SMALLEST < (first.high or 0)
        assert [] == await store.messages([young])
        await store.accept([path.draft(5000)], NOW)
        assert {5000: "message_0"} == homes(own)
        assert 0 == await store.purge(NOW + DAY, 100)
        assert 1 == await store.purge(NOW + 2 * DAY, 100)

    run(own, scenario)


@pytest.mark.parametrize("state", ["queued", "sending", "unsure"])
def test_what_is_open_outlives_its_partition(own: PostgresEngine, state: str) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        (id_,) = await path.accept()
        ask(own, f"UPDATE part SET state = '{state}'")
        await turn(path, store, NOW + 30 * DAY)
        await store._retiring.turn(NOW + 40 * DAY, 100)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert {id_: "message_0"} == homes(own)
        assert {(id_ << 8) + 1: "part_0"} == homes(own, "part")
        await store.wake(NOW + 90 * DAY, 10, 0)
        assert 0 == store._node.lows.open_message

    run(own, scenario)


def test_what_is_made_late_of_a_large_order_has_a_place(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        first_id = store.reserve_ids(4)
        await store.accept_bulk(bulk(first_id, 3), [], NOW)
        await turn(path, store, NOW + 30 * DAY)
        await store.purge(NOW + 40 * DAY, 100)
        await store.wake(NOW + 90 * DAY, 10, 0)
        await store.accept([path.draft(first_id + 1)], NOW)
        assert {first_id + 1: "message_0"} == homes(own)
        assert [first_id + 1] == [p.id >> 8 for p in await store.claim(1, 10, NOW)]

    run(own, scenario)


def test_one_of_which_is_still_told_waits(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        await path.sent(smsc_ids=["x"])
        (row,) = await path.settle(receipt("x"))
        await turn(path, store, NOW + 30 * DAY)
        assert 0 == await store.purge(NOW + 40 * DAY, 100)
        assert 1 == len(homes(own))
        await store.told([CallbackResult(row.id, "done", None, 1, "", NOW)])
        assert 1 == await store.purge(NOW + 40 * DAY, 100)

    run(own, scenario)


def test_what_is_scheduled_long_ahead_outlives_its_partition(
    own: PostgresEngine,
) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        kept = await path.accept(
            *[RECIPIENT] * 3, due_at=NOW + 200 * DAY, expires_at=NOW + 201 * DAY
        )
        gone = await path.sent(*[RECIPIENT] * 30, smsc_ids=[str(n) for n in range(30)])
        await turn(path, store, NOW + 30 * DAY)
        for _ in range(9):
            await store.purge(NOW + 33 * DAY, 10)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert dict.fromkeys(kept, "message_0") == homes(own)
        assert {(id_ << 8) + 1 for id_ in kept} == set(homes(own, "part"))
        assert [] == await store.messages([gone[0] >> 8])
        await store.wake(NOW + 200 * DAY, 10, 0)
        assert kept == [p.id >> 8 for p in await store.claim(1, 10, NOW)]

    run(own, scenario)


def test_what_hung_on_messages_goes_with_them(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
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
            await store.purge(NOW + 33 * DAY, 1)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert [(id_,) for id_ in kept] == ask(own, "SELECT message_id FROM mms")
        media = ask(own, "SELECT message_id FROM media ORDER BY 1")
        assert [(inbound,), *((id_,) for id_ in kept)] == media

    run(own, scenario)


INBOUND = """
INSERT INTO inbound (id, carrier_id, originator, recipient, kind, text, data, subject,
    keyword, missing, opt_out, sent_at, came_at)
VALUES ({id}, 1, '', '', '', '', '', '', '', 0, false, {at}, {at})"""


def test_two_nodes_drop_one(own: PostgresEngine) -> None:
    async def scenario(one: Path, two: Path) -> None:
        store: PostgresStore = one.store  # type: ignore[assignment]  # play opens these
        await store.wake(NOW, 10, 0)
        await one.sent(*[RECIPIENT] * 5, smsc_ids=[str(n) for n in range(5)])
        await turn(one, store, NOW + 30 * DAY)
        (young,) = await one.accept(accepted_at=NOW + 50 * DAY)
        before = NOW + 33 * DAY
        gone = await at_once(*(p.store.purge(before, 10) for p in (one, two) * 3))
        assert 5 == sum(gone)
        assert [0, 2, 3] == [p.number for p in await layout(store)]
        assert {young: "message_2"} == homes(own)

    play(own, scenario)


def test_callbacks_go_with_their_attempts(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        await path.sent(smsc_ids=["x"])
        (row,) = await path.settle(receipt("x"))
        failed = CallbackResult(
            row.id, "failed", None, 3, "no", NOW, 500, 0.1, request="GET /"
        )
        await store.told([failed])
        assert 1 == len(ask(own, "SELECT 1 FROM attempt"))
        await use_up_callbacks(store, SMALLEST + 9, NOW + 30 * DAY)
        await store.purge(NOW + 33 * DAY, 10)
        assert [] == ask(own, "SELECT 1 FROM attempt UNION ALL SELECT 1 FROM callback")
        assert [0, 2, 3] == [p.number for p in await layout(store, CALLBACKS)]

    run(own, scenario)


async def use_up_callbacks(store: PostgresStore, last: int, now: float) -> None:
    statement = f"SELECT setval('callback_id_seq', {last})"
    await store._client.read(lambda c: c.value(statement))
    await store.wake(now, 10, 0)


def test_a_reader_delays_it_and_nothing_else(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        await use_up(store, SMALLEST)
        with psycopg.connect(own.url) as reader:
            reader.execute("SELECT count(*) FROM message")
            await store.wake(NOW + DAY, 10, 0)
            assert 3 == len(await layout(store))
            (id_,) = await path.accept()
            assert ["accepted"] == await path.states(id_)
        await store.wake(NOW + 2 * DAY, 10, 0)
        assert 3 == len(await layout(store))  # it was in the way just now
        store._partitions._changes.again_at = 0.0
        await store.wake(NOW + 3 * DAY, 10, 0)
        assert 4 == len(await layout(store))

    run(own, scenario)


WRITER = """
CREATE ROLE writer LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;
GRANT SELECT, USAGE ON ALL SEQUENCES IN SCHEMA public TO writer"""


def test_who_may_not_change_tables_goes_on(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
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

    ask(own, WRITER)
    owners, own.url = own.url, own.url.replace("budstikke@", "writer@")
    try:
        run(own, scenario)
    finally:
        own.url = owners
        ask(own, "DROP OWNED BY writer; DROP ROLE writer")


def test_a_node_alone_takes_no_ids_for_their_age(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        (block,) = store._node._blocks
        end, block.taken = block.end, block.taken - BLOCK_AGE - 1
        assert store._node.short()
        await store._client.write(store._node.stock_up)
        assert not store._node.short()
        assert [end] == [b.end for b in store._node._blocks]
        await use_up(store, end + 1000)
        store._node._blocks[0].taken -= BLOCK_AGE + 1
        ask(own, "UPDATE meta SET value = '9000000' WHERE key = 'next_id'")
        await store._client.write(store._node.stock_up)
        assert [9000000] == [b.next for b in store._node._blocks]

    run(own, scenario)


def test_ids_of_long_ago_are_not_given(own: PostgresEngine) -> None:
    async def scenario(path: Path, store: PostgresStore) -> None:
        store._node._blocks[0].taken -= BLOCK_LIMIT + 1
        with pytest.raises(StoreUnavailable):
            store.reserve_ids(1)
        await store.wake(NOW + 1, 10, 0)
        await path.accept()

    run(own, scenario)
