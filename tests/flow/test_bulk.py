"""Large orders: stored whole, made messages in slices, resumed after a crash."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.domain.directory import Directory
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.bulk import MOST_MESSAGES
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from flow.rig import Rig, directory, play, rig_on, until
from store.path import NOW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.engines import SqliteEngine

NUMBERS = [f"+479{n:07}" for n in range(5000)]
BARRED = "+4740000001"


async def made(rig: Rig) -> None:
    """Wait until no order is open."""
    await until(lambda: not rig.bulk._tasks, 60)
    assert [] == await rig.store.open_bulks()


def recipients(rig: Rig) -> list[str]:
    return rig.path.column("recipient", schema.message)


async def send_all(rig: Rig, count: int) -> list[str]:
    """Have carrier 1 take everything; returns whom it was for, in order."""
    one = rig.carriers[1]
    while len(one.offered) < count:
        one.answer()
        await asyncio.sleep(0)
    one.answer()
    await rig.written()
    return [part.recipient for part in one.offered]


async def test_five_thousand_with_all_that_may_be_wrong(engine: SqliteEngine) -> None:
    written = [*NUMBERS, "12", NUMBERS[7], BARRED, "+4722222222", NUMBERS[0], ""]

    async with rig_on(engine) as rig:
        rig.directory = directory(blacklist=frozenset({BARRED}))
        async with rig.running():
            await rig.settled_down()
            accepted = await rig.accept(*written, bulk=True)
            assert ["12", BARRED, "+4722222222", ""] == accepted.invalid
            assert [NUMBERS[7], NUMBERS[0]] == accepted.duplicate
            assert ((), 5000) == (accepted.ids, accepted.segments)
            sent = await send_all(rig, 5000)
            await made(rig)
        assert NUMBERS == recipients(rig)
        assert NUMBERS == sorted(sent)
        assert {"sent"} == set(rig.path.parts().values())
        assert [0, 0] == rig.reserved()


async def test_ids_are_those_of_the_messages(engine: SqliteEngine) -> None:
    written = ["12", *NUMBERS[:700], BARRED, *NUMBERS[:5]]

    async with rig_on(engine) as rig:
        rig.directory = directory(blacklist=frozenset({BARRED}))
        accepted = await rig.accept(*written)
        await made(rig)
        assert len(written) == len(accepted.ids)
        by_id = dict(
            zip(rig.path.column("id", schema.message), recipients(rig), strict=True)
        )
        expected: list[Any] = [by_id.get(message) for message in accepted.ids]
        assert RefusalCode.BAD_RECIPIENT is accepted.ids[0]
        assert RefusalCode.BLACKLISTED is accepted.ids[701]
        assert [None, *NUMBERS[:700], None, *NUMBERS[:5]] == expected
        # A number given twice is sent twice, but in bulk.
        assert 2 == Counter(by_id.values())[NUMBERS[0]]


async def test_what_the_duplicate_lock_holds_is_left_out(rig: Rig) -> None:
    await rig.send(*NUMBERS[5:8], duplicate_lock=120)
    accepted = await rig.accept(*NUMBERS[:600], duplicate_lock=120)
    await made(rig)
    held = [i for i, m in enumerate(accepted.ids) if m is RefusalCode.DUPLICATE]
    assert [5, 6, 7] == held
    by_id = dict(
        zip(rig.path.column("id", schema.message), recipients(rig), strict=True)
    )
    for place, message in enumerate(accepted.ids):
        assert place in held or by_id[message] == NUMBERS[place]
    assert 597 == accepted.segments
    with pytest.raises(Refusal) as caught:
        await rig.accept(*NUMBERS[:600], bulk=True, duplicate_lock=120)
    assert RefusalCode.DUPLICATE is caught.value.code
    assert NUMBERS[:600] == caught.value.duplicate
    assert 600 == len(rig.path.parts())


async def test_a_number_twice_is_a_duplicate_of_itself(rig: Rig) -> None:
    written = [*NUMBERS[:600], NUMBERS[3]]
    accepted = await rig.accept(*written, duplicate_lock=120)
    await made(rig)
    assert RefusalCode.DUPLICATE is accepted.ids[-1]
    assert NUMBERS[:600] == recipients(rig)


async def test_two_alike_at_once(rig: Rig) -> None:
    orders = [rig.accept(*NUMBERS, bulk=True, duplicate_lock=120) for _ in range(3)]
    results = await asyncio.gather(*orders, return_exceptions=True)
    assert 2 == len([r for r in results if isinstance(r, Refusal)])
    await made(rig)
    assert NUMBERS == recipients(rig)


async def test_its_lock_holds_other_orders_also_after_a_crash(
    engine: SqliteEngine, rig: Rig
) -> None:
    await rig.accept(*NUMBERS[:600], bulk=True, duplicate_lock=120)
    with pytest.raises(Refusal):
        await rig.send(NUMBERS[3], duplicate_lock=120)
    await made(rig)

    async def after(again: Rig) -> None:
        with pytest.raises(Refusal):
            await again.send(NUMBERS[3], duplicate_lock=120)
        again.now += 120
        await again.send(NUMBERS[3], duplicate_lock=120)

    await resumed(engine.after_power_loss(), after)


async def resumed(engine: SqliteEngine, scenario: Any) -> None:
    """Play a scenario on a rig of its own, within another's loop."""
    await asyncio.to_thread(play, engine, scenario)


