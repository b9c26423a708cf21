"""What carriers report, how links are stopped, and that room is given back."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from budstikke.domain.inbound import InboundPart
from budstikke.domain.receipt import (
    Reason,
    Rejected,
    Retry,
    Unsure,
)
from budstikke.flow.send import AHEAD
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from flow.rig import Rig, until
from flow.sending import queue, receipt, send, settled_down
from store.path import NOW, RECIPIENT

LATER = Rejected(Reason.INTERNAL, "ESME_RSYSERR", Retry.LATER)
NEVER = Rejected(Reason.BARRED, "ESME_RINVDSTADR", Retry.NEVER)
ELSEWHERE = Rejected(Reason.NO_ROUTE, "ESME_RINVSRCTON", Retry.ELSEWHERE)


# Paused by an administrator


async def test_a_paused_carrier_is_offered_nothing_until_it_is_resumed(
    rig: Rig,
) -> None:
    async with rig.running(1):
        await settled_down(rig)
        sender, carrier = rig.senders[1], rig.carriers[1]
        carrier.window = 1
        (_, waits) = await send(rig, 2)
        assert sender.reserve(1)  # before the pause, and offered after it
        sender.pause(paused=True)
        carrier.window = 100
        carrier.answer()
        offered = len(carrier.offered)
        assert offered == 1
        assert not sender.up()
        assert not sender.reserve(1)
        sender.stored(1)
        (late,) = await rig.path.sending(RECIPIENT)
        sender.offer([rig.path.part(late)])
        queued = await queue(rig, 2)
        back = [waits, late, *queued]
        await until(lambda: [rig.path.parts()[each] for each in back] == ["queued"] * 4)
        assert offered == len(carrier.offered)
        sender.pause(paused=False)
        await until(lambda: len(carrier.offered) == offered + 4)
        assert back == [part.id for part in carrier.offered[offered:]]


# What it reports


async def test_a_receipt_is_acknowledged_when_it_is_durable(rig: Rig) -> None:
    async with rig.running(1):
        await settled_down(rig)
        (part,) = await send(rig, 1)
        rig.carriers[1].answer()
        await rig.written()
        done = rig.carriers[1].sink.receipts([receipt(f"id{part}")])
        assert not done.done()
        await done
        assert {part: "delivered"} == rig.path.parts()
        await until(lambda: rig.transport.asked)
    assert [f"https://c1.example/s?status=4&origid={part >> 8}"] == rig.transport.asked


async def test_a_receipt_that_cannot_be_stored_is_not_acknowledged(
    rig: Rig,
) -> None:
    async with rig.running(1):
        rig.store.down = True
        with pytest.raises(StoreUnavailable):
            await rig.carriers[1].sink.receipts([receipt("x")])
        with pytest.raises(StoreUnavailable):
            await rig.carriers[1].sink.inbound([inbound()])
        rig.store.down = False
        await rig.carriers[1].sink.receipts([receipt("x")])
        await rig.carriers[1].sink.inbound([inbound()])
    assert ["x"] == rig.path.column("smsc_id", schema.orphan)
    assert ["Hei"] == rig.path.column("text", schema.inbound)


def inbound() -> InboundPart:
    return InboundPart(RECIPIENT, "2229", 0, False, b"Hei", {5: b"\x01"}, NOW)


# Stopping


async def test_a_stop_gives_back_what_was_not_offered(rig: Rig) -> None:
    carrier = rig.carriers[1]
    ids = await queue(rig, 250)
    async with rig.running(1):
        await until(lambda: len(rig.senders[1]._ready) == AHEAD)
        carrier.at_drain = Unsure("the link was taken down")
        await rig.senders[1].stop(5)
    states = rig.path.parts()
    assert ["unsure"] * 100 + ["queued"] * 150 == [states[part] for part in ids]
    assert not rig.senders[1].reserve(1)


async def test_a_stop_waits_for_what_is_being_stored(rig: Rig) -> None:
    sender = rig.senders[1]
    async with rig.running(1):
        await settled_down(rig)
        assert sender.reserve(2)
        stopping = asyncio.create_task(sender.stop(5))
        ids = await rig.path.sending(RECIPIENT, RECIPIENT)
        assert not stopping.done()
        sender.offer([rig.path.part(part) for part in ids])
        await stopping
    assert [] == rig.carriers[1].offered
    assert ["queued", "queued"] == list(rig.path.parts().values())


async def test_a_stop_does_not_wait_for_ever(rig: Rig) -> None:
    sender = rig.senders[1]
    await queue(rig, 150)
    async with rig.running(1):
        await until(lambda: len(sender._ready) == 50)
        rig.store.down = True
        rig.carriers[1].at_drain = NEVER
        await sender.stop(0.01)
    assert {"sending"} == set(rig.path.parts().values())


# Any interleaving


@pytest.mark.parametrize("seed", range(10))
async def test_reservations_are_never_negative_and_all_is_sent_once(
    rig: Rig, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - a test's dice
    sender, carrier = rig.senders[1], rig.carriers[1]
    carrier.window = 20

    async def one_order() -> None:
        parts = random.randint(1, 40)
        for _ in range(random.randint(0, 5)):
            await asyncio.sleep(0)
        if not sender.reserve(parts):
            await queue(rig, parts)
        elif random.random() < 0.2:
            await asyncio.sleep(0)
            sender.cancel(parts)
        else:
            ids = await rig.path.sending(*[RECIPIENT] * parts)
            sender.offer([rig.path.part(part) for part in ids])

    async with rig.running(1):
        orders = [asyncio.create_task(one_order()) for _ in range(60)]
        while not all(order.done() for order in orders):
            assert rig.reserved()[0] >= 0
            carrier.up = random.random() < 0.8
            carrier.answer(count=random.randint(0, 20))
            await asyncio.sleep(0)
        await asyncio.gather(*orders)
        carrier.up = True
        while len(carrier.offered) < len(rig.path.parts()):
            carrier.answer()
            carrier.sink.room()
            await asyncio.sleep(0)
        carrier.answer()
        await rig.written()
    ids = [part.id for part in carrier.offered]
    assert len(set(ids)) == len(ids)
    assert {"sent"} == set(rig.path.parts().values())
    assert [0, 0] == rig.reserved()
