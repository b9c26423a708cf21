"""Customers that are away: their circuit, and what waits for them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from budstikke import metrics
from budstikke.domain.callback import AGAIN
from budstikke.domain.message import StatusEvent
from budstikke.domain.states import PartState
from budstikke.flow import notify
from budstikke.flow.circuit_breaker import FIRST_PAUSE, LONGEST_PAUSE, MOST_FAILURES
from budstikke.store import schema
from budstikke.store.contract import CallbackRow
from flow.rig import Rig, directory, rig_on, until
from store.path import NOW, RECIPIENT

if TYPE_CHECKING:
    import pytest

    from store.engines import SqliteEngine

ONE, TWO = "c1.example", "c2.example"


async def make(rig: Rig, count: int, access_id: int = 1) -> list[CallbackRow]:
    ids = await rig.path.sending(*[RECIPIENT] * count, access_id=access_id)
    updates = [
        rig.path.update(part, PartState.REJECTED, access_id=access_id, at=rig.now)
        for part in ids
    ]
    return await rig.path.store.record(updates, rig.now)


def tries(rig: Rig) -> list[int]:
    return rig.path.column("tries", schema.callback)


def circuits() -> float:
    value: float = metrics.circuits_open._value.get()
    return value


async def turn(rig: Rig) -> None:
    """Have the clock wake what is due, and wait until all of it is over."""
    await rig.scheduler.wake()
    await until(lambda: not rig.notifier.busy())
    await rig.written()


async def test_what_waits_for_one_that_is_away_is_handed_back_uncounted(
    rig: Rig,
) -> None:
    rig.transport.status[ONE] = 0
    rig.notifier.notify(await make(rig, 50))
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    asked = len(rig.transport.asked)
    assert MOST_FAILURES <= asked <= MOST_FAILURES + 3  # four at a time
    assert [1] * asked + [0] * (50 - asked) == sorted(tries(rig), reverse=True)
    assert notify.MOST_WAITING == rig.notifier.free()
    due = rig.path.column("due_at", schema.callback)
    assert rig.now + FIRST_PAUSE == min(due)
    assert max(due) < rig.now + FIRST_PAUSE + 1
    # What is new goes straight back.
    rig.notifier.notify(await make(rig, 10))
    await rig.written()
    assert asked == len(rig.transport.asked)
    assert not rig.notifier.busy()


async def test_one_request_tries_now_and_then(rig: Rig) -> None:
    before = circuits()
    rig.transport.status[ONE] = 0
    rig.notifier.notify(await make(rig, 50))
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    asked = len(rig.transport.asked)
    assert 1 == circuits() - before
    waited, times = 0.0, []
    while waited < 3600:
        rig.now += 1
        waited += 1
        await turn(rig)
        if len(rig.transport.asked) > asked:
            assert asked + 1 == len(rig.transport.asked)
            asked += 1
            times.append(waited)
    pauses = [b - a for a, b in pairwise(times)]
    assert FIRST_PAUSE == times[0]
    assert max(pauses) <= LONGEST_PAUSE + 15
    assert len(times) < 25
    # It answers: all of it is told, soon.
    rig.transport.status[ONE] = 200
    for _ in range(int(LONGEST_PAUSE) + 60):
        rig.now += 1
        await turn(rig)
    assert 0 == circuits() - before
    for _ in range(100):
        rig.now += 300
        await turn(rig)
    assert ["done"] * 50 == rig.path.column("state", schema.callback)


async def test_while_one_tries_the_others_wait(rig: Rig) -> None:
    rig.transport.status[ONE] = 0
    rig.notifier.notify(await make(rig, 20))
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    asked = len(rig.transport.asked)
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.now += FIRST_PAUSE + 1
    await rig.scheduler.wake()
    await until(lambda: 1 == rig.transport.under_way)
    rig.now += 10
    await rig.scheduler.wake()
    await rig.written()
    assert 1 == rig.transport.under_way
    rig.transport.status[ONE] = 200
    rig.transport.hanging[ONE].set()
    await until(lambda: not rig.notifier.busy())
    rig.now += 20
    await turn(rig)
    rig.now += 20
    await turn(rig)
    assert ["done"] * 20 == rig.path.column("state", schema.callback)
    assert 20 == len(set(rig.transport.asked[asked:]))


async def test_one_that_answers_badly_is_not_away(rig: Rig) -> None:
    rig.transport.status[ONE] = 500
    rig.notifier.notify(await make(rig, 50))
    await rig.told(50)
    assert [1] * 50 == tries(rig)


async def test_another_customer_does_not_notice(rig: Rig) -> None:
    rig.transport.status[ONE] = 0
    rig.notifier.notify(await make(rig, 20))
    rig.notifier.notify(await make(rig, 20, access_id=2))
    await until(lambda: not rig.notifier.busy())
    assert 20 == len([url for url in rig.transport.asked if TWO in url])


async def test_a_new_url_is_tried_at_once(rig: Rig) -> None:
    before = circuits()
    rig.transport.status[ONE] = 0
    rig.notifier.notify(await make(rig, 20))
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    known = directory()
    one = known.accesses[1]
    moved = replace(one, settings=known.accesses[2].settings)
    rig.directory = replace(known, accesses={1: moved, 2: known.accesses[2]})
    rig.notifier.notify(await make(rig, 5))
    await until(lambda: not rig.notifier.busy())
    assert 5 == len([url for url in rig.transport.asked if TWO in url])
    assert before == circuits()


async def test_nothing_is_kept_for_one_that_stays_away(engine: SqliteEngine) -> None:
    """What was never tried is given up when its own tries would have been over."""

    async with rig_on(engine) as rig:
        rig.transport.status[ONE] = 0
        rig.notifier.notify(await make(rig, 40))
        await until(lambda: not rig.notifier.busy())
        await rig.written()
        end = rig.now + sum(AGAIN)
        while rig.now < end - 310:
            rig.now += 300
            await turn(rig)
        assert {"due"} == set(rig.path.column("state", schema.callback))
        for _ in range(12):
            rig.now += 300
            await turn(rig)
        found = rig.path.column("answer", schema.callback)
        given_up = found.count("not reached for too long")
        assert given_up > 20
        states = rig.path.column("state", schema.callback)
        assert given_up <= states.count("failed")


async def test_an_outage_of_ours_is_not_held_against_them(rig: Rig) -> None:
    rows = await make(rig, 20)
    rig.transport.status[ONE] = 0
    rig.now += 100_000  # we were away for a day
    rig.notifier.notify(rows)
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    assert {"due"} == set(rig.path.column("state", schema.callback))


async def test_requests_are_so_far_apart(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        if seconds:
            waits.append(seconds)
        await sleep(0)

    async with rig_on(engine) as rig:
        rig.notifier._spacing = 60.0
        event = StatusEvent(1, RECIPIENT, None, "delivered", "", "", NOW)
        monkeypatch.setattr(asyncio, "sleep", noted)
        rig.notifier.notify([CallbackRow(1, 1, event, 0)])
        await until(lambda: 1 == len(rig.transport.asked))
        rig.notifier.notify(await make(rig, 3))
        await until(lambda: 4 == len(rig.transport.asked))
        monkeypatch.setattr(asyncio, "sleep", sleep)
    assert [60, 120, 180] == [round(each) for each in waits]
