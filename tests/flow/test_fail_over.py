"""Journeys of messages whose first carrier fails; each is charged once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from budstikke.domain.receipt import Reason, Receipt, ReceiptState, Rejected, Retry
from budstikke.domain.routing import Route
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from flow.accounts import NORWAY, left, paying
from flow.rig import directory, until
from store.path import RECIPIENT

if TYPE_CHECKING:
    from flow.rig import Rig

MONEY = 200 * NORWAY
LONG = "x" * 200
REFUSED = Rejected(Reason.BARRED, "0x0B", Retry.ELSEWHERE)
THROTTLED = Rejected(Reason.THROTTLED, "0x58", Retry.OVERFLOW)


async def phones(rig: Rig, carrier: int) -> int:
    """Let a carrier take and deliver what it waits for; returns how many parts."""
    its = rig.carriers[carrier]
    count = len(its.waiting)
    ids = [f"id{part.id}" for part in its.waiting]
    its.answer()
    await rig.written()
    delivered = ReceiptState.DELIVERED
    await its.sink.receipts(
        [Receipt(i, None, delivered, Reason.NONE, "", rig.now, RECIPIENT) for i in ids]
    )
    return count


def states(rig: Rig) -> list[str]:
    return rig.path.column("state", schema.message)


async def test_link_down(rig: Rig) -> None:
    await paying(rig, MONEY)
    rig.carriers[1].up = rig.carriers[2].up = False
    async with rig.running():
        await rig.send(text=LONG)
        assert [1, 1] == rig.path.column("carrier_id")
        rig.carriers[2].up = True
        await rig.fail_over.run_once()
        rig.now += 59
        await rig.fail_over.run_once()
        assert [1, 1] == rig.path.column("carrier_id")
        rig.now += 1
        await rig.fail_over.run_once()
        await until(lambda: 2 == len(rig.carriers[2].waiting))
        assert 2 == await phones(rig, 2)
        rig.carriers[1].up = True
        rig.senders[1].stored()
        await rig.settled_down()
    assert ([], ["delivered"]) == (rig.carriers[1].offered, states(rig))
    assert MONEY - 2 * NORWAY == await left(rig)


async def test_parts_that_a_node_holds_leave_a_link_that_goes_down(rig: Rig) -> None:
    rig.carriers[1].window = 1
    async with rig.running():
        await rig.settled_down()
        await rig.send(*[RECIPIENT] * 3)  # one is sent, two are held for the carrier
        assert 1 == len(rig.carriers[1].waiting)
        rig.carriers[1].up = False
        await rig.fail_over.run_once()
        rig.now += 60
        await rig.fail_over.run_once()
        await until(lambda: 2 == len(rig.carriers[2].waiting))
    assert [1, 2, 2] == sorted(rig.path.column("carrier_id"))


@pytest.mark.parametrize("fault", ["down", "unheard"])
async def test_parts_whose_return_got_no_answer_are_sent_once(
    rig: Rig, fault: str
) -> None:
    its = rig.carriers[1]
    its.window = 1
    async with rig.running(1):
        await rig.settled_down()
        await rig.send(*[RECIPIENT] * 3)  # one is sent, two are held for the carrier
        its.up = False
        await rig.fail_over.run_once()
        rig.now += 60
        setattr(rig.store, fault, True)
        with pytest.raises(StoreUnavailable):
            await rig.fail_over.run_once()
        setattr(rig.store, fault, False)
        its.up, its.window = True, 10
        its.sink.room()
        await until(lambda: 3 == len(its.offered))
        await rig.settled_down()
        its.answer()
        await rig.written()
    assert 3 == len({part.id for part in its.offered}) == len(its.offered)
    assert ["sent"] * 3 == rig.path.column("state")


async def test_a_carrier_that_shall_keep_its_queue(rig: Rig) -> None:
    carriers = dict(rig.directory.carriers)
    carriers[1] = replace(carriers[1], down_after=0.0)
    rig.directory = replace(rig.directory, carriers=carriers)
    rig.carriers[1].up = rig.carriers[2].up = False
    await rig.send()
    rig.carriers[2].up = True
    for _ in range(2):
        await rig.fail_over.run_once()
        rig.now += 1000
    assert [1] == rig.path.column("carrier_id")


async def test_rejected(rig: Rig) -> None:
    await paying(rig, MONEY)
    async with rig.running():
        await rig.settled_down()
        await rig.send(text=LONG)
        rig.carriers[1].answer(REFUSED)
        await until(lambda: 2 == len(rig.carriers[2].waiting))
        assert 2 == await phones(rig, 2)
    assert (["delivered"], 2) == (states(rig), len(rig.carriers[1].offered))
    assert MONEY - 2 * NORWAY == await left(rig)


async def test_rejected_by_all_is_rejected_once_and_refunded(rig: Rig) -> None:
    await paying(rig, MONEY)
    rig.directory = replace(
        rig.directory, routes=directory(Route(prefix="", carriers=(2, 1))).routes
    )
    async with rig.running():
        await rig.settled_down()
        rig.carriers[2].up = False  # so the second of the route gets it first
        await rig.send()
        rig.carriers[2].up = True
        rig.carriers[1].answer(REFUSED)
        await until(lambda: rig.carriers[2].waiting)
        rig.carriers[2].answer(REFUSED)
        await rig.written()
    assert ["rejected"] == states(rig)
    assert [1, 1] == [len(its.offered) for its in rig.carriers.values()]
    assert MONEY == await left(rig)


async def test_throttled_for_long(rig: Rig) -> None:
    await paying(rig, MONEY)
    rig.carriers[1].window = 1
    async with rig.running():
        await rig.settled_down()
        await rig.send(*[RECIPIENT] * 150)
        await until(lambda: 1 == len(rig.carriers[1].waiting))
        rig.carriers[1].window = 0  # it takes no more
        rig.carriers[1].answer(THROTTLED)
        await rig.written()
        await until(lambda: 1 == len(rig.carriers[2].waiting))
        while await rig.fail_over.run_once():
            pass
        await rig.send()  # a new one does not go there either
        done = 0
        while done < 151:
            await until(lambda: rig.carriers[2].waiting)
            done += await phones(rig, 2)
    assert ({"delivered"}, 1) == (set(states(rig)), len(rig.carriers[1].offered))
    assert MONEY == await left(rig) + 151 * NORWAY


async def test_throttled_without_another_carrier_stays(rig: Rig) -> None:
    async with rig.running():
        await rig.settled_down()
        rig.carriers[2].up = False
        await rig.send()
        rig.carriers[1].answer(THROTTLED)
        await rig.written()
        await rig.fail_over.run_once()
    assert ([1], ["queued"]) == (
        rig.path.column("carrier_id"),
        rig.path.column("state"),
    )
