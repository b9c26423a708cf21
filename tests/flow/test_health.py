"""Health: only writes count, a failed one asks for room, and what hangs is late."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from budstikke import metrics
from budstikke.flow import health
from budstikke.flow.clock import GuardedClock
from budstikke.flow.health import BEAT_EVERY, LATE, LOOK_AT_DAMAGE_EVERY, Health
from budstikke.store.contract import Beat, Pulse, StoreDamaged, StoreUnavailable
from budstikke.store.contract.health import ROOM

if TYPE_CHECKING:
    import pytest

NOW = 1_795_345_200.0


class Beats:
    """A store that beats, fails or hangs as the test says."""

    def __init__(self) -> None:
        self.pulse = Pulse()
        self.rooms: list[int] = []
        self.fails: Exception | None = None
        self.hangs: asyncio.Future[None] | None = None
        self.is_whole = False
        self.looks = 0

    async def beat(self, _now: float, room: int) -> Beat:
        self.rooms.append(room)
        if self.hangs is not None:
            await self.hangs
        if self.fails is not None:
            self.pulse.failed(self.fails)
            raise self.fails
        return Beat(database_time=None)

    async def whole(self) -> bool:
        self.looks += 1
        return self.is_whole


class Process:
    fault = ""

    def look(self) -> str:
        return self.fault


class Rig:
    def __init__(self) -> None:
        self.now = 100.0
        self.off = 0.0
        self.store = Beats()
        self.process = Process()
        clock = GuardedClock(lambda: NOW + self.now + self.off, lambda: self.now)
        store: Any = self.store
        self.health = Health(
            store=store,
            clock=clock,
            processes={"callbacks": self.process},
            count=lambda: self.now,
        )

    async def pass_(self, seconds: float) -> dict[str, str]:
        """Let time pass, look, and let what was begun go on; returns the faults."""
        self.now += seconds
        self.health.look()
        for _ in range(5):
            await asyncio.sleep(0)
        self.health.look()
        return self.health.faults


async def started() -> Rig:
    rig = Rig()
    await rig.health.beat()
    assert {} == await rig.pass_(0.0)
    return rig


async def test_it_is_not_ready_before_something_was_written() -> None:
    rig = Rig()
    assert ["store"] == list(rig.health.faults)
    assert {} == await rig.pass_(0.0)
    assert [ROOM] == rig.store.rooms


async def test_it_beats_now_and_then_and_asks_for_no_room() -> None:
    rig = await started()
    for _ in range(3):
        assert {} == await rig.pass_(BEAT_EVERY)
    assert [ROOM, 0, 0, 0] == rig.store.rooms


async def test_a_write_that_failed_is_tried_with_room_until_there_is_some() -> None:
    rig = await started()
    rig.store.fails = StoreUnavailable("disk full")
    rig.store.pulse.failed(rig.store.fails)  # an accept, say
    assert "disk full" in (await rig.pass_(0.25))["store"]
    assert 0 == metrics.store_up._value.get()
    assert "store" in await rig.pass_(0.25)
    rig.store.fails = None
    assert {} == await rig.pass_(0.25)
    assert 1 == metrics.store_up._value.get()
    assert set(rig.store.rooms) == {ROOM}
    await rig.pass_(BEAT_EVERY)
    assert 0 == rig.store.rooms[-1]


async def test_a_failure_after_which_there_is_room_changes_nothing() -> None:
    rig = await started()
    rig.store.pulse.failed(StoreUnavailable("lost a race"))
    assert {} == await rig.pass_(0.25)
    assert [ROOM, ROOM] == rig.store.rooms


async def test_a_beat_that_hangs_is_late_and_no_other_is_begun() -> None:
    rig = await started()
    rig.store.hangs = asyncio.get_running_loop().create_future()
    assert {} == await rig.pass_(BEAT_EVERY)
    assert {} == await rig.pass_(LATE)
    assert (
        "the database has not answered a write for" in (await rig.pass_(0.25))["store"]
    )
    await rig.pass_(60.0)
    assert 2 == len(rig.store.rooms)
    rig.store.hangs.set_result(None)
    assert {} == await rig.pass_(0.0)


async def test_an_order_that_hangs_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = await started()
    with rig.store.pulse.waiting():
        assert {} == await rig.pass_(0.0)
        monkeypatch.setattr(health, "LATE", 0.0)
        assert "has not answered a write" in (await rig.pass_(0.0))["store"]
    assert {} == await rig.pass_(0.0)


async def test_reads_say_nothing() -> None:
    rig = await started()
    rig.store.fails = StoreUnavailable("read only")
    for _ in range(3):
        assert "store" in await rig.pass_(BEAT_EVERY)
        await rig.store.whole()  # and reading works


async def test_what_is_damaged_is_looked_at_until_it_is_whole() -> None:
    rig = await started()
    rig.store.pulse.failed(StoreDamaged("the database is damaged: page 7"))
    faults = await rig.pass_(0.25)
    assert "page 7: docs/operate.md, A bad page" in faults["store"]
    assert "store" in await rig.pass_(BEAT_EVERY)  # though beats go well
    looks = rig.store.looks
    await rig.pass_(0.0)
    assert looks == rig.store.looks
    rig.store.is_whole = True
    assert {} == await rig.pass_(LOOK_AT_DAMAGE_EVERY)


def test_a_clock_in_doubt_and_a_process_that_hangs_are_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        rig = await started()
        rig.off = 400 * 86400.0
        rig.process.fault = "says nothing"
        assert ["clock", "callbacks"] == list(await rig.pass_(0.25))
        assert 0 == metrics.process_up.labels("callbacks")._value.get()
        rig.off, rig.process.fault = 0.0, ""
        assert {} == await rig.pass_(0.25)
        assert 1 == metrics.process_up.labels("callbacks")._value.get()

    with caplog.at_level(logging.INFO, "budstikke.health"):
        asyncio.run(scenario())
    assert [
        ("ready", logging.INFO),  # a start is nothing to look at
        ("not ready", logging.CRITICAL),
        ("ready", logging.WARNING),
    ] == [
        (record.message, record.levelno)
        for record in caplog.records
        if record.name.endswith("health")
    ]


async def test_a_bug_in_a_beat_is_a_fault_and_the_watch_goes_on() -> None:
    rig = await started()
    rig.store.fails = ZeroDivisionError()
    assert "ZeroDivisionError" in (await rig.pass_(BEAT_EVERY))["store"]
    rig.store.fails = None
    assert {} == await rig.pass_(BEAT_EVERY)
