"""
Notify: make callbacks about messages and inbound messages to customers' servers.

A callback is a row, leased to this process, before it is made; memory is only the fast
way to it. Each endpoint (URL) has a share of that memory and workers of its own, so
that a server that hangs delays no other customer, and a circuit breaker, so that a
server that is down is probed by single requests. ``callback_attempt`` makes one
request; ``callback_queues`` makes callbacks that must arrive strictly in order.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import current_task
from typing import TYPE_CHECKING, cast

from budstikke import metrics
from budstikke.domain.states import FINAL_MESSAGE
from budstikke.flow.batching import WriteBehind
from budstikke.flow.callback_attempt import CallbackAttempts
from budstikke.flow.callback_queues import CallbackQueues
from budstikke.flow.endpoint import Endpoint, Key, is_interim, key_of
from budstikke.flow.pace import Pace
from budstikke.store.contract import CallbackResult, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from budstikke.dialects.contract import Dialect
    from budstikke.domain.directory import Directory
    from budstikke.flow.callback_attempt import FindsSubscribers, Target
    from budstikke.flow.callback_deliveries import CallbackDeliveries
    from budstikke.flow.transports import CallbackTransport
    from budstikke.store.contract import CallbackRow, Store

log = logging.getLogger("budstikke.notify")

MOST_WAITING = 20_000
"""Callbacks in memory; others wait in the store."""

SHARE = 3
"""
Each endpoint may use a third of the remaining capacity, at least one place.

Hanging endpoints can never use all of it: 100 of them hold about 200 callbacks each and
leave 600 places free.
"""

COME_BACK = 15.0
"""Seconds; longest delay of callbacks that are returned because there is no room."""

SOONEST, UNKNOWN = 0.1, 3.0
"""Seconds: shortest such delay, and the delay before an endpoint's first answer."""


