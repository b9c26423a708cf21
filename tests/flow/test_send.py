"""Parts to their carrier, and what it answers into the store."""

from __future__ import annotations

import asyncio

from budstikke.domain.receipt import (
    Reason,
    Rejected,
    Retry,
    Sent,
    Unsure,
)
from budstikke.flow.send import AHEAD
from budstikke.store import schema
from flow.rig import Rig, until
from flow.sending import queue, receipt, send, settled_down
from store.path import NOW

LATER = Rejected(Reason.INTERNAL, "ESME_RSYSERR", Retry.LATER)
NEVER = Rejected(Reason.BARRED, "ESME_RINVDSTADR", Retry.NEVER)
ELSEWHERE = Rejected(Reason.NO_ROUTE, "ESME_RINVSRCTON", Retry.ELSEWHERE)


# The backlog


async def test_a_backlog_is_sent_in_order_within_the_window(rig: Rig) -> None:
    low = await queue(rig, 300)
    high = await queue(rig, 10, priority=3)
    carrier = rig.carriers[1]
    async with rig.running(1):
        while len(carrier.offered) < 310:
            await until(lambda: 100 == len(carrier.waiting))
            carrier.answer(count=70)
        carrier.answer()
        await rig.written()
    assert [*high, *low] == [part.id for part in carrier.offered]
    assert {"sent"} == set(rig.path.parts().values())
    assert [0, 0] == rig.reserved()


async def test_no_more_is_claimed_than_is_held_ready(rig: Rig) -> None:
    await queue(rig, 1000)
    async with rig.running(1):
        await until(lambda: len(rig.senders[1]._ready) >= AHEAD)
        states = list(rig.path.parts().values())
        assert 100 + AHEAD == states.count("sending")
        assert 100 == len(rig.carriers[1].offered)


async def test_while_there_is_a_backlog_nothing_overtakes_it(rig: Rig) -> None:
    sender, carrier = rig.senders[1], rig.carriers[1]
    await queue(rig, 500)
    async with rig.running(1):
        await until(lambda: 100 == len(carrier.offered))
        assert not sender.reserve(1)
        await queue(rig, 1)
        while len(carrier.offered) < 501:
            carrier.answer()
            await asyncio.sleep(0)
        carrier.answer()
        ids = [part.id for part in carrier.offered]
        assert sorted(ids) == ids
        # It is over: the next goes the direct way.
        await until(lambda: not sender._behind)
        assert sender.reserve(1)
        sender.cancel(1)


async def test_a_link_that_is_down_and_comes_up(rig: Rig) -> None:
    sender, carrier = rig.senders[1], rig.carriers[1]
    async with rig.running(1):
        await settled_down(rig)
        carrier.up = False
        assert not sender.reserve(1)
        await queue(rig, 5)
        await asyncio.sleep(0)
        assert [] == carrier.offered
        assert ["queued"] * 5 == list(rig.path.parts().values())
        carrier.up = True
        carrier.sink.room()
        await until(lambda: 5 == len(carrier.offered))
        carrier.answer()
        await settled_down(rig)
        assert sender.reserve(1)
        sender.cancel(1)


async def test_claims_are_tried_again_when_the_store_is_back(rig: Rig) -> None:
    await queue(rig, 5)
    rig.store.down = True
    async with rig.running(1):
        await until(lambda: rig.store.refused and rig.reserved() == [0, 0])
        rig.store.down = False
        await until(lambda: 5 == len(rig.carriers[1].offered))
    assert [0, 0] == rig.reserved()


# The direct way


async def test_directly(rig: Rig) -> None:
    async with rig.running(1):
        await settled_down(rig)
        ids = await send(rig, 5)
        assert [0, 0] == rig.reserved()
        assert ids == [part.id for part in rig.carriers[1].offered]
        rig.carriers[1].answer()
        await rig.written()
    assert {"sent"} == set(rig.path.parts().values())


async def test_room_is_what_the_link_has_and_a_little_ahead(rig: Rig) -> None:
    sender, carrier = rig.senders[1], rig.carriers[1]
    async with rig.running(1):
        await settled_down(rig)
        await send(rig, 60)
        assert 60 == len(carrier.offered)
        assert sender.reserve(40 + AHEAD)
        assert not sender.reserve(1)
        sender.cancel(40 + AHEAD)
        assert [0, 0] == rig.reserved()