@pytest.mark.parametrize("slices", [0, 1, 3])
async def test_resumed_after_a_crash_none_is_lost_and_none_sent_twice(
    engine: SqliteEngine, slices: int
) -> None:
    numbers = NUMBERS[: 5 * MOST_MESSAGES]

    async with rig_on(engine) as rig:
        one = rig.carriers[1]
        async with rig.running():
            await rig.settled_down()
            accepted = await rig.accept(*numbers)
            await until(lambda: len(rig.path.parts()) >= slices * MOST_MESSAGES)
            copy = engine.after_power_loss()
            offered = [part.recipient for part in one.offered]

        async def after(again: Rig) -> None:
            before = again.path.parts()
            assert len(before) < len(numbers)
            async with again.running():
                await again.bulk.resume()
                unsure = list(before.values()).count("unsure")
                sent = await send_all(again, len(numbers) - unsure)
                await made(again)
            by_id = dict(
                zip(
                    again.path.column("id", schema.message),
                    recipients(again),
                    strict=True,
                )
            )
            assert numbers == [by_id[message] for message in accepted.ids]
            assert len(numbers) == len(by_id)
            states = Counter(again.path.parts().values())
            assert Counter(sent=len(numbers) - unsure, unsure=unsure) == states
            assert [] == sorted(set(sent) & set(offered))

        await resumed(copy, after)


async def test_it_waits_while_the_store_is_away(rig: Rig) -> None:
    await rig.accept(*NUMBERS[:2000], bulk=True)
    await until(lambda: len(rig.path.parts()) >= MOST_MESSAGES)
    rig.store.down = True
    await until(lambda: rig.store.refused)
    stored = len(rig.path.parts())
    assert stored < 2000
    rig.store.down = False
    await made(rig)
    assert NUMBERS[:2000] == recipients(rig)
    assert [0, 0] == rig.reserved()


async def test_what_cannot_be_stored_is_refused_whole(rig: Rig) -> None:
    rig.store.down = True
    with pytest.raises(StoreUnavailable):
        await rig.accept(*NUMBERS[:600], bulk=True, duplicate_lock=9)
    rig.store.down = False
    assert [] == await rig.store.open_bulks()
    await rig.accept(*NUMBERS[:600], bulk=True, duplicate_lock=9)
    await made(rig)


async def test_others_are_served_meanwhile(rig: Rig) -> None:
    await rig.accept(*NUMBERS, bulk=True)
    served = 0
    while rig.bulk._tasks:
        await rig.send("+4740000002")
        served += 1
    assert served >= len(NUMBERS) // MOST_MESSAGES // 2
    await made(rig)
    assert len(NUMBERS) + served == len(rig.path.parts())


async def test_a_long_list_is_looked_at_in_slices(rig: Rig) -> None:
    order = asyncio.create_task(rig.accept(*NUMBERS * 10, bulk=True))
    turns = 0
    while not order.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns >= 5  # by time: how many depends on the machine
    assert 45_000 == len((await order).duplicate)
    await made(rig)


async def test_scheduled(rig: Rig) -> None:
    async with rig.running():
        await rig.settled_down()
        await rig.accept(*NUMBERS[:600], bulk=True, send_at=NOW + 60)
        await made(rig)
        assert [] == rig.carriers[1].offered
        rig.now += 60
        await rig.scheduler.wake()
        assert 600 == len(await send_all(rig, 600))


async def test_it_waits_for_its_access_to_be_there_again(
    engine: SqliteEngine, rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.accept(*NUMBERS[:2000], bulk=True)
    whole = rig.directory
    without: Sequence[Any] = (2,)
    accesses = {n: whole.accesses[n] for n in without}
    rig.directory = Directory(
        revision=2, accesses=accesses, carriers=whole.carriers, routes=whole.routes
    )
    await until(lambda: "is stuck; retrying" in caplog.text)
    assert len(rig.path.parts()) < 2000
    rig.directory = whole

    async def after(again: Rig) -> None:
        await again.bulk.resume()
        await made(again)
        assert NUMBERS[:2000] == recipients(again)

    await rig.bulk.stop()
    await resumed(engine.after_power_loss(), after)


async def test_a_stop_leaves_the_rest_to_the_next_start(rig: Rig) -> None:
    await rig.accept(*NUMBERS[:3000], bulk=True)
    await until(lambda: len(rig.path.parts()) >= MOST_MESSAGES)
    await rig.bulk.stop()
    await rig.committer.drain()
    (row,) = await rig.store.open_bulks()
    assert row.done == len(rig.path.parts())
    assert 3000 == len(msgspec.json.decode(row.recipients))