class Notifier:
    """
    Makes callbacks.

    Args:
        store: Records results.
        transport: Makes requests.
        dialects: By name; they write requests and read answers.
        directory: Returns the current directory.
        clock: Unix seconds.
        per_endpoint: Concurrent requests to one endpoint, if it answers quickly.
        rate: Requests a second to one endpoint; 0: no limit.
        subscribers: The number directory, if there is one.
        answer: Accepts a ``send`` callback as an order; raises Refusal and
            StoreUnavailable.
        deliveries: Takes the callbacks for customers' bound sessions.

    """

    def __init__(
        self,
        *,
        store: Store,
        transport: CallbackTransport,
        dialects: Mapping[str, Dialect],
        directory: Callable[[], Directory],
        clock: Callable[[], float],
        per_endpoint: int,
        rate: float = 0.0,
        subscribers: FindsSubscribers | None = None,
        answer: Callable[[CallbackRow], Awaitable[None]] | None = None,
        deliveries: CallbackDeliveries | None = None,
    ) -> None:
        self._deliveries = deliveries
        self._store = store
        self._directory = directory
        self._clock = clock
        self._per_endpoint = per_endpoint
        self._spacing = 1 / rate if rate else 0.0
        self._attempts = CallbackAttempts(
            store=store,
            transport=transport,
            dialects=dialects,
            directory=directory,
            clock=clock,
            subscribers=subscribers,
            answer=answer,
        )
        self._endpoints: dict[Key, Endpoint] = {}
        self._seen: Directory | None = None
        self._held: set[int] = set()  # in memory, until their results are written
        self._waiting = 0
        self._stopping = False
        self._results: WriteBehind[CallbackResult] = WriteBehind(self._write)
        self._queues = CallbackQueues(store=store, attempts=self._attempts, clock=clock)

    def free(self) -> int:
        """Return how many more callbacks there is room for."""
        return MOST_WAITING - self._waiting

    def queues(self, ids: Iterable[int]) -> None:
        """Work these queues; each may have callbacks."""
        self._queues.work(ids)

    async def woken(self, rows: Sequence[CallbackRow]) -> None:
        """
        Make callbacks that the store returned because they are due.

        If a message is final, its interim callback (``sent``) is skipped: the final one
        was delivered, or will be.
        """
        interims = [row for row in rows if is_interim(row) and row.id not in self._held]
        if interims:
            overtaken = await self._final({row.event.message_id for row in interims})
            past = [row for row in interims if row.event.message_id in overtaken]
            self._held.update([row.id for row in past])
            now = self._clock()
            self._results.push([_overtaken(row, now) for row in past])
        self.notify(rows)

    async def _final(self, message_ids: set[int]) -> set[int]:
        try:
            views = await self._store.messages(sorted(message_ids))
        except StoreUnavailable as error:
            log.warning(
                "cannot look up message states, sending all callbacks: %s", error
            )
            return set()
        return {view.id for view in views if view.state in FINAL_MESSAGE}

    def notify(self, rows: Sequence[CallbackRow]) -> None:
        """
        Make these callbacks; those without room become due again later.

        Callbacks in memory are skipped: their lease expired, and this node got it
        again.
        """
        if self._deliveries is not None:
            rows = self._deliveries.take(rows)
        rows = [row for row in rows if row.id not in self._held]
        if not rows:
            return
        self._held.update([row.id for row in rows])
        if self._seen is not self._directory():
            self._forget_idle()
        now = self._clock()
        touched: dict[Endpoint, None] = {}
        back: list[CallbackResult] = []
        for row in rows:
            key = key_of(row.access_id, row.event)
            endpoint = self._endpoints.get(key)
            if endpoint is None:
                endpoint = Endpoint(row.access_id, row.event, self._per_endpoint)
                self._endpoints[key] = endpoint
            due_at = None
            room = MOST_WAITING - self._waiting
            full = room <= len(endpoint.waiting) * SHARE
            if full or self._stopping or endpoint.circuit.until:
                due_at = self._refused(endpoint, now)
            if due_at is None:
                endpoint.put(row)
                self._waiting += 1
                touched[endpoint] = None
            else:
                back.append(self._back(row, endpoint, due_at, now))
        if back:
            self._results.push(back)
        for endpoint in touched:
            self._staff(endpoint)
        metrics.callbacks_waiting.set(self._waiting)

    def _forget_idle(self) -> None:
        """After a change of the directory, forget endpoints without callbacks."""
        self._seen = self._directory()
        self._endpoints = {k: e for k, e in self._endpoints.items() if not e.idle()}

    def _refused(self, endpoint: Endpoint, now: float) -> float | None:
        """Return when to try a callback again; ``None``: there is room for it."""
        if self._stopping:
            return now
        room = MOST_WAITING - self._waiting
        if len(endpoint.waiting) * SHARE > room or not room:
            return now + self._rest(endpoint)
        if endpoint.circuit.until:
            self._look_up(endpoint)  # it may have a new URL
            if not endpoint.circuit.admits(now):
                return endpoint.comes_back(now, COME_BACK)
        return None

    def _rest(self, endpoint: Endpoint) -> float:
        """Return the seconds in which half of an endpoint's callbacks will be done."""
        if endpoint.took is None:
            return UNKNOWN
        half = len(endpoint.waiting) / 2 * endpoint.took / endpoint.width
        return min(max(half, SOONEST), COME_BACK)

    def _back(
        self, row: CallbackRow, endpoint: Endpoint, due_at: float, now: float
    ) -> CallbackResult:
        """Return a callback that was not attempted, or fail it if it is too old."""
        target, circuit = endpoint.target, endpoint.circuit
        if target is not None and circuit.until:
            since = max(circuit.since, row.event.at)
            if now - since > sum(target.policy.again):
                metrics.callback_attempted(target.topic, "failed")
                return self._attempts.given_up(row, "not reached for too long")
        return _again(row, due_at, now)

    def _look_up(self, endpoint: Endpoint) -> Target | None:
        """Find an endpoint's target; with a new URL it gets a new circuit."""
        directory = self._directory()
        if endpoint.seen is not directory:
            before, endpoint.seen = endpoint.target, directory
            endpoint.target = self._attempts.target(endpoint.access_id, endpoint.event)
            if before and endpoint.target and before.url != endpoint.target.url:
                self._closed(endpoint)
        return endpoint.target

    async def _write(self, results: list[CallbackResult]) -> None:
        await self._store.record_callbacks(results)
        self._held.difference_update([result.id for result in results])
        metrics.callbacks_waiting.set(self._waiting)

    def _staff(self, endpoint: Endpoint) -> None:
        """Start a worker for each waiting callback, up to the endpoint's width."""
        room = endpoint.width - len(endpoint.workers)
        loop = asyncio.get_running_loop()
        for _ in range(min(room, len(endpoint.waiting))):
            endpoint.workers.add(loop.create_task(self._work(endpoint)))

    async def _work(self, endpoint: Endpoint) -> None:
        try:
            await self._work_off(endpoint)
        finally:
            # Remove the task here, not in a done-callback: a callback that comes before
            # that ran would see a running worker that has in fact ended.
            endpoint.workers.discard(cast("asyncio.Task[None]", current_task()))

    async def _work_off(self, endpoint: Endpoint) -> None:
        pace: Pace | None = None
        while len(endpoint.workers) <= endpoint.width:
            row = endpoint.take()
            if row is None:
                return
            self._waiting -= 1
            if endpoint.too_late(row):
                endpoint.done(row)
                self._results.push((_overtaken(row, self._clock()),))
                continue
            try:
                if self._spacing:
                    loop = asyncio.get_running_loop()
                    await asyncio.sleep(endpoint.pace(loop.time(), self._spacing))
                known = endpoint.seen is self._directory()
                target = endpoint.target if known else self._look_up(endpoint)
                result = await self._attempts.attempt(row, target)
            except asyncio.CancelledError:
                now = self._clock()
                self._results.push((_again(row, now, now),))
                raise
            if result.state == "due" and endpoint.overtaken(row):
                result = _overtaken(row, result.at)
            self._results.push((result,))
            answered = result.status is not None
            endpoint.done(row, result.took if answered else None)
            if not answered or endpoint.circuit.failures:
                self._heard(endpoint, result)
            if endpoint.waiting:  # it may answer faster now, and get more workers
                self._staff(endpoint)
            if result.took is None:  # it called nobody, so the loop had no turn
                pace = pace or Pace()
                await pace.rest()

    def _heard(self, endpoint: Endpoint, result: CallbackResult) -> None:
        """Note the result; if the circuit opens, return the endpoint's callbacks."""
        circuit = endpoint.circuit
        if result.status is not None:
            self._closed(endpoint)
        elif result.took is None:
            circuit.probing = False  # no request was made
        else:
            was_open = circuit.until > 0
            if endpoint.failed(result.at):
                self._opened(endpoint, result.at, again=was_open)

    def _opened(self, endpoint: Endpoint, now: float, *, again: bool) -> None:
        rows = endpoint.empty()
        self._waiting -= len(rows)
        self._results.push(
            [
                self._back(row, endpoint, endpoint.comes_back(now, COME_BACK), now)
                for row in rows
            ]
        )
        if not again:
            metrics.circuits_open.inc()
            target = endpoint.target
            log.warning(
                "callback URL does not answer",
                extra={
                    "access": endpoint.access_id,
                    "topic": target.topic.value if target else "",
                    "waiting": len(rows),
                    "again_at": endpoint.circuit.until,
                },
            )

    def _closed(self, endpoint: Endpoint) -> None:
        if endpoint.answered():
            metrics.circuits_open.dec()
            log.info("callback URL answers again", extra={"access": endpoint.access_id})

    def busy(self) -> bool:
        """Whether callbacks are in progress."""
        endpoints = self._endpoints.values()
        return self._queues.busy() or any(each.workers for each in endpoints)

    async def drain(self) -> None:
        """Wait until the results of all attempts are in the store."""
        await self._results.drain()
        await self._queues.drain()

    async def stop(self, seconds: float) -> None:
        """Start no more callbacks, wait for those in progress, return the rest."""
        self._stopping = True
        now = self._clock()
        for endpoint in self._endpoints.values():
            rows = endpoint.empty()
            self._waiting -= len(rows)
            self._results.push([_again(row, now, now) for row in rows])
        await asyncio.gather(self._stop_workers(seconds), self._queues.stop(seconds))
        await self._results.drain(seconds)

    async def _stop_workers(self, seconds: float) -> None:
        tasks = [task for each in self._endpoints.values() for task in each.workers]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _overtaken(row: CallbackRow, now: float) -> CallbackResult:
    return CallbackResult(row.id, "done", None, row.tries, "overtaken", now)


def _again(row: CallbackRow, due_at: float, now: float) -> CallbackResult:
    return CallbackResult(row.id, "due", due_at, row.tries, "", now)