async def test_what_is_not_yet_offered_is_offered_when_there_is_room(
    rig: Rig,
) -> None:
    carrier = rig.carriers[1]
    async with rig.running(1):
        await settled_down(rig)
        ids = await send(rig, 130)
        assert 100 == len(carrier.offered)
        carrier.answer(count=20)
        assert 120 == len(carrier.offered)
        carrier.answer()
        assert ids == [part.id for part in carrier.offered]


async def test_what_expired_before_it_could_be_sent(rig: Rig) -> None:
    carrier = rig.carriers[1]
    await queue(rig, 3, expires_at=NOW - 1)
    good = await queue(rig, 2)
    async with rig.running(1):
        await until(lambda: 2 == len(carrier.offered))
        await rig.written()
        assert good == [part.id for part in carrier.offered]
        states = list(rig.path.parts().values())
        assert ["expired"] * 3 + ["sending"] * 2 == states
        assert 3 == len(rig.transport.asked)


# What it answers


async def test_rejected_is_told(rig: Rig) -> None:
    async with rig.running(1):
        await settled_down(rig)
        (part,) = await send(rig, 1)
        rig.carriers[1].answer(NEVER)
        await rig.told(1)
    assert [f"https://c1.example/s?status=5&origid={part >> 8}"] == rig.transport.asked
    assert ["done"] == rig.path.column("state", schema.callback)


async def test_later_comes_back_with_its_tries(rig: Rig) -> None:
    carrier = rig.carriers[1]
    async with rig.running(1):
        await settled_down(rig)
        await send(rig, 1)
        for tries, wait in enumerate((1, 5, 15)):
            assert tries == carrier.offered[-1].tries
            carrier.answer(LATER)
            await rig.written()
            await rig.scheduler.wake()
            assert tries + 1 == len(carrier.offered)
            rig.now += wait
            await rig.scheduler.wake()
            await until(lambda: carrier.waiting)


async def test_later_past_its_validity_expires(rig: Rig) -> None:
    async with rig.running(1):
        await settled_down(rig)
        (part,) = await send(rig, 1)
        rig.now = NOW + 86400
        rig.carriers[1].answer(LATER)
        await rig.written()
    assert {part: "expired"} == rig.path.parts()


async def test_elsewhere_goes_to_the_next_carrier_and_ends_with_the_last(
    rig: Rig,
) -> None:
    one, two = rig.carriers.values()
    async with rig.running():
        await settled_down(rig)
        (part,) = await send(rig, 1)
        one.answer(ELSEWHERE)
        await until(lambda: two.offered)
        assert (part, 1) == (two.offered[0].id, two.offered[0].tries)
        two.answer(ELSEWHERE)
        await rig.written()
    assert {part: "rejected"} == rig.path.parts()
    assert 1 == len(one.offered)


async def test_an_unsure_part_and_its_late_answer(rig: Rig) -> None:
    carrier = rig.carriers[1]
    async with rig.running(1):
        await settled_down(rig)
        (part,) = await send(rig, 1)
        carrier.answer(Unsure("no answer in 30 s"))
        await rig.written()
        assert {part: "unsure"} == rig.path.parts()
        carrier.sink.receipts([receipt("id1")])
        await rig.senders[1]._settler._receipts.drain()
        rig.senders[1].late(carrier.offered[0], Sent("id1"))
        await rig.written()
    assert {part: "delivered"} == rig.path.parts()


async def test_an_unsure_part_waits_as_long_as_its_account_says(rig: Rig) -> None:
    async with rig.running(1):
        await settled_down(rig)
        (part,) = await send(rig, 1)
        rig.carriers[1].answer(Unsure("link lost"))
        await rig.written()
        rig.now = NOW + 3599
        await rig.scheduler.wake()
        assert {part: "unsure"} == rig.path.parts()
        rig.now = NOW + 3600
        await rig.scheduler.wake()
        assert {part: "undelivered"} == rig.path.parts()
        await until(lambda: rig.transport.asked)


async def test_answers_are_kept_while_the_store_is_away(rig: Rig) -> None:
    async with rig.running(1):
        await settled_down(rig)
        ids = await send(rig, 50)
        rig.store.down = True
        rig.carriers[1].answer(count=20)
        rig.carriers[1].answer(NEVER)
        await until(lambda: rig.store.refused)
        assert {"sending"} == set(rig.path.parts().values())
        rig.store.down = False
        await rig.written()
    states = rig.path.parts()
    assert ["sent"] * 20 + ["rejected"] * 30 == [states[part] for part in ids]
