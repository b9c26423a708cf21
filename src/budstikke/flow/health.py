"""
Health: whether messages can be accepted, and why not.

Only writes count: once a second one is committed that means nothing but "I live", by
the way of all others, through the process or the connections that they go through. It
says that writing works, how long it takes, and what time the database thinks it is.
After a write that failed it asks for room, too, so that a disk which is almost full is
not taken for one with room again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from budstikke import metrics
from budstikke.store.contract import StoreUnavailable
from budstikke.store.contract.health import ROOM

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.flow.clock import GuardedClock
    from budstikke.store.contract import Store

log = logging.getLogger("budstikke.health")

LOOK_EVERY = 0.25
"""Seconds between looks."""

BEAT_EVERY = 1.0
"""Seconds between beats."""

LATE = 1.5
"""Seconds after which a write without an answer says that nothing is written."""

LOOK_AT_DAMAGE_EVERY = 1.0
"""Seconds between looks whether what was damaged is whole again."""

NOT_YET = "nothing has been written yet"
"""What is wrong with the store of a gateway that starts."""


class Watched(Protocol):
    """A process of the gateway's own."""

    def look(self) -> str:
        """Tell what is wrong with it; empty: nothing. One that hangs is replaced."""


class Readiness(NamedTuple):
    """Whether messages can be accepted; what works, by name; why something does not."""

    ready: bool
    parts: dict[str, bool]
    why: dict[str, str]


class Health:
    """
    The watch over the store, the clock and the gateway's own processes.

    Args:
        store: Beats.
        clock: The guarded one.
        processes: By name.
        count: Seconds that only grow.

    Attributes:
        looked_at: What is watched: the store, the clock, and each process.
        faults: What is wrong, by what it is wrong with; empty: all is well.

    """

    def __init__(
        self,
        *,
        store: Store,
        clock: GuardedClock,
        processes: Mapping[str, Watched],
        count: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._clock = clock
        self._processes = processes
        self._count = count
        self._beating: asyncio.Task[None] | None = None
        self._began = count()  # the last beat
        self._looking: asyncio.Task[None] | None = None
        self._looked = 0.0
        self._fault = NOT_YET
        self._failures = 0
        self.faults: dict[str, str] = {"store": self._fault}
        self.looked_at = ("store", "clock", *processes)

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            while True:
                self.look()
                await asyncio.sleep(LOOK_EVERY)
        finally:
            for task in (self._beating, self._looking):
                if task is not None:
                    task.cancel()

    def look(self) -> None:
        """Begin what is due, and see how things are."""
        now = self._count()
        self._clock()  # so that a jump is seen when nobody asks for the time
        if self._beating is None and self._is_due(now):
            self._began = now
            self._beating = asyncio.create_task(self.beat())
        damaged = self._store.pulse.damaged
        if damaged and self._looking is None and now >= self._looked:
            self._looking = asyncio.create_task(self._look_at_damage())
        before, self.faults = self.faults, self._found(now)
        metrics.store_up.set("store" not in self.faults)
        if self.faults.keys() != before.keys():
            if self.faults:
                log.critical("not ready", extra={"why": dict(self.faults)})
            else:
                started = before == {"store": NOT_YET}
                log.log(logging.INFO if started else logging.WARNING, "ready")

    def _is_due(self, now: float) -> bool:
        failed = self._store.pulse.failures != self._failures
        return failed or bool(self._fault) or now - self._began >= BEAT_EVERY

    async def beat(self) -> None:
        """Write that we live; never raises."""
        pulse = self._store.pulse
        failures = pulse.failures
        doubtful = bool(self._fault) or failures != self._failures
        try:
            beat = await self._store.beat(self._clock(), ROOM if doubtful else 0)
            self._fault = ""
            self._failures = failures
            self._clock.hear(beat)
        except StoreUnavailable as error:
            self._fault = str(error) or "nothing can be written"
        except Exception as error:
            log.exception("heartbeat failed: internal error")
            self._fault = type(error).__name__
        finally:
            self._beating = None

    async def _look_at_damage(self) -> None:
        try:
            if await self._store.whole():
                self._store.pulse.damaged = ""
        except Exception:
            log.exception("cannot check the damaged database")
        finally:
            self._looked = self._count() + LOOK_AT_DAMAGE_EVERY
            self._looking = None

    def _found(self, now: float) -> dict[str, str]:
        faults: dict[str, str] = {}
        pulse = self._store.pulse
        unanswered = max(
            pulse.oldest(), now - self._began if self._beating is not None else 0.0
        )
        if pulse.damaged:
            faults["store"] = f"{pulse.damaged}: docs/operate.md, A bad page"
        elif self._fault:
            faults["store"] = f"{self._fault}: docs/operate.md, Not ready"
        elif unanswered > LATE:
            late = f"the database has not answered a write for {unanswered:.0f} s"
            faults["store"] = f"{late}: docs/operate.md, Not ready"
        if self._clock.doubt:
            faults["clock"] = self._clock.doubt
        for name, process in self._processes.items():
            fault = process.look()
            metrics.process_up.labels(name).set(not fault)
            if fault:
                faults[name] = fault
        return faults
