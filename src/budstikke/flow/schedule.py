"""
Runs periodic jobs.

Nothing is decided here: the store's verbs do the work, and the scheduler passes
their results to the senders and the notifier.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from budstikke import metrics
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from budstikke.flow.deferred_notifier import CallbackSink
    from budstikke.flow.send import Sender
    from budstikke.store.contract import Store

log = logging.getLogger("budstikke.schedule")

WAKE_EVERY = 0.5
"""Seconds between runs of the wake job."""

SWEEP_EVERY = 5.0
"""Seconds between sweeps: expiry, orphans, retention."""

MOST_DUE = 2000
"""Rows of each kind in one transaction."""


class PeriodicJob(Protocol):
    """A job that runs now and then."""

    def run_once(self) -> Awaitable[bool]:
        """Run once; ``True``: there is more to do. Raises StoreUnavailable."""


class Scheduler:
    """
    Runs the periodic jobs of this node.

    Args:
        store: Has the work that is due.
        senders: By carrier id.
        notifier: Takes callbacks.
        clock: Unix seconds.
        retention: Seconds that messages are kept.
        also: Other jobs, each with the seconds between its runs.
        sweeps: Whether this node runs the sweep job.

    """

    def __init__(
        self,
        *,
        store: Store,
        senders: Mapping[int, Sender],
        notifier: CallbackSink,
        clock: Callable[[], float],
        retention: float,
        also: Sequence[tuple[float, PeriodicJob]] = (),
        sweeps: bool = True,
    ) -> None:
        self._store = store
        self._senders = senders
        self._notifier = notifier
        self._clock = clock
        self._retention = retention
        self._also = also
        self._sweeps = sweeps

    async def run(self) -> None:
        """Run all jobs until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(WAKE_EVERY, self.wake))
            group.create_task(self._every(SWEEP_EVERY, self.sweep))
            for seconds, job in self._also:
                group.create_task(self._every(seconds, job.run_once))

    async def _every(self, seconds: float, run: Callable[[], Awaitable[bool]]) -> None:
        while True:
            try:
                again = await run()
            except StoreUnavailable as error:
                log.warning(
                    "periodic job postponed, the database is unavailable: %s", error
                )
                again = False
            except Exception:  # the job runs again, whatever the error
                log.exception("periodic job failed")
                again = False
            if not again:
                await asyncio.sleep(seconds)

    async def wake(self) -> bool:
        """Wake parts, callbacks and queues that are due; ``True``: there are more."""
        free = min(MOST_DUE, max(self._notifier.free(), 0))
        woken = await self._store.wake(self._clock(), MOST_DUE, free)
        for carrier_id in woken.carriers:
            if carrier_id in self._senders:
                self._senders[carrier_id].stored()
        await self._notifier.woken(woken.callbacks)
        self._notifier.queues(woken.queues)
        return woken.more

    async def sweep(self) -> bool:
        """Expire, purge and set gauges: nothing urgent; ``True``: there is more."""
        purged = 0
        if self._sweeps:
            now = self._clock()
            self._notifier.notify(await self._store.sweep(now, MOST_DUE))
            purged = await self._store.purge(now - self._retention, MOST_DUE)
        backlog = await self._store.backlog()
        for carrier_id, sender in self._senders.items():
            carrier = sender.carrier
            metrics.backlog_parts.labels(carrier.name).set(backlog.get(carrier_id, 0))
            metrics.carrier_up.labels(carrier.name).set(carrier.healthy())
            metrics.carrier_room.labels(carrier.name).set(carrier.room())
        return purged >= MOST_DUE
