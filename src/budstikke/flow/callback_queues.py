"""
Callback queues: callbacks that go strictly one after another.

A worker leases a queue from the store. It writes a callback's result while it makes the
next one, so that a crash may repeat a callback, but never skips one. If the last
attempt of a callback fails, its queue is paused until somebody resumes it; all
callbacks behind it wait in the store.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING

from msgspec import structs

from budstikke import metrics
from budstikke.domain.callback import QueueState
from budstikke.flow.batching import LONGEST_PAUSE, WriteBehind
from budstikke.flow.callback_attempt import status_only
from budstikke.store.contract import QueueResult, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from budstikke.flow.callback_attempt import CallbackAttempts
    from budstikke.store.contract import (
        CallbackResult,
        CallbackRow,
        QueueHead,
        Store,
    )

log = logging.getLogger("budstikke.notify")

MOST_READ = 100
"""Callbacks of one queue to have in memory."""

RENEW_AFTER = 30.0
"""Seconds after which to renew a lease; no request may take longer than a lease."""

NO_URL = "the access has no URL for these callbacks"
"""Why a queue is paused whose URL was removed."""


class CallbackQueues:
    """
    Works each queue in a task of its own.

    Args:
        store: Has the queues.
        attempts: Makes attempts.
        clock: Unix seconds.

    """

    def __init__(
        self, *, store: Store, attempts: CallbackAttempts, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._clock = clock
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._called: set[int] = set()
        self._stopping = False
        self._unwritten: Counter[int] = Counter()
        self._written: dict[int, asyncio.Event] = {}
        self._lost: set[int] = set()  # queues with a result that could not be written
        self._results: WriteBehind[QueueResult] = WriteBehind(self._write)

    def work(self, ids: Iterable[int]) -> None:
        """Work these queues; each may have callbacks."""
        if self._stopping:
            return
        loop = asyncio.get_running_loop()
        for queue_id in ids:
            self._called.add(queue_id)
            if queue_id not in self._tasks:
                self._tasks[queue_id] = loop.create_task(self._work(queue_id))

    def busy(self) -> bool:
        """Whether any queue is being worked."""
        return bool(self._tasks)

    async def drain(self, seconds: float | None = None) -> None:
        """Wait until the results of all attempts are written."""
        await self._results.drain(seconds)

    async def stop(self, seconds: float) -> None:
        """Start no more callbacks, wait for those in progress, return the leases."""
        self._stopping = True
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self.drain(seconds)

    async def _work(self, queue_id: int) -> None:
        try:
            while not self._stopping:
                self._called.discard(queue_id)
                more = await self._work_head(queue_id)
                # Callbacks that were queued after the store was read need another run.
                if not more and queue_id not in self._called:
                    break
        except StoreUnavailable as error:
            # The lease expires, or the queue stays due: the wake job returns it.
            log.warning(
                "callback queue %d: cannot read from the database: %s", queue_id, error
            )
            await asyncio.sleep(0 if self._stopping else LONGEST_PAUSE)
        except Exception:
            log.exception("callback queue %d: internal error", queue_id)
        finally:
            # Remove the task here, not in a done-callback: ``work`` would take it for
            # a running one until then, and not start another.
            del self._tasks[queue_id]

    async def _work_head(self, queue_id: int) -> bool:
        """Make the first callbacks of a queue; ``True``: there may be more."""
        now = self._clock()
        head = await self._store.take_queue(queue_id, MOST_READ, now)
        if head is None:
            return False
        try:
            on = await self._call_all(head, now)
        except asyncio.CancelledError:
            self._hand_back(head)
            raise
        if on and self._stopping:
            self._hand_back(head)
        return await self._all_written(queue_id) and on

    async def _call_all(self, head: QueueHead, taken_at: float) -> bool:
        """Call in order; ``False``: one failed, or another node has the queue."""
        for row in head.callbacks:
            if self._stopping:
                return True
            if self._clock() - taken_at > RENEW_AFTER:
                taken_at = self._clock()
                if not await self._renewed(head.queue_id, row.id, taken_at):
                    return False
            row.tries = head.tries
            target = self._attempts.target(row.access_id, row.event)
            if target is None and self._attempts.knows(row.access_id):
                self._push(_nowhere(head.queue_id, self._clock()))
                return False
            result = await self._attempts.attempt(row, target)
            self._push(_of(head.queue_id, row, result))
            if result.state != "done":
                return False
            head.tries = 0
        return True

    async def _renewed(self, queue_id: int, first: int, now: float) -> bool:
        """Renew the lease of a queue; ``False``: another node has taken it."""
        if not await self._all_written(queue_id):
            return False
        head = await self._store.take_queue(queue_id, 1, now)
        return head is not None and [first] == [row.id for row in head.callbacks]

    def _hand_back(self, head: QueueHead) -> None:
        """Return the lease, so that another node can take the queue at once."""
        now = self._clock()
        self._push(QueueResult(head.queue_id, [], QueueState.DUE, now, head.tries, now))

    def _push(self, result: QueueResult) -> None:
        if result.state is QueueState.PAUSED:
            metrics.queue_pauses.inc()
            log.error(
                "queue paused",
                extra={"queue": result.queue_id, "why": status_only(result.why)},
            )
        self._unwritten[result.queue_id] += 1
        self._results.push((result,))

    async def _write(self, results: list[QueueResult]) -> None:
        try:
            await self._store.record_queues(results)
        except StoreUnavailable:
            raise
        except Exception:
            if len(results) == 1:  # dropped: a later run makes that callback again
                self._lost.add(results[0].queue_id)
                self._count(results)
            raise
        self._count(results)

    def _count(self, results: list[QueueResult]) -> None:
        for result in results:
            queue_id = result.queue_id
            self._unwritten[queue_id] -= 1
            if not self._unwritten[queue_id]:
                del self._unwritten[queue_id]
                if queue_id in self._written:
                    self._written[queue_id].set()

    async def _all_written(self, queue_id: int) -> bool:
        """Wait until a queue's results are stored; ``False``: one could not be."""
        if queue_id in self._unwritten:
            self._written[queue_id] = asyncio.Event()
            try:
                await self._written[queue_id].wait()
            finally:
                del self._written[queue_id]
        lost = queue_id in self._lost
        self._lost.discard(queue_id)
        return not lost


def _nowhere(queue_id: int, now: float) -> QueueResult:
    """Pause a queue whose URL was removed; its callbacks wait for a new URL."""
    return QueueResult(queue_id, [], QueueState.PAUSED, None, 0, now, NO_URL)


def _of(queue_id: int, row: CallbackRow, result: CallbackResult) -> QueueResult:
    """Return what an attempt changes in the queue."""
    if result.state == "done":
        return QueueResult(queue_id, [result], QueueState.DUE, None, 0, result.at)
    if result.tries == row.tries:  # our own fault: it does not count as an attempt
        due = result.due_at
        return QueueResult(queue_id, [], QueueState.DUE, due, row.tries, result.at)
    waiting = structs.replace(result, state="queued", due_at=None, receipt=None)
    if result.state == "due":
        return QueueResult(
            queue_id, [waiting], QueueState.DUE, result.due_at, result.tries, result.at
        )
    return QueueResult(
        queue_id,
        [waiting],
        QueueState.PAUSED,
        None,
        result.tries,
        result.at,
        result.answer,
    )
