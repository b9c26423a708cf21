"""
The PostgreSQL engine: any number of nodes on one database, a yes that survives.

Every verb is one transaction. Work is claimed with ``FOR UPDATE SKIP LOCKED``; what a
node holds is known by its lease (node.py), so that another takes over when it is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import Part
from budstikke.store import admin
from budstikke.store.contract import (
    BulkRow,
    CallbackResult,
    CallbackRow,
    Draft,
    Hint,
    MessageView,
    RecurringRow,
    StoreUnavailable,
    Verdict,
    Woken,
)
from budstikke.store.duplicates import DuplicateLock
from budstikke.store.engines.postgres import sql
from budstikke.store.engines.postgres.beating import Beating
from budstikke.store.engines.postgres.client import ACCEPT_WITHIN, Client
from budstikke.store.engines.postgres.doubts import Doubts
from budstikke.store.engines.postgres.inbound_verbs import InboundVerbs
from budstikke.store.engines.postgres.keeper import Keeper
from budstikke.store.engines.postgres.links import Links
from budstikke.store.engines.postgres.node import Node
from budstikke.store.engines.postgres.partitions import Changes, Partitions
from budstikke.store.engines.postgres.retiring import Retiring
from budstikke.store.engines.postgres.stocking import Stocking
from budstikke.store.verbs import claim, clock, fees, orders
from budstikke.store.verbs.accept import store_bulk, store_drafts
from budstikke.store.verbs.callbacks import record_callbacks
from budstikke.store.verbs.groups import active_members
from budstikke.store.verbs.json_text import text, within, within_id
from budstikke.store.verbs.money import order_credit, post
from budstikke.store.verbs.purge import Slices, purge
from budstikke.store.verbs.queries import change, in_one_snapshot, is_read, look_up
from budstikke.store.verbs.settlement import record_outcomes, settle_receipts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.domain.directory import Directory
    from budstikke.domain.queries import Answer, CreditAnswer, QueryOrCommand
    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.store.contract import Entry, LowBalance
    from budstikke.store.engines.postgres.connection import Connection

_parts = msgspec.json.Decoder(list[Part]).decode
_views = msgspec.json.Decoder(list[MessageView]).decode

REVISION = "SELECT value::bigint FROM meta WHERE key = 'revision'"


class PostgresStore:
    """
    The store on PostgreSQL; see ``store.contract.Store`` for what the verbs promise.

    Args:
        url: ``postgresql://…``; several hosts and ``target_session_attrs`` as well.
        node: This process's name among the nodes; no other has it at the same time.

    """

    node_id = 0

    def __init__(self, url: str, *, node: str) -> None:
        self._url = url
        self._client = Client(url)
        self.pulse = self._client.pulse
        beating = Beating(self._client, node)
        self.beat, self.whole = beating.beat, beating.whole
        self._node = Node(node)
        self._client.bounds = self._node.lows
        self._keeper = Keeper(self._client, node, self._hear)
        self._heard: Callable[[Hint], None] | None = None
        self._duplicates = DuplicateLock()
        self._sweep_cursor = clock.SweepCursor()
        self._doubts = Doubts()
        self._slices = Slices()
        changes = Changes(self._client)
        self._retiring = Retiring(self._client, changes)
        self._partitions = Partitions(self._client, changes, self._node.lows)
        self._stocking = Stocking(self._client, self._node)
        inbound = InboundVerbs(self._client, self._node)
        self.hold, self.held, self.drop = inbound.hold, inbound.held, inbound.drop
        self.threads, self.receive = inbound.threads, inbound.receive
        self.assigned, self.subscribers = inbound.assigned, inbound.subscribers
        self.media, self.mms, self.read = inbound.media, inbound.mms, inbound.read
        self.take_queue, self.queue_told = inbound.take_queue, inbound.queue_told
        self.unalerted, self.alert = inbound.unalerted, inbound.alert
        self.alerted = inbound.alerted
        self.paused_by, self.paused = inbound.paused_by, inbound.paused
        self.resume = inbound.resume
        links = Links(self._client, self._node)
        self.bind, self.unbind, self.linked = links.bind, links.unbind, links.linked

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Have ``heard`` told at once what other nodes leave to be done."""
        self._heard = heard

    def _hear(self, hint: Hint) -> None:
        if self._heard is not None and hint.node != self._node.id:
            self._heard(hint)

    async def open(self, now: float) -> None:
        """Take this node's name, and take over what a dead node left."""
        await self._client.open()
        try:
            await self._keeper.start()
            await self._client.write(lambda c: self._begin(c, now))
        except BaseException:
            await self._keeper.stop()
            await self._client.close()
            raise

    async def _begin(self, connection: Connection, now: float) -> None:
        await self._node.begin(connection, now)
        self.node_id = self._client.node_id = self._node.id
        await self._node.stock_up(connection)
        for key, until in await connection.rows(sql.LOCKED_KEYS, now):
            self._duplicates.hold(key, until)

    async def close(self) -> None:
        """Finish what was begun and disconnect."""
        await self._stocking.close()
        with contextlib.suppress(StoreUnavailable):
            await self._client.write(self._end)
        await self._keeper.stop()
        await self._client.close()

    async def _end(self, connection: Connection) -> None:
        await self._node.give_back(connection)
        await self._node.end(connection)

    def reserve_ids(self, count: int) -> int:
        """Take ids that were set aside for this node."""
        return self._stocking.reserve(count)

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read accounts, accesses, carriers, routes and suppressions."""

        def read() -> Directory:
            engine = admin.open_engine(self._url)
            try:
                return admin.read_directory(engine, settings)
            finally:
                engine.dispose()

        return await asyncio.get_running_loop().run_in_executor(None, read)

    async def revision(self) -> int:
        """Read the revision of the directory."""
        found = await self._client.read(lambda c: c.value(REVISION))
        return int(found)

    # -- accept

    def locked(self, keys: Sequence[int], now: float) -> list[bool]:
        """Tell which keys are held, as far as this node knows."""
        return self._duplicates.locked(keys, now)

    async def accept(self, drafts: Sequence[Draft], now: float) -> list[Verdict]:
        """Store messages and parts, in one transaction for all drafts."""
        ids = [row.id for draft in drafts for row in draft.messages]
        held: list[list[int]] = [[] for _ in drafts]
        try:
            with self.pulse.waiting():
                verdicts = await self._client.write(
                    lambda c: store_drafts(c, drafts, held, now),
                    lambda c: orders.any_stored(c, ids),
                    ACCEPT_WITHIN,
                )
        except StoreUnavailable:
            self._doubts.of_drafts(drafts, now)
            raise
        for draft, verdict in zip(drafts, verdicts, strict=True):
            if not verdict.taken and not verdict.no_credit:
                self._duplicates.lock_draft(draft, now)
        return verdicts

    async def accept_bulk(
        self, bulk: BulkRow, keys: Sequence[int], until: float
    ) -> Verdict:
        """Store a bulk order whole and lock its keys."""
        held = await self._duplicates.hold_all(keys, bulk.accepted_at, until)
        if held:
            return Verdict(held)
        try:
            with self.pulse.waiting():
                verdict = await self._client.write(
                    lambda c: store_bulk(c, bulk, keys, until),
                    lambda c: orders.bulk_stored(c, bulk.id),
                    ACCEPT_WITHIN,
                )
        except BaseException:
            self._duplicates.let_go(keys)
            raise
        if verdict.no_credit or verdict.taken or verdict.duplicates:
            self._duplicates.let_go(keys)
        return verdict

    async def open_bulks(self) -> list[BulkRow]:
        """Take bulk orders that are not yet all messages, and that no node makes."""
        return await self._client.write(orders.open_bulks)

    # -- send and settle

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Take queued parts for sending."""
        found: list[Part] = []
        lost = self._client.lost
        try:
            found = _parts(
                await self._client.read(
                    lambda c: claim.claim(c, carrier_id, limit, now)
                )
            )
        finally:
            if self._client.lost != lost:
                self._doubts.of_claim(carrier_id, now, found)
        found.sort(key=lambda part: (-part.priority, part.id))
        return found

    async def release(self, part_ids: Sequence[int]) -> None:
        """Give claimed parts back."""
        await self._client.read(lambda c: claim.release(c, part_ids))

    async def record(
        self, updates: Sequence[tuple[Concerned, PartUpdate]], now: float
    ) -> list[CallbackRow]:
        """Write what carriers answered."""
        return await self._client.write(lambda c: record_outcomes(c, updates, now))

    async def settle(
        self, carrier_id: int, receipts: Sequence[Receipt], now: float, keep: float
    ) -> list[CallbackRow]:
        """Settle by receipts."""
        return await self._client.write(
            lambda c: settle_receipts(c, carrier_id, receipts, now, keep)
        )

    async def told(self, results: Sequence[CallbackResult]) -> None:
        """Write what came of telling customers."""
        await self._client.write(lambda c: record_callbacks(c, results))

    # -- the clock

    async def wake(self, now: float, limit: int, callbacks: int) -> Woken:
        """Do what is due, and keep this node's lease."""

        async def write(connection: Connection) -> Woken:
            await self._node.renew(connection, now)
            woken = await clock.wake(connection, now, limit, callbacks)
            woken.carriers |= await self._doubts.settle(connection, self._node.id)
            if woken.carriers:  # their links may be another node's
                hint = Hint(self._node.id, carriers=sorted(woken.carriers))
                await connection.notify(hint)
            return woken

        await self._partitions.keep(now)
        await self._stocking.keep()
        woken = await self._client.write(write)
        self._doubts.forget(now)
        return woken

    async def sweep(self, now: float, limit: int) -> list[CallbackRow]:
        """Do what is not urgent, slice by slice."""
        self._sweep_cursor, callbacks = await self._client.write(
            lambda c: clock.sweep(c, self._sweep_cursor, now, limit)
        )
        return callbacks

    async def purge(self, before: float, limit: int) -> int:
        """Drop what is old and whole, and delete a slice of the rest."""
        dropped, spans = await self._retiring.turn(before, limit)
        self._slices, deleted = await self._client.write(
            lambda c: purge(c, self._slices, before, limit, spans)
        )
        return dropped + deleted

    # -- look-ups

    async def ask(
        self, asked: QueryOrCommand, account_id: int | None, now: float
    ) -> Answer:
        """Answer what a customer asks."""
        asked = within(asked)
        if is_read(asked):
            alike = in_one_snapshot(asked)
            run = self._client.snapshot if alike else self._client.read
            return await run(lambda c: look_up(c, asked, account_id))
        assert account_id is not None  # noqa: S101 - flow.ask sees to it
        owner = account_id
        return await self._client.write(lambda c: change(c, asked, owner, now))

    async def members(
        self, account_id: int, groups: Sequence[str]
    ) -> dict[str, list[str]]:
        """Find the active numbers in groups."""
        names = text(groups)
        return await self._client.read(lambda c: active_members(c, account_id, names))

    async def originator_of(self, access_id: int, message_id: int) -> str | None:
        """Find what an access's message was sent from."""
        return await self._client.read(
            lambda c: orders.originator_of(c, access_id, message_id)
        )

    async def answered(
        self, access_id: int, key: str, now: float
    ) -> tuple[str, bytes] | None:
        """Find what an idempotency key was answered."""
        return await self._client.read(
            lambda c: orders.answered(c, access_id, key, now)
        )

    async def due_recurring(self, now: float, limit: int) -> list[RecurringRow]:
        """Find orders whose next time has come."""
        return await self._client.read(lambda c: orders.due_recurring(c, now, limit))

    async def post(self, account_id: int, entries: Sequence[Entry], now: float) -> int:
        """Write ledger entries."""
        return await self._client.write(lambda c: post(c, account_id, entries, now))

    async def take_fees(self, now: float, limit: int) -> int:
        """Take the fees that are due."""
        return await self._client.write(lambda c: fees.take_fees(c, now, limit))

    async def low_balances(self) -> list[LowBalance]:
        """Find balances that have fallen below their alert."""
        return await self._client.write(fees.low_balances)

    async def order_credit(
        self, account_id: int, count: int, amount: int, now: float
    ) -> CreditAnswer:
        """Order SMS."""
        return await self._client.write(
            lambda c: order_credit(c, account_id, count, amount, now)
        )

    async def messages(self, ids: Sequence[int]) -> list[MessageView]:
        """Look messages up."""
        asked = [within_id(id_) for id_ in ids]
        values = (text(asked), self._node.lows.message(asked))
        return _views(await self._client.read(lambda c: c.one(sql.MESSAGES, *values)))

    async def backlog(self) -> dict[int, int]:
        """Count queued parts by carrier."""
        return await self._client.read(claim.backlog)
