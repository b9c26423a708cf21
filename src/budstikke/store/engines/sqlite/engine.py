"""
The SQLite engine: one gateway, with one writer.

A lock beside the file refuses a second process that would serve it; ``apply`` and other
commands may write while a gateway serves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

import msgspec

from budstikke.domain.message import Part
from budstikke.store.contract import Beat, BulkRow, Draft, Pulse, StoreUnavailable
from budstikke.store.contract.durability import must_reach_disk
from budstikke.store.directory import directory_of
from budstikke.store.duplicates import DuplicateLock
from budstikke.store.engines.sqlite import heartbeat, jobs
from budstikke.store.engines.sqlite.bind_leases import BindLeases
from budstikke.store.engines.sqlite.codec import encoded
from budstikke.store.engines.sqlite.connection import in_snapshot
from budstikke.store.engines.sqlite.jobs import ID_BLOCK, Terms, run
from budstikke.store.engines.sqlite.locking import FileLock, wait_for_lock
from budstikke.store.engines.sqlite.opening import (
    connect,
    connect_reader,
    take_over,
)
from budstikke.store.engines.sqlite.process import WriterProcess
from budstikke.store.engines.sqlite.thread import WorkerThread
from budstikke.store.select import SQLITE
from budstikke.store.verbs.claim import claim
from budstikke.store.verbs.clock import wake
from budstikke.store.verbs.purge import ALL
from budstikke.store.verbs.withdrawal import orders_of, parts_of, withdraw

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from budstikke.domain.directory import Directory
    from budstikke.store import engine as contract
    from budstikke.store.contract import DueWork, Hint
    from budstikke.store.verbs.connection import Verb
    from budstikke.store.verbs.purge import BothSpans

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = logging.getLogger("budstikke.store")

_parts = msgspec.json.Decoder(list[Part]).decode

_TO_DISK = Terms(to_disk=True)


class SqliteEngine:
    """
    SQLite; see ``store.engine.Engine``.

    path: The database file; ``migrate`` makes it.
    synchronous: SQLite's pragma; ``opening.SYNCHRONOUS`` has it by durability, and
    tests
        use ``OFF``.
    in_subprocess: Write in a child process, as a gateway does.

    """

    def __init__(
        self, path: Path, *, synchronous: str = "FULL", in_subprocess: bool = False
    ) -> None:
        self._path = path
        self._may_wait = synchronous == "NORMAL"  # with FULL all commits wait
        self.node_id = 0
        self.pulse = Pulse()
        self.duplicates = DuplicateLock()
        self.bind_leases: contract.BindLeases = BindLeases()
        self._writer: WorkerThread | WriterProcess
        if in_subprocess:
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
        self._next_id = self._saved_id = 0

    async def open(self, now: float) -> None:
        """Lock the file, and take over from a dead process."""
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
            self.duplicates.hold(key, until)
        self._next_id = self._saved_id = taken.next_id
        self.node_id = taken.node_id
        self._reader.node_id = self._browser.node_id = taken.node_id

    async def close(self) -> None:
        """Finish the jobs in progress, and release the file."""
        await self._writer.stop()
        await self._reader.stop()
        await self._browser.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def reserve_ids(self, count: int) -> int:
        """
        Take ids for messages and orders; returns the first.

        The first write that may store one beyond the saved block saves the next block.
        """
        first = self._next_id
        self._next_id += count
        return first

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read the directory."""
        url = f"{SQLITE}{self._path}"
        return await self._reader.run(lambda _: directory_of(url, settings))

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Do nothing: there is no other node."""

    # -- verbs that write

    async def write(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in the writer, in a transaction that it may share with others."""
        job, decode = encoded(verb, args)
        end = self._next_id
        if end > self._saved_id:
            done = await self._writer.run(run, Terms(next_id=end, to_disk=True), *job)
            self._saved_id = max(self._saved_id, end + ID_BLOCK)
        else:
            done = await self._writer.run(*job)
        result: T = done if decode is None else decode(done)
        return result

    async def write_one(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in the writer."""
        return await self.write(verb, *args)

    async def write_in_time(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in the writer in time, or not at all."""
        terms = Terms(time.monotonic() + jobs.WITHIN)
        result: T = await self._in_time(terms, (verb, *args), None)
        return result

    async def accept(
        self,
        rows: Sequence[Draft | BulkRow],
        now: float,
        verb: Verb[*Ts, T],
        *args: *Ts,
    ) -> T:
        """Store orders in time; those that were stored too late are withdrawn."""
        job, decode = encoded(verb, args)
        end = self._next_id
        ids = end > self._saved_id
        until = time.monotonic() + jobs.WITHIN
        to_disk = ids or (self._may_wait and must_reach_disk(rows))
        terms = Terms(until, end if ids else None, to_disk)
        withdraw_late = partial(self._withdraw, rows, now)
        with self.pulse.waiting():
            done = await self._in_time(terms, job, withdraw_late)
        if ids:
            self._saved_id = max(self._saved_id, end + ID_BLOCK)
        result: T = done if decode is None else decode(done)
        return result

    async def _in_time(
        self, terms: Terms, job: tuple[Any, ...], late: Callable[[Any], None] | None
    ) -> Any:
        """
        Do a job in time, or raise StoreUnavailable.

        ``late`` hears its result if it was done after all.
        """
        future = self._writer.run(run, terms, *job)
        try:
            done, _ = await asyncio.wait([future], timeout=jobs.WAIT)
        except asyncio.CancelledError:
            future.cancel()
            raise
        if done:
            return future.result()
        future.add_done_callback(partial(_late, late))
        raise StoreUnavailable(f"the writer has not answered for {jobs.WAIT:.0f} s")

    def _withdraw(self, rows: Sequence[Draft | BulkRow], now: float, _: object) -> None:
        """Cancel orders that were stored after they were refused."""
        values = (parts_of(rows), orders_of(rows), now)
        with contextlib.suppress(StoreUnavailable):
            self._writer.run(withdraw, *values).add_done_callback(_withdrawn)

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Claim parts; they cross as the JSON that the database made."""
        return _parts(
            await self._writer.run(run, _TO_DISK, claim, carrier_id, limit, now)
        )

    async def wake(self, now: float, limit: int, callbacks: int) -> DueWork:
        """Run ``wake`` of the contract."""
        return await self.write(wake, now, limit, callbacks)

    async def retire(self, before: float, limit: int) -> tuple[int, BothSpans]:
        """Do nothing: there are no partitions."""
        del before, limit
        return 0, ALL

    # -- verbs that read

    async def read(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in the thread of short look-ups."""
        return await self._reader.run(verb, *args)

    async def browse(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in the thread of long look-ups."""
        return await self._browser.run(verb, *args)

    async def snapshot(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in the thread of long look-ups, in one transaction."""
        result: T = await self._browser.run(in_snapshot, verb, args)
        return result

    # -- health

    async def beat(self, now: float, room: int) -> Beat:
        """Write a heartbeat; the reserved room is released at once."""
        beat = await self._writer.run(heartbeat.beat, now, room)
        if room:
            await self._writer.run(heartbeat.give_room)
        return beat

    async def whole(self) -> bool:
        """Read each page of the file."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, heartbeat.is_whole, self._path)


def _late(late: Callable[[Any], None] | None, future: asyncio.Future[Any]) -> None:
    if future.cancelled() or future.exception() is not None:
        return  # as it should be
    log.error("an order was stored after its customer was refused")
    if late is not None:
        late(future.result())


def _withdrawn(withdrawal: asyncio.Future[None]) -> None:
    if not withdrawal.cancelled() and withdrawal.exception() is not None:
        log.error("could not cancel a refused order; it may be sent")


def _give_up() -> None:
    """End this process: the writer died, with what it had begun to store."""
    log.critical("database writer process died; shutting down")
    os._exit(os.EX_SOFTWARE)
