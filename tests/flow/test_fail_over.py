"""Journeys of messages whose first carrier fails; each is charged once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from budstikke.domain.receipt import (
    Reason,
    Receipt,
    ReceiptState,
    Rejected,
    Retry,
    Sent,
    Unsure,
)
from budstikke.domain.routing import Route
from budstikke.store import schema
from budstikke.store.admin import open_engine
from budstikke.store.contract import StoreUnavailable
from flow.accounts import NORWAY, change, left, paying
from flow.rig import directory, play, until
from store.engines import SqliteEngine
from store.path import RECIPIENT

if TYPE_CHECKING:
    from pathlib import Path as FilePath

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


async def report(rig: Rig, carrier: int, smsc_id: str, word: str) -> None:
    """Let an operator report about a part."""
    state = ReceiptState(word)
    receipt = Receipt(smsc_id, None, state, Reason.NONE, word, rig.now, RECIPIENT)
    await rig.carriers[carrier].sink.receipts([receipt])


async def taken(rig: Rig, carrier: int, smsc_id: str) -> None:
    """Let a carrier take the part that it was offered."""
    await until(lambda: rig.carriers[carrier].waiting)
    rig.carriers[carrier].answer(Sent(smsc_id))
    await rig.written()


SILENT_600: dict[str, Any] = {"no_receipt": "elsewhere", "no_receipt_after": 600.0}


async def silent(rig: Rig, *, up: bool = True, **rule: Any) -> None:
    """Send a message that carrier 1 takes, and of which it reports nothing."""
    await paying(rig, MONEY, **rule)
    await rig.settled_down()
    await rig.send()
    await taken(rig, 1, "a")
    rig.carriers[2].up = up
    rig.now += 600
    await rig.second_copies.run_once()
    await rig.written()


async def test_silent_without_a_rule_waits(rig: Rig) -> None:
    async with rig.running():
        await silent(rig)
        rig.now += 1e5
        assert not await rig.second_copies.run_once()
        assert (["sent"], []) == (rig.path.column("state"), rig.carriers[2].offered)
        await report(rig, 1, "a", "delivered")
    assert ["delivered"] == states(rig)
    assert MONEY - NORWAY == await left(rig)


async def test_silent_with_the_rule_goes_to_the_next_carrier_once(rig: Rig) -> None:
    async with rig.running():
        await silent(rig, **SILENT_600)
        await taken(rig, 2, "b")
        rig.now += 600
        await (
            rig.second_copies.run_once()
        )  # both may have it now, and there is no third
        assert (["sent"], [None]) == (
            rig.path.column("state"),
            rig.path.column("due_at"),
        )
        await report(rig, 2, "b", "delivered")
        await report(rig, 1, "a", "delivered")
    assert [1, 1] == [len(its.offered) for its in rig.carriers.values()]
    assert ["delivered"] == states(rig)
    assert MONEY - NORWAY == await left(rig)


async def test_a_report_in_time_stops_the_second_copy(rig: Rig) -> None:
    async with rig.running():
        await paying(rig, MONEY, **SILENT_600)
        await rig.settled_down()
        await rig.send()
        await taken(rig, 1, "a")
        await report(rig, 1, "a", "delivered")
        rig.now += 600
        await rig.second_copies.run_once()
    assert ([], ["delivered"]) == (rig.carriers[2].offered, states(rig))


async def test_a_late_report_stops_a_second_copy_that_waits(rig: Rig) -> None:
    async with rig.running():
        await silent(rig, up=False, **SILENT_600)
        assert (["queued"], [2]) == (
            rig.path.column("state"),
            rig.path.column("carrier_id"),
        )
        await report(rig, 1, "a", "undelivered")  # the second one decides
        assert ["queued"] == rig.path.column("state")
        await report(rig, 1, "a", "delivered")
        rig.carriers[2].up = True
        rig.senders[2].stored()
        await rig.settled_down()
    assert ([], ["delivered"]) == (rig.carriers[2].offered, states(rig))
    assert (["a"], [1]) == (rig.path.column("smsc_id"), rig.path.column("carrier_id"))
    assert MONEY - NORWAY == await left(rig)


async def test_a_late_report_while_the_second_copy_is_on_its_way(rig: Rig) -> None:
    async with rig.running():
        await silent(rig, **SILENT_600)
        await until(lambda: rig.carriers[2].waiting)
        await report(rig, 1, "a", "delivered")
        rig.carriers[2].answer(REFUSED)
        await rig.written()
        await report(rig, 1, "a", "delivered")
    assert ["delivered"] == states(rig)
    assert MONEY - NORWAY == await left(rig)


@pytest.mark.parametrize("sent", [False, True])
async def test_a_late_failure_of_the_first_carrier_decides_nothing(
    rig: Rig, *, sent: bool
) -> None:
    async with rig.running():
        await silent(rig, **SILENT_600)
        await until(lambda: rig.carriers[2].waiting)
        if sent:
            await taken(rig, 2, "b")
        await report(rig, 1, "a", "undelivered")
        assert ["sent" if sent else "sending"] == rig.path.column("state")
        if not sent:
            await taken(rig, 2, "b")
        await report(rig, 2, "b", "delivered")
    assert ["delivered"] == states(rig)
    assert MONEY - NORWAY == await left(rig)


@pytest.mark.parametrize(
    ("rule", "state", "second"),
    [("fail", "undelivered", 0), ("elsewhere", "delivered", 1)],
)
async def test_unsure(rig: Rig, rule: str, state: str, second: int) -> None:
    await paying(rig, MONEY)
    change(rig, unsure=rule)
    write_rule(rig, rule)
    async with rig.running():
        await rig.settled_down()
        await rig.send()
        await until(lambda: rig.carriers[1].waiting)
        (part,) = rig.carriers[1].waiting
        rig.carriers[1].answer(Unsure("no answer in 30 s"))
        await rig.written()
        rig.now += 3600
        await rig.scheduler.wake()
        await rig.second_copies.run_once()
        if second:
            await until(lambda: rig.carriers[2].waiting)
            # The first operator answers after all: that is not about the second copy.
            rig.carriers[1].sink.late(part, REFUSED)
            await rig.written()
            await phones(rig, 2)
    assert [1, second] == [len(its.offered) for its in rig.carriers.values()]
    assert [state] == states(rig)
    assert MONEY - second * NORWAY == await left(rig)  # a failure is refunded


def write_rule(rig: Rig, rule: str) -> None:
    """Let the database have the account's rule, too."""
    engine = open_engine(rig.path.engine.url)
    with engine.begin() as connection:
        connection.execute(update(schema.account).values(unsure=rule))
    engine.dispose()


