"""Telling customers: once, again by the table, and nobody waits for another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from budstikke.dialects.front.settings import Settings
from budstikke.domain.callback import AGAIN
from budstikke.domain.directory import Directory
from budstikke.domain.message import StatusEvent
from budstikke.domain.receipt import Reason, Rejected, Retry
from budstikke.domain.states import PartState
from budstikke.flow import notify, pace
from budstikke.flow.callback_attempt import CallbackAttempts
from budstikke.store import schema
from budstikke.store.contract import CallbackRow
from flow.rig import Rig, directory, rig_on, until
from flow.turns import calls_by_turn
from store.path import NOW, RECIPIENT, opened

if TYPE_CHECKING:
    import pytest

    from store.engines import SqliteEngine

ONE, TWO = "c1.example", "c2.example"


async def make(rig: Rig, count: int, access_id: int = 1) -> list[CallbackRow]:
    """Have the store make callbacks, leased to us, of rejected messages."""
    ids = await rig.path.sending(*[RECIPIENT] * count, access_id=access_id)
    updates = [
        rig.path.update(part, PartState.REJECTED, access_id=access_id) for part in ids
    ]
    return await rig.path.store.record(updates, rig.now)


def states(rig: Rig) -> list[str]:
    return rig.path.column("state", schema.callback)


async def test_told_and_done(rig: Rig) -> None:
    rows = await make(rig, 3)
    rig.notifier.notify(rows)
    await rig.told(3)
    expected = [
        f"https://{ONE}/s?status=5&origid={row.event.message_id}" for row in rows
    ]
    assert expected == sorted(rig.transport.asked)
    assert ["done"] * 3 == states(rig)
    rig.now += 1_000_000
    await rig.scheduler.wake()
    assert 3 == len(rig.transport.asked)
    assert notify.MOST_WAITING == rig.notifier.free()


async def test_others_have_their_turn_between_callbacks_that_go_nowhere(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is asked of anybody, so that nothing of it waits."""
    monkeypatch.setattr(pace, "TURN", 0.0)
    known = rig.directory
    deaf = replace(known.accesses[1], settings=Settings())
    rig.directory = replace(known, accesses={1: deaf})
    rows = await make(rig, 200)
    async with calls_by_turn(CallbackAttempts.attempt) as tried:
        rig.notifier.notify(rows)
        await until(lambda: not rig.notifier.busy())
    await rig.written()
    assert ["done"] * 200 == states(rig)
    assert 200 == tried.total()
    # Its workers begin with one each; then there is one in a turn.
    assert [1] == sorted(set([*tried.values()][1:]))


async def test_reports_of_an_order_go_to_its_own_url(engine: SqliteEngine) -> None:
    """Of a message that is sent at once, and of one that waits in the store first."""

    async with rig_on(engine) as rig:
        own = "https://own.example/dlr"
        (waits,) = await rig.send(callback_url=own)
        async with rig.running(1):
            await rig.settled_down()
            (at_once,) = await rig.send(callback_url=own)
            (usual,) = await rig.send()
            await until(lambda: 3 == len(rig.carriers[1].waiting))
            rig.carriers[1].answer(Rejected(Reason.BARRED, "no", Retry.NEVER))
            await rig.told(3)
        expected = [f"{own}?status=5&origid={id_}" for id_ in (waits, at_once)]
        expected.append(f"https://{ONE}/s?status=5&origid={usual}")
        assert sorted(expected) == sorted(rig.transport.asked)


async def test_told_again_by_the_table_and_then_given_up(rig: Rig) -> None:
    rig.transport.status[ONE] = 500
    rig.notifier.notify(await make(rig, 1))
    for tries, wait in enumerate(AGAIN, 1):
        await rig.told(tries)
        assert [(tries, "HTTP 500 not now")] == [
            *zip(
                rig.path.column("tries", schema.callback),
                rig.path.column("answer", schema.callback),
                strict=True,
            )
        ]
        rig.now += wait - 0.1
        await rig.scheduler.wake()
        assert tries == len(rig.transport.asked)
        rig.now += 0.1
        await rig.scheduler.wake()
    await rig.told(len(AGAIN) + 1)
    assert ["failed"] == states(rig)


