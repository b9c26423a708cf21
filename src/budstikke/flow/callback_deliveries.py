"""
Deliver callbacks to customers' bound sessions, in order for each access.

A callback waits in the store, unleased and without a time at which it is due, while no
session of its access is bound on this node: nobody attempts it, polls it or fails it.
When a session binds, its access's callbacks are leased in order of id, a page at a
time, and as many are on their way at once as the window allows. They are written to the
customer in order. What the customer has taken, and what is not stored yet as done, is
at most a window, so that a crash repeats no more than that.

While the store may have earlier callbacks of an access, new ones go there, too. On
several nodes, only one with a bound session leases an access's callbacks; each looks
now and then for those that other nodes have put there.
"""

from __future__ import annotations

import asyncio
import logging
from time import monotonic
from typing import TYPE_CHECKING, Any

from msgspec import structs

from budstikke import metrics
from budstikke.dialects.delivery_contract import Delivers, Verdict
from budstikke.domain.callback import SendEvent, topic_of
from budstikke.flow.batching import LONGEST_PAUSE, WriteBehind
from budstikke.flow.delivery_line import DeliveryLine
from budstikke.flow.ended_callback import over
from budstikke.flow.transports import NoSessionFor, NotReached
from budstikke.store.contract import CallbackResult, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.dialects.contract import Dialect
    from budstikke.dialects.delivery_contract import Delivery
    from budstikke.domain.directory import Access, Directory
    from budstikke.flow.transports import BoundSessions
    from budstikke.store.contract import CallbackRow, Store

log = logging.getLogger("budstikke.notify")

EVERY = 1.0
"""Seconds between looks for callbacks that other nodes put into the store."""

PAGE = 500
"""Callbacks of one access to lease at a time."""

MOST_WAITING = 2000
"""Callbacks of one access in memory; others wait in the store."""

HOLD = 60.0
"""Seconds, half a lease, after which callbacks in memory go back to the store."""

OTHER_SESSION = 60.0
"""Seconds until a callback that no bound session may receive is tried again."""


