"""
Notify: tell customers what became of their messages.

A callback is a row before it is told, leased to this process; what is in memory is
only the fast way to it. Each access has a queue and workers of its own, so that a
customer who hangs delays nobody else.
"""

from __future__ import annotations

import asyncio
import logging
from asyncio import current_task
from collections import deque
from typing import TYPE_CHECKING, cast

from budstikke import metrics
from budstikke.dialects.contract import Signing
from budstikke.domain.callback import Policy, Topic
from budstikke.flow.lane import Steady
from budstikke.flow.outlet import NotReached
from budstikke.store.contract import CallbackResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.dialects.contract import Dialect
    from budstikke.domain.directory import Access, Directory
    from budstikke.flow.outlet import Outlet
    from budstikke.store.contract import CallbackRow, Store

log = logging.getLogger("budstikke.notify")

MOST_WAITING = 20_000
"""Callbacks in memory; more wait in the store."""

MOST_EACH = 5000
"""Callbacks of one access in memory, so that one that hangs leaves room for others."""

COME_BACK = 15.0
"""Seconds before callbacks beyond ``MOST_EACH`` are looked at again."""

ANSWER_KEPT = 200
"""Characters of a customer's answer that are kept with a failed try."""


class Notifier:
    """
    The step that tells.

    Args:
        store: Where results go.
        outlet: Carries requests.
        dialects: By name; they write requests and read answers.
        directory: Gives the directory as it is now.
        clock: Unix seconds.
        per_endpoint: Requests to one access at a time.

    """

    def __init__(
        self,
        *,
        store: Store,
        outlet: Outlet,
        dialects: Mapping[str, Dialect],
        directory: Callable[[], Directory],
        clock: Callable[[], float],
        per_endpoint: int,
    ) -> None:
        self._store = store
        self._outlet = outlet
        self._dialects = dialects
        self._signing = {n: d for n, d in dialects.items() if isinstance(d, Signing)}
        self._directory = directory
        self._clock = clock
        self._per_endpoint = per_endpoint
        self._queues: dict[int, deque[CallbackRow]] = {}
        self._workers: dict[int, set[asyncio.Task[None]]] = {}
        self._held: set[int] = set()  # in memory, until what came of them is written
        self._waiting = 0
        self._stopping = False
        self._results: Steady[CallbackResult] = Steady(self._write)

    def free(self) -> int:
        """Tell how many more callbacks may be given."""
        return MOST_WAITING - self._waiting

    def tell(self, rows: Sequence[CallbackRow]) -> None:
        """
        Tell these; what there is no room for is due again.

        Those that are held already are left out: their lease ran out and was renewed.
        """
        rows = [row for row in rows if row.id not in self._held]
        if not rows:
            return
        self._held.update(row.id for row in rows)
        room = 0 if self._stopping else max(self.free(), 0)
        now = self._clock()
        for row in rows[:room]:
            queue = self._queues.setdefault(row.access_id, deque())
            if len(queue) < MOST_EACH:
                queue.append(row)
                self._waiting += 1
            else:
                self._results.push((_again(row, now + COME_BACK),))
        self._results.push(_again(row, now) for row in rows[room:])
        metrics.callbacks_waiting.set(self._waiting)
        for access_id in {row.access_id for row in rows[:room]}:
            self._staff(access_id)

    async def _write(self, results: list[CallbackResult]) -> None:
        await self._store.told(results)
        self._held.difference_update(result.id for result in results)
        metrics.callbacks_waiting.set(self._waiting)

    def _staff(self, access_id: int) -> None:
        """Have a worker for each that waits, up to the limit; others may be hanging."""
        workers = self._workers.setdefault(access_id, set())
        room = self._per_endpoint - len(workers)
        loop = asyncio.get_running_loop()
        for _ in range(min(room, len(self._queues[access_id]))):
            workers.add(loop.create_task(self._work(access_id)))

    async def _work(self, access_id: int) -> None:
        await self._work_off(self._queues[access_id])
        # At once, and not when the task is seen to be done: until then it would count
        # for what is told in between, and nobody would work that.
        self._workers[access_id].discard(cast("asyncio.Task[None]", current_task()))

    async def _work_off(self, queue: deque[CallbackRow]) -> None:
        while queue:
            row = queue.popleft()
            self._waiting -= 1
            try:
                result = await self._attempt(row)
            except Exception:
                log.exception("message %d: bug while telling", row.event.message_id)
                result = self._failed(row, "internal error")
            self._results.push((result,))

    async def _attempt(self, row: CallbackRow) -> CallbackResult:
        access = self._directory().accesses.get(row.access_id)
        url = status_url(access)
        if access is None or url is None:
            return _done(row, self._clock(), "nobody to tell")
        dialect = self._dialects[access.dialect]
        request = dialect.callback(row.event, url, access.settings)
        if request is None:
            return _done(row, self._clock(), "nothing to tell")
        if access.dialect in self._signing:
            signing = self._signing[access.dialect]
            request = signing.sign(request, access.settings, self._clock())
        try:
            answer = await self._outlet.deliver(request)
        except NotReached as error:
            return self._failed(row, str(error))
        if dialect.understood(Topic.STATUS, answer, access.settings):
            metrics.callbacks.labels("done").inc()
            return _done(row, self._clock(), "")
        said = answer.body[:ANSWER_KEPT].decode("utf-8", "replace")
        return self._failed(row, f"HTTP {answer.status} {said}".rstrip())

    def _failed(self, row: CallbackRow, why: str) -> CallbackResult:
        now = self._clock()
        tries = row.tries + 1
        due_at = Policy().next_try(tries, now)
        state = "failed" if due_at is None else "due"
        metrics.callbacks.labels("failed" if due_at is None else "again").inc()
        log.info(
            "callback not understood",
            extra={
                "message_id": row.event.message_id,
                "tries": tries,
                "why": why,
                "again_at": due_at,
            },
        )
        return CallbackResult(row.id, state, due_at, tries, why[:ANSWER_KEPT], now)

    async def stop(self, seconds: float) -> None:
        """Begin nothing new, wait for what is under way, hand the rest back."""
        self._stopping = True
        now = self._clock()
        for queue in self._queues.values():
            self._results.push(_again(row, now) for row in queue)
            self._waiting -= len(queue)
            queue.clear()
        tasks = [task for workers in self._workers.values() for task in workers]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
        await self._results.drain(seconds)


def status_url(access: Access | None) -> str | None:
    """Find where status is pushed to; ``None``: nowhere."""
    if access is None:
        return None
    return getattr(access.settings, "status_url", None) or None


def _done(row: CallbackRow, now: float, why: str) -> CallbackResult:
    return CallbackResult(row.id, "done", None, row.tries + 1, why, now)


def _again(row: CallbackRow, now: float) -> CallbackResult:
    return CallbackResult(row.id, "due", now, row.tries, "", now)