async def test_one_that_is_not_reached_is_told_again(rig: Rig) -> None:
    rig.transport.status[ONE] = 0
    rig.notifier.notify(await make(rig, 1))
    await rig.told(1)
    assert ["no answer in time"] == rig.path.column("answer", schema.callback)
    rig.transport.status[ONE] = 204
    rig.now += AGAIN[0]
    await rig.scheduler.wake()
    await rig.told(2)
    assert ["done"] == states(rig)


async def test_so_many_at_a_time_to_one_endpoint(rig: Rig) -> None:
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify(await make(rig, 30))
    await until(lambda: 4 == rig.transport.under_way)
    rig.notifier.notify(await make(rig, 30))
    await asyncio.sleep(0)
    assert 4 == rig.transport.under_way
    rig.transport.hanging[ONE].set()
    await rig.told(60)
    assert 4 == rig.transport.most_under_way
    assert ["done"] * 60 == states(rig)


async def test_one_that_hangs_does_not_delay_another(rig: Rig) -> None:
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify(await make(rig, 100))
    rig.notifier.notify(await make(rig, 50, access_id=2))
    asked = rig.transport.asked
    await until(lambda: 50 == len([url for url in asked if TWO in url]))
    assert 4 == len([url for url in asked if ONE in url])
    rig.transport.hanging[ONE].set()
    await until(lambda: 150 == len(asked))


async def test_one_that_hangs_does_not_take_all_the_room(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "MOST_WAITING", 120)

    async with rig_on(engine) as rig:
        rig.transport.hanging[ONE] = asyncio.Event()
        rig.notifier.notify(await make(rig, 150))
        assert 120 - 31 == rig.notifier.free()
        rig.notifier.notify(await make(rig, 20, access_id=2))
        await until(
            lambda: 20 == len([url for url in rig.transport.asked if TWO in url])
        )
        rig.transport.hanging[ONE].set()
        # The others of the one that hung wait in the store and come back.
        for _ in range(10):
            await until(lambda: 120 == rig.notifier.free())
            await rig.written()
            rig.now += notify.COME_BACK
            await rig.scheduler.wake()
        await rig.told(170)
        assert ["done"] * 170 == states(rig)
        assert 170 == len(set(rig.transport.asked))


async def test_what_there_is_no_room_for_waits_in_the_store(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "MOST_WAITING", 10)

    async with rig_on(engine) as rig:
        rig.transport.hanging[ONE] = asyncio.Event()
        rig.notifier.notify(await make(rig, 50))
        assert 7 == rig.notifier.free()
        await rig.written()
        await rig.scheduler.wake()
        assert rig.notifier.free() <= 10
        rig.transport.hanging[ONE].set()
        while len(rig.transport.asked) < 50:
            await until(lambda: 10 == rig.notifier.free())
            await rig.written()
            rig.now += notify.COME_BACK
            await rig.scheduler.wake()
        await rig.written()
        assert ["done"] * 50 == states(rig)
        assert 50 == len(set(rig.transport.asked))


async def test_what_a_quick_one_had_no_room_for_comes_back_soon(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "MOST_WAITING", 10)

    async with rig_on(engine) as rig:
        rig.notifier.notify(await make(rig, 1))  # it is known to be quick then
        await rig.told(1)
        began = rig.now
        rig.notifier.notify(await make(rig, 50))
        while len(rig.transport.asked) < 51:
            await until(lambda: 10 == rig.notifier.free())
            await rig.written()
            rig.now += notify.SOONEST
            await rig.scheduler.wake()
        assert rig.now - began < notify.UNKNOWN