# Random sequences

STEPS = ("take", "take", "refuse", "refuse for good", "later", "unsure", "throttle")


class Journey:
    """One message under random outcomes; knows which operators may have it."""

    def __init__(self, rig: Rig, dice: Random) -> None:
        self.rig = rig
        self.dice = dice
        self.live: dict[int, int] = {1: 0, 2: 0}  # submits that no answer took back
        self.most_live = 0
        self.names: list[tuple[int, str]] = []

    async def step(self) -> None:
        rig, dice = self.rig, self.dice
        await rig.written()
        for number, its in rig.carriers.items():
            if its.waiting and its.up:
                self.answer(number)
        await rig.written()
        if self.names and dice.random() < 0.2:
            number, name = dice.choice(self.names)
            await report(
                rig, number, name, dice.choice(("delivered", "undelivered", "interim"))
            )
        if dice.random() < 0.2:
            its = rig.carriers[dice.choice((1, 2))]
            its.up = not its.up or bool(its.waiting)
        rig.now += dice.choice((1.0, 30.0, 100.0, 700.0, 4000.0))
        await rig.scheduler.wake()
        await rig.fail_over.run_once()
        await rig.second_copies.run_once()
        for sender in rig.senders.values():
            sender.stored()
        for _ in range(20):
            await asyncio.sleep(0)

    def answer(self, number: int) -> None:
        its = self.rig.carriers[number]
        outcome = self.dice.choice(STEPS)
        self.live[number] += 1
        self.most_live = max(self.most_live, sum(self.live.values()))
        name = f"{number}-{len(self.names)}"
        if outcome == "take":
            its.answer(Sent(name))
            self.names.append((number, name))
        elif outcome == "unsure":
            its.answer(Unsure("no answer"))
        else:
            self.live[number] -= 1
            retry = {
                "refuse": Retry.ELSEWHERE,
                "refuse for good": Retry.NEVER,
                "later": Retry.LATER,
                "throttle": Retry.OVERFLOW,
            }[outcome]
            its.answer(Rejected(Reason.REJECTED, outcome, retry))


@pytest.mark.parametrize("second", [False, True])
def test_random_sequences_never_charge_twice_nor_send_twice_without_the_rule(
    second: bool,  # noqa: FBT001 - a case
    template: FilePath,
    tmp_path: FilePath,
) -> None:
    for seed in range(8):
        engine = SqliteEngine(tmp_path / f"{seed}", template)
        play(engine, partial(journey, seed=seed, second=second))


async def journey(rig: Rig, *, seed: int, second: bool) -> None:
    rule = "elsewhere" if second else "fail"
    silent_rule = SILENT_600 if second else {}
    await paying(rig, MONEY, unsure=rule, **silent_rule)
    write_rule(rig, rule)
    travels = Journey(rig, Random(seed))  # noqa: S311 - dice
    async with rig.running():
        await rig.settled_down()
        await rig.send()
        seen: set[str] = set()
        for _ in range(40):
            await travels.step()
            (state,) = states(rig)
            assert not seen - {state}, "it left a final state"
            if state != "accepted":
                seen.add(state)
    assert await left(rig) in {MONEY, MONEY - NORWAY}
    kinds = rig.path.column("kind", schema.ledger)
    assert (1, True) == (kinds.count("charge"), kinds.count("refund") <= 1)
    assert all(count <= 1 for count in travels.live.values())
    assert travels.most_live <= (2 if second else 1)
