"""
The SQLite engine: one gateway, one writer, a yes that survives power loss.

A second process that serves the same file is refused by a lock beside it; ``apply``
and the like may write while one serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import msgspec

from budstikke.domain.listing import ListingQuery
from budstikke.domain.message import Part
from budstikke.store.contract import (
    Beat,
    BulkRow,
    CallbackResult,
    CallbackRow,
    Draft,
    MessageView,
    Pulse,
    RecurringRow,
    StoreUnavailable,
    Verdict,
    Woken,
)
from budstikke.store.duplicates import DuplicateLock
from budstikke.store.engines.sqlite import beating, jobs, sql
from budstikke.store.engines.sqlite.codec import decoded, encoded
from budstikke.store.engines.sqlite.connection import in_snapshot
from budstikke.store.engines.sqlite.deadline import in_time
from budstikke.store.engines.sqlite.inbound_verbs import InboundVerbs
from budstikke.store.engines.sqlite.json_rows import one
from budstikke.store.engines.sqlite.links import Links
from budstikke.store.engines.sqlite.locking import FileLock, wait_for_lock
from budstikke.store.engines.sqlite.node import Node, run_with_ids
from budstikke.store.engines.sqlite.opening import (
    connect,
    connect_reader,
    read_directory,
    take_over,
)
from budstikke.store.engines.sqlite.process import WriterProcess
from budstikke.store.engines.sqlite.thread import WorkerThread
from budstikke.store.engines.sqlite.withdrawing import (
    orders_of,
    parts_of,
    withdraw,
)
from budstikke.store.verbs import claim, orders
from budstikke.store.verbs.accept import store_bulk, store_drafts
from budstikke.store.verbs.callbacks import record_callbacks
from budstikke.store.verbs.clock import SweepCursor, sweep, wake
from budstikke.store.verbs.fees import low_balances, take_fees
from budstikke.store.verbs.groups import active_members
from budstikke.store.verbs.json_text import text, within
from budstikke.store.verbs.money import order_credit, post
from budstikke.store.verbs.purge import ALL, Slices, purge
from budstikke.store.verbs.queries import change, in_one_snapshot, is_read, look_up
from budstikke.store.verbs.settlement import record_outcomes, settle_receipts

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

    from budstikke.domain.directory import Directory
    from budstikke.domain.queries import Answer, CreditAnswer, QueryOrCommand
    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.store.contract import Entry, LowBalance
    from budstikke.store.verbs import connection as verbs

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = logging.getLogger("budstikke.store")

_parts = msgspec.json.Decoder(list[Part]).decode
_views = msgspec.json.Decoder(list[MessageView]).decode


class SqliteStore:
    """
    The store on SQLite; see ``store.contract.Store`` for what the verbs promise.

    Args:
        path: The database file, which ``migrate`` has made.
        synchronous: SQLite's pragma; anything but ``FULL`` is for tests.
        apart: Write in a process of its own, as a gateway does.

    """

    node_id = 0

    def __init__(
        self, path: Path, *, synchronous: str = "FULL", apart: bool = False
    ) -> None:
        self._path = path
        self.pulse = Pulse()
        self._writer: WorkerThread | WriterProcess
        if apart:
            self._writer = WriterProcess(
                path, synchronous, ended=_give_up, pulse=self.pulse
            )
        else:
            self._writer = WorkerThread(
                partial(connect, path, synchronous), grouped=True, pulse=self.pulse
            )
        read = partial(connect_reader, path)
        self._reader = WorkerThread(read, pulse=self.pulse)
        self._browser = WorkerThread(read, pulse=self.pulse)
        self._lock: FileLock | None = None
        self._duplicates = DuplicateLock()
        self._sweep_cursor = SweepCursor()
        self._slices = Slices()
        self._node = Node()
        inbound = InboundVerbs(self._writer, self._reader, self._node)
        self.hold, self.held, self.drop = inbound.hold, inbound.held, inbound.drop
        self.threads, self.receive = inbound.threads, inbound.receive
        self.assigned, self.subscribers = inbound.assigned, inbound.subscribers
        self.media, self.mms, self.read = inbound.media, inbound.mms, inbound.read
        self.take_queue, self.queue_told = inbound.take_queue, inbound.queue_told
        self.unalerted, self.alert = inbound.unalerted, inbound.alert
        self.alerted = inbound.alerted
        self.paused_by, self.paused = inbound.paused_by, inbound.paused
        self.resume = inbound.resume
        links = Links()
        self.listen, self.linked = links.listen, links.linked
        self.bind, self.unbind = links.bind, links.unbind

    async def open(self, now: float) -> None:
        """Take the file for this process and take over what a dead one left."""
        self._lock = await wait_for_lock(self._path)
        try:
            await self._writer.start(self._lock)
            await self._reader.start()
            await self._browser.start()
            taken = await self._writer.run(take_over, now)
        except BaseException:
            await self.close()
            raise
        for key, until in taken.locks:
            self._duplicates.hold(key, until)
        self._node.begin(taken.node_id, taken.next_id)
        self.node_id = taken.node_id
        self._reader.node_id = self._browser.node_id = taken.node_id

    async def close(self) -> None:
        """Finish what was begun and let the file go."""
        await self._writer.stop()
        await self._reader.stop()
        await self._browser.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def reserve_ids(self, count: int) -> int:
        """Take ids from the block; the block's end is saved with the next accept."""
        return self._node.reserve(count)

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read accounts, accesses, carriers, routes and suppressions."""
        return await self._reader.run(lambda _: read_directory(self._path, settings))

    async def revision(self) -> int:
        """Read the revision of the directory."""
        return await self._reader.run(jobs.revision)

    # -- accept

    def locked(self, keys: Sequence[int], now: float) -> list[bool]:
        """Tell which keys are held."""
        return self._duplicates.locked(keys, now)

    async def accept(self, drafts: Sequence[Draft], now: float) -> list[Verdict]:
        """Store messages and parts, in one transaction for all drafts."""
        held = [self._duplicates.lock_draft(draft, now) for draft in drafts]
        try:
            verdicts = await self._store(drafts, now, store_drafts, drafts, held, now)
        except BaseException:
            for draft, left_out in zip(drafts, held, strict=True):
                self._duplicates.let_go_draft(draft, left_out)
            raise
        for draft, verdict in zip(drafts, verdicts, strict=True):
            if verdict.no_credit or verdict.taken:
                self._duplicates.let_go_draft(draft, verdict.duplicates)
        return verdicts

    async def accept_bulk(
        self, bulk: BulkRow, keys: Sequence[int], until: float
    ) -> Verdict:
        """Store a bulk order whole and lock its keys."""
        held = await self._duplicates.hold_all(keys, bulk.accepted_at, until)
        if held:
            return Verdict(held)
        now = bulk.accepted_at
        try:
            verdict = await self._store([bulk], now, store_bulk, bulk, (), until)
        except BaseException:
            self._duplicates.let_go(keys)
            raise
        if verdict.no_credit or verdict.taken:
            self._duplicates.let_go(keys)
        return verdict

    async def _store(
        self,
        rows: Sequence[Draft | BulkRow],
        now: float,
        verb: Callable[[verbs.Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """Store orders in time, or not at all; the ids that they use are saved."""
        end = self._node.unsaved()
        late = partial(self._withdraw, rows, now)
        job, values = encoded(verb, args)
        with self.pulse.waiting():
            done = await in_time(self._writer, late, run_with_ids, end, job, values)
        self._node.saved(end)
        result: T = decoded(verb, done)
        return result

    def _withdraw(self, rows: Sequence[Draft | BulkRow], now: float, _: object) -> None:
        """Take back what was stored after it was refused."""
        values = (parts_of(rows), orders_of(rows), now)
        with contextlib.suppress(StoreUnavailable):
            self._writer.run(withdraw, *values).add_done_callback(_noted)

    async def open_bulks(self) -> list[BulkRow]:
        """Find bulk orders that are not yet all messages."""
        return await self._writer.run(orders.open_bulks)

    # -- send and settle

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Take queued parts for sending."""
        found = _parts(await self._writer.run(claim.claim, carrier_id, limit, now))
        found.sort(key=lambda part: (-part.priority, part.id))
        return found

    async def release(self, part_ids: Sequence[int]) -> None:
        """Give claimed parts back."""
        await self._writer.run(claim.release, part_ids)

    async def record(
        self, updates: Sequence[tuple[Concerned, PartUpdate]], now: float
    ) -> list[CallbackRow]:
        """Write what carriers answered."""
        return await self._run(record_outcomes, updates, now)

    async def settle(
        self, carrier_id: int, receipts: Sequence[Receipt], now: float, keep: float
    ) -> list[CallbackRow]:
        """Settle by receipts."""
        return await self._run(settle_receipts, carrier_id, receipts, now, keep)

    async def _run(
        self,
        verb: Callable[[verbs.Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """Run a verb of ``codec.CODECS`` in the writer."""
        job, values = encoded(verb, args)
        result: T = decoded(verb, await self._writer.run(job, *values))
        return result

    async def told(self, results: Sequence[CallbackResult]) -> None:
        """Write what came of telling customers."""
        job, values = encoded(record_callbacks, (results,))
        await self._writer.run(job, *values)

    # -- the clock

    async def wake(self, now: float, limit: int, callbacks: int) -> Woken:
        """Do what is due."""
        return await self._writer.run(wake, now, limit, callbacks)

    async def sweep(self, now: float, limit: int) -> list[CallbackRow]:
        """Do what is not urgent, slice by slice."""
        values = (self._sweep_cursor, now, limit)
        self._sweep_cursor, callbacks = await self._writer.run(sweep, *values)
        return callbacks

    async def purge(self, before: float, limit: int) -> int:
        """Delete a slice of what is old."""
        values = (self._slices, before, limit, ALL)
        self._slices, deleted = await self._writer.run(purge, *values)
        return deleted

    # -- health

    async def beat(self, now: float, room: int) -> Beat:
        """Write that this process lives; the room is given back at once."""
        found = await self._writer.run(beating.beat, now, room)
        if room:
            await self._writer.run(beating.give_room)
        return found

    async def whole(self) -> bool:
        """Read each page of the file."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, beating.is_whole, self._path)

    # -- look-ups

    async def ask(
        self, asked: QueryOrCommand, account_id: int | None, now: float
    ) -> Answer:
        """Answer what a customer asks."""
        asked = within(asked)
        if is_read(asked):
            reader = self._browser if isinstance(asked, ListingQuery) else self._reader
            if in_one_snapshot(asked):
                return await reader.run(in_snapshot, look_up, asked, account_id)
            return await reader.run(look_up, asked, account_id)
        assert account_id is not None  # noqa: S101 - flow.ask sees to it
        values = (asked, account_id, now)
        return await in_time(self._writer, None, change, *values)

    async def members(
        self, account_id: int, groups: Sequence[str]
    ) -> dict[str, list[str]]:
        """Find the active numbers in groups."""
        return await self._reader.run(active_members, account_id, text(groups))

    async def originator_of(self, access_id: int, message_id: int) -> str | None:
        """Find what an access's message was sent from."""
        return await self._reader.run(orders.originator_of, access_id, message_id)

    async def answered(
        self, access_id: int, key: str, now: float
    ) -> tuple[str, bytes] | None:
        """Find what an idempotency key was answered."""
        return await self._reader.run(orders.answered, access_id, key, now)

    async def due_recurring(self, now: float, limit: int) -> list[RecurringRow]:
        """Find orders whose next time has come."""
        return await self._reader.run(orders.due_recurring, now, limit)

    async def post(self, account_id: int, entries: Sequence[Entry], now: float) -> int:
        """Write ledger entries."""
        return await in_time(self._writer, None, post, account_id, entries, now)

    async def take_fees(self, now: float, limit: int) -> int:
        """Take the fees that are due."""
        return await self._writer.run(take_fees, now, limit)

    async def low_balances(self) -> list[LowBalance]:
        """Find balances that have fallen below their alert."""
        return await self._writer.run(low_balances)

    async def order_credit(
        self, account_id: int, count: int, amount: int, now: float
    ) -> CreditAnswer:
        """Order SMS."""
        values = (account_id, count, amount, now)
        return await in_time(self._writer, None, order_credit, *values)

    async def messages(self, ids: Sequence[int]) -> list[MessageView]:
        """Look messages up."""
        batch = text(ids)
        return await self._reader.run(
            lambda connection: _views(one(connection, sql.MESSAGES, batch))
        )

    async def backlog(self) -> dict[int, int]:
        """Count queued parts by carrier."""
        return await self._reader.run(claim.backlog)


def _noted(withdrawn: asyncio.Future[None]) -> None:
    if not withdrawn.cancelled() and withdrawn.exception() is not None:
        log.error("could not cancel a refused order; it may be sent")


def _give_up() -> None:
    """End at once: the writer is gone, and with it what it had begun to store."""
    log.critical("database writer process died; shutting down")
    os._exit(os.EX_SOFTWARE)
