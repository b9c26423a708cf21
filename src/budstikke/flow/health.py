"""
Health: whether messages can be accepted, and why not.

Only a write counts: a heartbeat is committed once a second by the way of all others,
through the same process or connections. It shows that writing works, how long it takes,
and the database's time. After a failed write it also checks for free space, so that an
almost full disk does not count as one with space again.
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
"""Seconds between checks."""

BEAT_EVERY = 1.0
"""Seconds between heartbeats."""

LATE = 1.5
"""Seconds after which a heartbeat without an answer is a fault."""

LOOK_AT_DAMAGE_EVERY = 1.0
"""Seconds between checks whether a damaged database is whole again."""

NOT_YET = "nothing has been written yet"
"""The store's fault while a gateway starts."""


class Watched(Protocol):
    """A child process of the gateway."""

    def look(self) -> str:
        """Return its fault (empty: none); replace it if it hangs."""


class Readiness(NamedTuple):
    """
    Whether messages can be accepted: what works, by name, and the faults.

    ``alarms`` are of carriers: messages are accepted all the same.
    """

    ready: bool
    parts: dict[str, bool]
    why: dict[str, str]
    alarms: dict[str, str]


class Health:
    """
    Watches the store, the clock and the child processes.

    Args:
        store: Writes heartbeats.
        clock: The guarded one.
        processes: By name.
        count: Monotonic seconds.

    Attributes:
        looked_at: Names of what it watches: the store, the clock, and each process.
        faults: Faults by name; empty: there are none.

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
        self._began = count()  # of the last heartbeat
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
        """Start the checks that are due, and take the results."""
        now = self._count()
        self._clock()  # so that it notices a jump even if nobody asks for the time
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
        """Write a heartbeat; never raises."""
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
