"""
The SQLite engine: one process, one writer thread, a yes that survives power loss.

A second process that serves the same file is refused by a lock beside it; ``apply``
and the like may write while one serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import msgspec

from budstikke.domain.listing import Look
from budstikke.domain.message import Part
from budstikke.store.contract import (
    BulkRow,
    CallbackResult,
    CallbackRow,
    Draft,
    MessageView,
    RecurringRow,
    Verdict,
    Woken,
)
from budstikke.store.sqlite import sql
from budstikke.store.sqlite.accepting import (
    answered,
    due_recurring,
    originator_of,
    store_bulk,
    store_drafts,
)
from budstikke.store.sqlite.asking import change, is_read, look_up
from budstikke.store.sqlite.bookkeeping import low_balances, take_fees
from budstikke.store.sqlite.clock import Places, sweep, wake
from budstikke.store.sqlite.duplicates import DuplicateLock
from budstikke.store.sqlite.groups import active_members
from budstikke.store.sqlite.inbound_verbs import InboundVerbs
from budstikke.store.sqlite.json_rows import one, text, within, within_id
from budstikke.store.sqlite.links import Links
from budstikke.store.sqlite.money import Book, order_credit
from budstikke.store.sqlite.node import Node, save_ids
from budstikke.store.sqlite.opening import (
    connect,
    connect_reader,
    read_bulk,
    read_directory,
    take_lock,
    take_over,
)
from budstikke.store.sqlite.purging import Slices, purge
from budstikke.store.sqlite.settling import Settling
from budstikke.store.sqlite.telling import write_results
from budstikke.store.sqlite.writer import Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from budstikke.domain.ask import Answer, Ask, CreditAnswer
    from budstikke.domain.directory import Directory
    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.store.contract import Entry, LowBalance

_parts = msgspec.json.Decoder(list[Part]).decode
_views = msgspec.json.Decoder(list[MessageView]).decode


class SqliteStore:
    """
    The store on SQLite; see ``store.contract.Store`` for what the verbs promise.

    Args:
        path: The database file, which ``migrate`` has made.
        synchronous: SQLite's pragma; anything but ``FULL`` is for tests.

    """

    node_id = 0

    def __init__(self, path: Path, *, synchronous: str = "FULL") -> None:
        self._path = path
        self._writer = Writer(lambda: connect(path, synchronous))
        self._reader = Writer(lambda: connect_reader(path), grouped=False)
        self._browser = Writer(lambda: connect_reader(path), grouped=False)
        self._lock: TextIO | None = None
        self._duplicates = DuplicateLock()
        self._places = Places()
        self._slices = Slices()
        self._node = Node()
        self._settling = Settling(self._node)
        inbound = InboundVerbs(self._writer, self._reader, self._settling)
        self.hold, self.held = inbound.hold, inbound.held
        self.threads, self.receive = inbound.threads, inbound.receive
        self.assigned, self.subscribers = inbound.assigned, inbound.subscribers
        self.media, self.mms, self.read = inbound.media, inbound.mms, inbound.read
        self.take_queue, self.queue_told = inbound.take_queue, inbound.queue_told
        self.unalerted, self.alerted = inbound.unalerted, inbound.alerted
        self.paused_by, self.paused = inbound.paused_by, inbound.paused
        self.resume = inbound.resume
        links = Links()
        self.listen, self.linked = links.listen, links.linked
        self.bind, self.unbind = links.bind, links.unbind

    async def open(self, now: float) -> None:
        """Take the file for this process and take over what a dead one left."""
        self._lock = take_lock(self._path)
        await self._writer.start()
        await self._reader.start()
        await self._browser.start()
        await self._writer.run(lambda connection: self._recover(connection, now))

    def _recover(self, connection: sqlite3.Connection, now: float) -> None:
        taken = take_over(connection, self._duplicates, now)
        self._node.begin(taken.node_id, taken.next_id, taken.callback_id)
        self.node_id = taken.node_id

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
        return await self._reader.run(
            lambda connection: int(
                connection.execute(
                    "SELECT value FROM meta WHERE key = 'revision'"
                ).fetchone()[0]
            )
        )

    # -- accept

    def locked(self, keys: Sequence[int], now: float) -> list[bool]:
        """Tell which keys are held."""
        return self._duplicates.locked(keys, now)

    async def accept(self, drafts: Sequence[Draft], now: float) -> list[Verdict]:
        """Store messages and parts, in one transaction for all drafts."""
        held = [self._duplicates.lock_draft(draft, now) for draft in drafts]
        end = self._node.unsaved()

        def write(connection: sqlite3.Connection) -> list[Verdict]:
            verdicts = store_drafts(connection, drafts, held, now)
            save_ids(connection, end)
            return verdicts

        try:
            verdicts = await self._writer.run(write)
        except BaseException:
            for draft, left_out in zip(drafts, held, strict=True):
                self._duplicates.let_go_draft(draft, left_out)
            raise
        for draft, verdict in zip(drafts, verdicts, strict=True):
            if verdict.no_credit or verdict.taken:
                self._duplicates.let_go_draft(draft, verdict.duplicates)
        self._node.saved(end)
        return verdicts

    async def accept_bulk(
        self, bulk: BulkRow, keys: Sequence[int], until: float
    ) -> Verdict:
        """Store a bulk order whole and lock its keys."""
        held = self._duplicates.held(keys, bulk.accepted_at)
        if held:
            return Verdict(held)
        end = self._node.unsaved()

        def write(connection: sqlite3.Connection) -> Verdict:
            verdict = store_bulk(connection, bulk, self.node_id, bulk.accepted_at)
            save_ids(connection, end)
            return verdict

        for key in keys:
            self._duplicates.hold(key, until)
        try:
            verdict = await self._writer.run(write)
        except BaseException:
            self._duplicates.let_go(keys)
            raise
        if verdict.no_credit or verdict.taken:
            self._duplicates.let_go(keys)
        self._node.saved(end)
        return verdict

    async def open_bulks(self) -> list[BulkRow]:
        """Find bulk orders that are not yet all messages."""

        def read(connection: sqlite3.Connection) -> list[BulkRow]:
            rows = connection.execute(sql.OPEN_BULKS).fetchall()
            return [read_bulk(row) for row in rows]

        return await self._reader.run(read)

    # -- send and settle

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Take queued parts for sending."""

        def take(connection: sqlite3.Connection) -> list[Part]:
            found = _parts(one(connection, sql.QUEUED, carrier_id, limit))
            ids = text([part.id for part in found])
            connection.execute(sql.MARK_SENDING, (ids, self.node_id, now))
            found.sort(key=lambda part: (-part.priority, part.id))
            return found

        return await self._writer.run(take)

    async def release(self, part_ids: Sequence[int]) -> None:
        """Give claimed parts back."""
        ids = text(part_ids)
        await self._writer.run(
            lambda connection: connection.execute(sql.MARK_QUEUED, (ids,)).close()
        )

    async def record(
        self, updates: Sequence[tuple[Concerned, PartUpdate]], now: float
    ) -> list[CallbackRow]:
        """Write what carriers answered."""
        return await self._writer.run(
            lambda connection: self._settling.outcomes(connection, updates, now)
        )

    async def settle(
        self, carrier_id: int, receipts: Sequence[Receipt], now: float, keep: float
    ) -> list[CallbackRow]:
        """Settle by receipts."""
        return await self._writer.run(
            lambda connection: self._settling.receipts(
                connection, carrier_id, receipts, now, keep
            )
        )

    async def told(self, results: Sequence[CallbackResult]) -> None:
        """Write what came of telling customers."""
        await self._writer.run(lambda connection: write_results(connection, results))

    # -- the clock

    async def wake(self, now: float, limit: int, callbacks: int) -> Woken:
        """Do what is due."""

        def work(connection: sqlite3.Connection) -> Woken:
            return wake(connection, self._settling, now, limit, callbacks)

        return await self._writer.run(work)

    async def sweep(self, now: float, limit: int) -> list[CallbackRow]:
        """Do what is not urgent, slice by slice."""

        def work(connection: sqlite3.Connection) -> tuple[Places, list[CallbackRow]]:
            return sweep(connection, self._settling, self._places, now, limit)

        self._places, told = await self._writer.run(work)
        return told

    async def purge(self, before: float, limit: int) -> int:
        """Delete a slice of what is old."""

        def delete(connection: sqlite3.Connection) -> tuple[Slices, int]:
            return purge(connection, self._slices, before, limit)

        self._slices, deleted = await self._writer.run(delete)
        return deleted

    # -- look-ups

    async def ask(self, asked: Ask, account_id: int | None, now: float) -> Answer:
        """Answer what a customer asks."""
        asked = within(asked)
        if is_read(asked):
            reader = self._browser if isinstance(asked, Look) else self._reader
            return await reader.run(lambda c: look_up(c, asked, account_id))
        assert account_id is not None  # noqa: S101 - flow.ask sees to it
        owner = account_id
        return await self._writer.run(
            lambda connection: change(connection, self._settling, asked, owner, now)
        )

    async def members(
        self, account_id: int, groups: Sequence[str]
    ) -> dict[str, list[str]]:
        """Find the active numbers in groups."""
        names = text(groups)
        return await self._reader.run(
            lambda connection: active_members(connection, account_id, names)
        )

    async def originator_of(self, access_id: int, message_id: int) -> str | None:
        """Find what an access's message was sent from."""
        id_ = within_id(message_id)
        return await self._reader.run(
            lambda connection: originator_of(connection, access_id, id_)
        )

    async def answered(
        self, access_id: int, key: str, now: float
    ) -> tuple[str, bytes] | None:
        """Find what an idempotency key was answered."""
        return await self._reader.run(
            lambda connection: answered(connection, access_id, key, now)
        )

    async def due_recurring(self, now: float, limit: int) -> list[RecurringRow]:
        """Find orders whose next time has come."""
        return await self._reader.run(
            lambda connection: due_recurring(connection, now, limit)
        )

    async def post(self, account_id: int, entries: Sequence[Entry], now: float) -> int:
        """Write ledger entries."""

        def write(connection: sqlite3.Connection) -> int:
            book = Book(connection, [account_id])
            for entry in entries:
                book.enter(account_id, entry)
            book.close(now)
            return book.balances[account_id]

        return await self._writer.run(write)

    async def take_fees(self, now: float, limit: int) -> int:
        """Take the fees that are due."""
        return await self._writer.run(
            lambda connection: take_fees(connection, now, limit)
        )

    async def low_balances(self) -> list[LowBalance]:
        """Find balances that have fallen below their alert."""
        return await self._writer.run(low_balances)

    async def order_credit(
        self, account_id: int, count: int, amount: int, now: float
    ) -> CreditAnswer:
        """Order SMS."""
        return await self._writer.run(
            lambda connection: order_credit(connection, account_id, count, amount, now)
        )

    async def messages(self, ids: Sequence[int]) -> list[MessageView]:
        """Look messages up."""
        batch = text(ids)
        return await self._reader.run(
            lambda connection: _views(one(connection, sql.MESSAGES, batch))
        )

    async def backlog(self) -> dict[int, int]:
        """Count queued parts by carrier."""
        return await self._reader.run(
            lambda connection: dict(connection.execute(sql.BACKLOG).fetchall())
        )