async def test_what_waits_longer_than_its_lease_is_not_told_twice(
    rig: Rig,
) -> None:
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify(await make(rig, 20))
    for _ in range(5):
        rig.now += 1000
        await rig.scheduler.wake()
    rig.transport.hanging[ONE].set()
    await until(lambda: notify.MOST_WAITING == rig.notifier.free())
    await rig.written()
    assert 20 == len(rig.transport.asked)
    assert ["done"] * 20 == states(rig)


async def test_what_came_of_it_is_written_when_the_store_is_back(
    rig: Rig,
) -> None:
    rows = await make(rig, 5)
    rig.store.down = True
    rig.notifier.notify(rows)
    await until(lambda: rig.store.refused)
    assert ["due"] * 5 == states(rig)
    rig.store.down = False
    await rig.written()
    assert ["done"] * 5 == states(rig)


async def test_a_worker_that_ends_leaves_nothing_behind(rig: Rig) -> None:
    rows = await make(rig, 40)
    # One by one, at every turn of the loop in which the worker before may end.
    for turns, row in enumerate(rows):
        rig.notifier.notify([row])
        for _ in range(turns % 8):
            await asyncio.sleep(0)
    await until(lambda: 40 == len(rig.transport.asked))


async def test_nobody_and_nothing_to_tell(rig: Rig) -> None:
    quiet = directory(status_interim=False)
    gone = dict(quiet.accesses)
    del gone[2]
    rig.directory = Directory(revision=2, accesses=gone, carriers=quiet.carriers)
    rows = [*await make(rig, 1), *await make(rig, 1, access_id=2)]
    event = StatusEvent(1, RECIPIENT, None, "sent", "", "", NOW)
    rig.notifier.notify([CallbackRow(rows[0].id, 1, event, 0), rows[1]])
    await until(lambda: notify.MOST_WAITING == rig.notifier.free())
    await rig.written()
    assert [] == rig.transport.asked
    assert ["nothing to send for this event", "no callback URL"] == rig.path.column(
        "answer", schema.callback
    )
    assert ["done", "done"] == states(rig)


async def test_a_bug_in_one_does_not_stop_the_rest(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig_on(engine) as rig:
        rows = await make(rig, 6)
        event = StatusEvent(1, None, "r", "delivered", "", "", NOW)  # type: ignore[arg-type]  # a bug
        rig.notifier.notify([CallbackRow(rows[0].id, 1, event, 0), *rows[1:]])
        await rig.told(5)
        assert ["due", *["done"] * 5] == states(rig)
    assert "failed: internal error" in caplog.text


async def test_a_stop_waits_for_what_is_under_way_and_hands_back_the_rest(
    engine: SqliteEngine,
    rig: Rig,
) -> None:
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify(await make(rig, 10))
    await until(lambda: 4 == rig.transport.under_way)
    stopping = asyncio.create_task(rig.notifier.stop(10))
    await asyncio.sleep(0)
    assert not stopping.done()
    rig.transport.hanging[ONE].set()
    await stopping
    assert ["done"] * 4 + ["due"] * 6 == states(rig)
    async with opened(engine.after_power_loss(), rig.now) as again:
        woken = await again.store.wake(rig.now, 10, 10)
        assert 6 == len(woken.callbacks)


async def test_a_stop_does_not_wait_for_ever(engine: SqliteEngine, rig: Rig) -> None:
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify(await make(rig, 10))
    await until(lambda: 4 == rig.transport.under_way)
    await rig.notifier.stop(0.01)
    await until(lambda: 0 == rig.transport.under_way)
    async with opened(engine.after_power_loss(), rig.now) as again:
        woken = await again.store.wake(rig.now, 10, 100)
        assert 10 == len(woken.callbacks)


async def test_after_a_stop_new_ones_are_handed_back(rig: Rig) -> None:
    await rig.notifier.stop(1)
    rig.notifier.notify(await make(rig, 3))
    await rig.written()
    assert [] == rig.transport.asked
    assert ["due"] * 3 == states(rig)
    assert [rig.now] * 3 == rig.path.column("due_at", schema.callback)
