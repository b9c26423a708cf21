"""The clock: it does what is due, and goes on whatever a turn meets."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from budstikke import metrics
from budstikke.domain.receipt import Unsure
from budstikke.flow import schedule
from budstikke.flow.schedule import Scheduler
from budstikke.store.contract import StoreUnavailable
from flow.rig import Rig, rig_on, until
from store.path import NOW, RECIPIENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.engines import SqliteEngine


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let pauses last a turn of the loop, and note how long they were to be."""
    noted: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            noted.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return noted


async def turning(rig: Rig, until_then: Callable[[], object]) -> None:
    """Let the clock run until something is so."""
    task = asyncio.create_task(rig.scheduler.run())
    await until(until_then)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_much_that_is_due_is_done_without_pauses(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "MOST_DUE", 10)

    async with rig_on(engine) as rig:
        await rig.path.accept(*[RECIPIENT] * 35, due_at=NOW)
        again = [await rig.scheduler.wake() for _ in range(4)]
        assert [True, True, True, False] == again
        assert {1: 35} == await rig.store.backlog()


async def test_the_clock_runs(rig: Rig, pauses: list[float]) -> None:
    one = rig.carriers[1]
    async with rig.running():
        await rig.path.accept(due_at=NOW)
        await rig.path.accept(expires_at=NOW)
        await turning(rig, lambda: one.offered and rig.transport.asked)
        both = {schedule.WAKE_EVERY, schedule.SWEEP_EVERY}
        await turning(rig, lambda: both <= set(pauses))


async def test_it_goes_on_when_the_store_is_back(rig: Rig, pauses: list[float]) -> None:
    await rig.path.accept(due_at=NOW)
    rig.store.down = True
    async with rig.running():
        await turning(rig, lambda: rig.store.refused > 5)
        rig.store.down = False
        await turning(rig, lambda: rig.carriers[1].offered)


@pytest.mark.parametrize("error", [ZeroDivisionError(), KeyError(7)])
async def test_a_bug_in_one_turn_does_not_stop_it(
    engine: SqliteEngine,
    pauses: list[float],
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    class Step:
        turns = 0

        async def run_once(self) -> bool:
            self.turns += 1
            raise error

    async with rig_on(engine) as rig:
        step = Step()
        rig.scheduler = Scheduler(
            store=rig.store,
            senders=rig.senders,
            notifier=rig.notifier,
            clock=lambda: rig.now,
            retention=1e9,
            also=[(7.0, step)],
        )
        with caplog.at_level(logging.ERROR):
            await turning(rig, lambda: step.turns > 3)
    assert 7.0 in pauses
    assert "periodic job failed" in caplog.messages


async def test_old_messages_go_without_pauses(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "MOST_DUE", 10)

    async with rig_on(engine) as rig:
        await rig.path.accept(*[RECIPIENT] * 25, accepted_at=NOW, expires_at=NOW)
        rig.now = NOW + 90 * 86400.0 + 1
        again = [await rig.scheduler.sweep() for _ in range(3)]
        assert [True, True, False] == again
        assert {} == rig.path.parts()


async def test_the_backlog_is_counted_also_when_it_is_gone(
    engine: SqliteEngine,
) -> None:
    def counted() -> list[float]:
        return [
            metrics.backlog_parts.labels(name)._value.get() for name in ("c1", "c2")
        ]

    async with rig_on(engine) as rig:
        await rig.path.accept(*[RECIPIENT] * 3)
        await rig.scheduler.sweep()
        assert [3, 0] == counted()
        async with rig.running():
            await until(lambda: 3 == len(rig.carriers[1].offered))
            rig.carriers[1].answer(Unsure("x"))
        await rig.scheduler.sweep()
        assert [0, 0] == counted()


async def test_a_carrier_that_is_gone_is_left_out(rig: Rig) -> None:
    await rig.path.accept(due_at=NOW, carrier_id=3)
    await rig.path.accept(due_at=NOW)
    assert not await rig.scheduler.wake()
    assert not await rig.scheduler.sweep()
    assert {1: 1, 3: 1} == await rig.store.backlog()


async def test_a_turn_that_cannot_be_made_says_so(rig: Rig) -> None:
    rig.store.down = True
    for turn in (rig.scheduler.wake, rig.scheduler.sweep):
        with pytest.raises(StoreUnavailable):
            await turn()