class CallbackDeliveries:
    """
    Delivers the callbacks of dialects with bound sessions.

    Args:
        sessions: Those that are bound on this node.
        dialects: By name; those that deliver write the requests.
        store: Has the callbacks.
        directory: Returns the current directory.
        clock: Unix seconds.

    """

    def __init__(
        self,
        sessions: BoundSessions,
        dialects: Mapping[str, Dialect],
        *,
        store: Store,
        directory: Callable[[], Directory],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._sessions = sessions
        sessions.on_change = self.bound
        self._dialects: Mapping[str, Delivers[Any]] = {
            name: each for name, each in dialects.items() if isinstance(each, Delivers)
        }
        self._directory = directory
        self._clock = clock
        self._lines: dict[int, DeliveryLine] = {}
        self._way: dict[int, DeliveryLine] = {}  # by callback, in the window
        self._under_way: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._results: WriteBehind[tuple[DeliveryLine, CallbackResult]] = WriteBehind(
            self._write
        )

    def take(self, rows: Sequence[CallbackRow]) -> list[CallbackRow]:
        """Take the callbacks for bound sessions; return the others."""
        others: list[CallbackRow] = []
        now = self._clock()
        for row in rows:
            access = self._directory().accesses.get(row.access_id)
            delivers = access is not None and access.dialect in self._dialects
            if access is None or not delivers or isinstance(row.event, SendEvent):
                others.append(row)
            else:
                self._put(access, row, now)
        return others

    def _put(self, access: Access, row: CallbackRow, now: float) -> None:
        line = self._line(access)
        if row.id in line.held:
            return  # its lease expired, and this node got it again
        bound = self._sessions.bound(access.id)
        if not bound or line.behind or len(line.waiting) >= MOST_WAITING:
            line.behind = True
            line.held.add(row.id)
            self._park(line, [row])
        else:
            line.put(row, now)
        if bound:
            self._staff(line)

    def _line(self, access: Access) -> DeliveryLine:
        line = self._lines.get(access.id)
        if line is None:
            window = self._dialects[access.dialect].deliver_window(access.settings)
            line = self._lines[access.id] = DeliveryLine(access.id, window)
        return line

    def bound(self, access_id: int) -> None:
        """Deliver what waits for an access: its first session has bound."""
        access = self._directory().accesses.get(access_id)
        if access is None or access.dialect not in self._dialects:
            return
        line = self._line(access)
        line.behind = True
        line.rest, line.rests = 0.0, 0
        line.bound.set()
        self._staff(line)

    async def run_once(self) -> bool:
        """Look for callbacks that other nodes have put into the store."""
        ids = [each for each in self._lines if self._sessions.bound(each)]
        if ids:
            for access_id in await self._store.parked_accesses(ids, self._clock()):
                self._lines[access_id].behind = True
                self._staff(self._lines[access_id])
        return False

    # One access

    def _staff(self, line: DeliveryLine) -> None:
        if line.worker is None and not self._stopping:
            loop = asyncio.get_running_loop()
            line.worker = loop.create_task(self._work(line))

    async def _work(self, line: DeliveryLine) -> None:
        try:
            while self._goes_on(line) and await self._step(line):
                pass
        except StoreUnavailable as error:
            log.warning("callbacks wait, the database is unavailable: %s", error)
            await asyncio.sleep(LONGEST_PAUSE)
            line.behind = True
        except Exception:
            log.exception("callbacks of access %d: internal error", line.access_id)
            await asyncio.sleep(LONGEST_PAUSE)
        finally:
            # Remove the task here, not in a done-callback: a callback that comes
            # before that ran would see a running worker that has in fact ended.
            line.worker = None
            self._return(line)

    def _goes_on(self, line: DeliveryLine) -> bool:
        return not self._stopping and self._sessions.bound(line.access_id)

    async def _step(self, line: DeliveryLine) -> bool:
        """Start the next delivery, read a page, or rest; ``False``: nothing waits."""
        if line.rest:
            await self._rest(line)
            return True
        if line.waiting and self._clock() - line.waiting[0][1] > HOLD:
            self._return(line)
        if not line.waiting and not await self._read(line):
            return False
        await line.window.acquire()
        if line.rest or not self._goes_on(line) or not line.waiting:
            line.window.release()
            return True
        row = line.pop()
        self._way[row.id] = line
        task = asyncio.get_running_loop().create_task(self._deliver(line, row))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return True

    async def _rest(self, line: DeliveryLine) -> None:
        self._return(line)
        line.bound.clear()
        try:
            await asyncio.wait_for(line.bound.wait(), line.rest)
        except TimeoutError:
            line.rest = 0.0

    async def _read(self, line: DeliveryLine) -> bool:
        """Lease the next page, if there may be one; ``False``: the line is empty."""
        if not line.behind:
            return False
        if line.parking:
            line.parked.clear()
            await line.parked.wait()
        parks, now = line.parks, self._clock()
        rows = await self._store.lease_parked(line.access_id, PAGE, now)
        for row in rows:
            if row.id not in line.held:
                line.put(row, now)
        # What came meanwhile went to the store, behind this page.
        line.behind = bool(rows) or line.parks > parks
        return line.behind

    def _return(self, line: DeliveryLine) -> None:
        """Put what waits in memory back into the store."""
        if line.waiting:
            line.behind = True
            rows = [row for _, _, row in line.waiting]
            line.waiting.clear()
            self._park(line, rows)

    def _park(self, line: DeliveryLine, rows: Sequence[CallbackRow]) -> None:
        now = self._clock()
        self._push(
            line,
            [CallbackResult(row.id, "due", None, row.tries, "", now) for row in rows],
        )

    def _push(self, line: DeliveryLine, results: Sequence[CallbackResult]) -> None:
        parks = sum(_is_parked(result) for result in results)
        line.parks += parks
        line.parking += parks
        self._results.push((line, result) for result in results)

    # One callback

    async def _deliver(self, line: DeliveryLine, row: CallbackRow) -> None:
        try:
            result = await self._attempt(line, row)
        except asyncio.CancelledError:
            self._park(line, [row])
            raise
        except Exception:
            log.exception("callback %d failed: internal error", row.id)
            result = self._over(row, "failed", "internal error")
        self._push(line, [result])

    async def _attempt(self, line: DeliveryLine, row: CallbackRow) -> CallbackResult:
        access, event = self._directory().accesses.get(row.access_id), row.event
        if access is None or isinstance(event, SendEvent):
            return self._over(row, "done", "the access is gone")
        dialect = self._dialects[access.dialect]
        requests = dialect.deliveries(event, access.settings)
        if not requests:
            return self._over(row, "done", "nothing to send for this event")
        began = monotonic()
        try:
            status = await self._send(access.id, requests, dialect)
        except NotReached as error:
            now, due_at = self._clock(), None
            if isinstance(error, NoSessionFor):
                due_at = now + OTHER_SESSION  # others need not wait for it
            else:
                line.pause()
            return CallbackResult(row.id, "due", due_at, row.tries, str(error), now)
        verdict = dialect.verdict(status)
        if verdict is Verdict.LATER:
            line.pause()
        else:
            line.rests = 0
        answer = dialect.status_name(status)
        result = self._of(row, verdict, answer, dialect)
        return structs.replace(result, took=monotonic() - began)

    async def _send(
        self, access_id: int, requests: Sequence[Delivery], dialect: Delivers[Any]
    ) -> int:
        """Send requests, in order; return the worst status. Raises NotReached."""
        deliver = self._sessions.deliver
        if len(requests) == 1:
            return await deliver(access_id, *requests[0])
        responses = await asyncio.gather(
            *(deliver(access_id, *each) for each in requests), return_exceptions=True
        )
        statuses: list[int] = []
        for response in responses:
            if isinstance(response, BaseException):
                raise response
            statuses.append(response)
        return max(statuses, key=lambda each: dialect.verdict(each).value)

    def _of(
        self, row: CallbackRow, verdict: Verdict, answer: str, dialect: Delivers[Any]
    ) -> CallbackResult:
        """Return what a response makes of a callback."""
        now, event, tries = self._clock(), row.event, row.tries + 1
        assert not isinstance(event, SendEvent)  # noqa: S101 - _attempt sees to it
        topic = topic_of(event)
        if verdict is Verdict.TAKEN:
            metrics.callback_done(topic, now - event.at)
            return self._over(row, "done", answer)
        due_at = dialect.policies[topic].next_try(tries, now)
        never = verdict is Verdict.NEVER or (verdict is Verdict.AGAIN and not due_at)
        metrics.callback_attempted(topic, "failed" if never else "again")
        if never:
            failed = self._over(row, "failed", answer)
            return structs.replace(failed, request="deliver")
        if verdict is Verdict.LATER:
            due_at = None
        return CallbackResult(
            row.id, "due", due_at, tries, answer, now, request="deliver"
        )

    def _over(self, row: CallbackRow, state: str, why: str) -> CallbackResult:
        return over(row, state, why, self._clock(), self._directory().inventory)

    async def _write(self, results: list[tuple[DeliveryLine, CallbackResult]]) -> None:
        try:
            await self._store.record_callbacks([result for _, result in results])
        except StoreUnavailable:
            raise
        except Exception:
            if len(results) == 1:  # dropped: it is due again when its lease is over
                self._forget(results)
            raise
        self._forget(results)

    def _forget(self, results: list[tuple[DeliveryLine, CallbackResult]]) -> None:
        """Forget callbacks that are stored; they leave the window."""
        for line, result in results:
            line.held.discard(result.id)
            if _is_parked(result):
                line.parking -= 1
                if not line.parking:
                    line.parked.set()
            if self._way.pop(result.id, None) is not None:
                line.window.release()

    async def drain(self) -> None:
        """Wait until the results of all deliveries are in the store."""
        await self._results.drain()

    def busy(self) -> bool:
        """Whether a worker or a delivery is running."""
        return bool(self._under_way) or any(
            line.worker is not None for line in self._lines.values()
        )

    async def stop(self, seconds: float) -> None:
        """Start no more deliveries, wait for those on their way, return the rest."""
        self._stopping = True
        workers = [each.worker for each in self._lines.values() if each.worker]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._results.drain(seconds)


def _is_parked(result: CallbackResult) -> bool:
    """Whether a callback waits in the store until somebody leases its access's."""
    return result.state == "due" and result.due_at is None
