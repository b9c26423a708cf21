"""The store of ``store.contract.Store`` on any engine; the contract has the details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.listing import ListingQuery
from budstikke.store.contract import Verdict
from budstikke.store.verbs import callback_queues as queues
from budstikke.store.verbs import (
    claim,
    clock,
    fees,
    groups,
    inbound,
    media,
    money,
    orders,
    queries,
    reassembly,
    settlement,
)
from budstikke.store.verbs.accept import store_bulk, store_drafts
from budstikke.store.verbs.callbacks import record_callbacks
from budstikke.store.verbs.json_text import text, within
from budstikke.store.verbs.mms_read_reports import record_read_reports
from budstikke.store.verbs.purge import Slices, purge

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from typing import Any, TypeAlias, TypeVar

    import msgspec

    from budstikke.domain.directory import Directory
    from budstikke.domain.inbound import MediaPart
    from budstikke.domain.message import MmsContent, Part
    from budstikke.domain.queries import Answer, CreditAnswer, QueryOrCommand
    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.store.contract import (
        Beat,
        BulkRow,
        CallbackResult,
        CallbackRow,
        Conversation,
        Draft,
        DueWork,
        Entry,
        HeldPart,
        Hint,
        InboundDraft,
        LowBalance,
        MessageView,
        PausedQueue,
        QueueHead,
        QueueResult,
        RecurringRow,
        StoredInbound,
        Unrouted,
    )
    from budstikke.store.engine import Engine

    T = TypeVar("T")
    Running: TypeAlias = Coroutine[Any, Any, T]
    """A verb that the engine runs: it is awaited where the store's method is."""


class DatabaseStore:
    """
    A store: each method runs its verb in the engine's transaction.

    Args:
        engine: Not yet open.

    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.node_id = 0
        self.pulse = engine.pulse
        self._sweep_cursor = clock.SweepCursor()
        self._slices = Slices()

    async def open(self, now: float) -> None:
        """Connect, and release what a dead process had claimed."""
        await self.engine.open(now)
        self.node_id = self.engine.node_id

    async def close(self) -> None:
        """Finish the verbs that were begun, and disconnect."""
        await self.engine.close()

    def reserve_ids(self, count: int) -> int:
        """Take ids for messages and orders; return the first."""
        return self.engine.reserve_ids(count)

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read the directory."""
        return await self.engine.directory(settings)

    async def revision(self) -> int:
        """Read the revision of the directory."""
        return await self.engine.read(queries.revision)

    # -- accept

    def locked(self, keys: Sequence[int], now: float) -> list[bool]:
        """Return which duplicate keys this node knows to be locked."""
        return self.engine.duplicates.locked(keys, now)

    async def accept(self, drafts: Sequence[Draft], now: float) -> list[Verdict]:
        """Store messages and parts, in one transaction for all drafts."""
        duplicates = self.engine.duplicates
        held = duplicates.lock_drafts(drafts, now)
        try:
            verdicts = await self.engine.accept(
                drafts, now, store_drafts, drafts, held, now
            )
        except BaseException:
            duplicates.not_stored(drafts, held)
            raise
        duplicates.stored(drafts, verdicts, now)
        return verdicts

    async def accept_bulk(
        self, bulk: BulkRow, keys: Sequence[int], until: float
    ) -> Verdict:
        """Store a bulk order whole and lock its keys."""
        now, duplicates = bulk.accepted_at, self.engine.duplicates
        held = await duplicates.hold_all(keys, now, until)
        if held:
            return Verdict(held)
        rows = duplicates.of_database(keys)
        try:
            verdict = await self.engine.accept(
                [bulk], now, store_bulk, bulk, rows, until
            )
        except BaseException:
            duplicates.let_go(keys)
            raise
        if verdict.no_credit or verdict.taken or verdict.duplicates:
            duplicates.let_go(keys)
        return verdict

    async def open_bulks(self) -> list[BulkRow]:
        """Take bulk orders to expand that no other node expands."""
        return await self.engine.write(orders.open_bulks)

    # -- send and settle

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Claim queued parts: highest priority first, then oldest."""
        parts = await self.engine.claim(carrier_id, limit, now)
        parts.sort(key=lambda part: (-part.priority, part.id))
        return parts

    async def release(self, part_ids: Sequence[int]) -> None:
        """Return claimed parts to the queue."""
        await self.engine.write_one(claim.release, part_ids)

    def record(
        self, updates: Sequence[tuple[Concerned, PartUpdate]], now: float
    ) -> Running[list[CallbackRow]]:
        """Write what carriers answered."""
        return self.engine.write(settlement.record_outcomes, updates, now)

    def settle(
        self, carrier_id: int, receipts: Sequence[Receipt], now: float, keep: float
    ) -> Running[list[CallbackRow]]:
        """Settle parts by receipts."""
        verb = settlement.settle_receipts
        return self.engine.write(verb, carrier_id, receipts, now, keep)

    def record_callbacks(self, results: Sequence[CallbackResult]) -> Running[None]:
        """Write the outcomes of attempts at callbacks."""
        return self.engine.write(record_callbacks, results)

    async def backlog(self) -> dict[int, int]:
        """Count queued parts by carrier."""
        return await self.engine.read(claim.backlog)

    # -- the clock

    async def wake(self, now: float, limit: int, callbacks: int) -> DueWork:
        """Queue parts, and lease callbacks and queues, that are due."""
        return await self.engine.wake(now, limit, callbacks)

    async def sweep(self, now: float, limit: int) -> list[CallbackRow]:
        """Expire parts, match orphans, and delete what is over, slice by slice."""
        self._sweep_cursor, callbacks = await self.engine.write(
            clock.sweep, self._sweep_cursor, now, limit
        )
        return callbacks

    async def purge(self, before: float, limit: int) -> int:
        """Drop or delete a slice of old messages."""
        dropped, spans = await self.engine.retire(before, limit)
        self._slices, deleted = await self.engine.write(
            purge, self._slices, before, limit, spans
        )
        return dropped + deleted

    # -- look-ups and money

    async def messages(self, ids: Sequence[int]) -> list[MessageView]:
        """Look messages up."""
        return await self.engine.read(queries.messages, ids)

    async def ask(
        self, query: QueryOrCommand, account_id: int | None, now: float
    ) -> Answer:
        """Answer a query, or carry out a command, of a customer."""
        query = within(query)
        if queries.in_one_snapshot(query):
            return await self.engine.snapshot(queries.look_up, query, account_id)
        if isinstance(query, ListingQuery):
            return await self.engine.browse(queries.look_up, query, account_id)
        if queries.is_read(query):
            return await self.engine.read(queries.look_up, query, account_id)
        assert account_id is not None  # noqa: S101 - flow.queries sees to it
        return await self.engine.write_in_time(queries.change, query, account_id, now)

    async def group_members(
        self, account_id: int, names: Sequence[str]
    ) -> dict[str, list[str]]:
        """Find the active numbers in groups."""
        return await self.engine.read(groups.active_members, account_id, text(names))

    async def originator_of(self, access_id: int, message_id: int) -> str | None:
        """Find the sender of an access's message."""
        return await self.engine.read(orders.originator_of, access_id, message_id)

    async def idempotent_answer(
        self, access_id: int, key: str, now: float
    ) -> tuple[str, bytes] | None:
        """Find the answer to an idempotency key."""
        return await self.engine.read(orders.idempotent_answer, access_id, key, now)

    async def due_recurring(self, now: float, limit: int) -> list[RecurringRow]:
        """Find recurring orders that are due."""
        return await self.engine.read(orders.due_recurring, now, limit)

    async def post_entries(
        self, account_id: int, entries: Sequence[Entry], now: float
    ) -> int:
        """Write ledger entries; return the balance after them, micros."""
        return await self.engine.write_in_time(
            money.post_entries, account_id, entries, now
        )

    async def order_credit(
        self, account_id: int, count: int, amount: int, now: float
    ) -> CreditAnswer:
        """Order SMS."""
        verb = money.order_credit
        return await self.engine.write_in_time(verb, account_id, count, amount, now)

    async def take_fees(self, now: float, limit: int) -> int:
        """Charge the fees that are due."""
        return await self.engine.write(fees.take_fees, now, limit)

    async def low_balances(self) -> list[LowBalance]:
        """Find balances that have fallen below their alert."""
        return await self.engine.write(fees.low_balances)

    # -- inbound messages

    async def hold_parts(self, parts: Sequence[HeldPart]) -> list[HeldPart]:
        """Hold parts of long texts."""
        return await self.engine.write(reassembly.hold_parts, parts)

    async def ready_parts(self, now: float, limit: int) -> list[HeldPart]:
        """Find held parts of texts that can be delivered now."""
        return await self.engine.read(reassembly.ready_parts, now, limit)

    async def drop_parts(self, part_ids: Sequence[int]) -> None:
        """Delete held parts."""
        await self.engine.write(reassembly.drop_parts, part_ids)

    async def conversations(
        self, pairs: Sequence[tuple[str, str]]
    ) -> list[Conversation | None]:
        """Find the messages that phones reply to."""
        return await self.engine.read(inbound.conversations, pairs)

    async def receive(
        self, drafts: Sequence[InboundDraft], now: float
    ) -> StoredInbound:
        """Store inbound messages with their callbacks."""
        return await self.engine.write(inbound.receive, drafts, now)

    async def assigned_unrouted(self, limit: int) -> list[Unrouted]:
        """Find unrouted messages that were assigned to an access."""
        return await self.engine.read(inbound.assigned_unrouted, limit)

    async def subscribers(self, numbers: Sequence[str]) -> dict[str, tuple[str, str]]:
        """Look numbers up in the number directory: name and address."""
        return await self.engine.read(inbound.subscribers, numbers)

    async def media_parts(self, ids: Sequence[str]) -> dict[str, MediaPart]:
        """Read files of MMS."""
        return await self.engine.read(media.read_parts, ids)

    async def mms_contents(self, message_ids: Sequence[int]) -> dict[int, MmsContent]:
        """Read the contents of outbound MMS."""
        return await self.engine.read(media.read_contents, message_ids)

    async def record_read_reports(
        self, carrier_id: int, smsc_ids: Sequence[tuple[str, str, float]], now: float
    ) -> list[CallbackRow]:
        """Store read replies of MMS."""
        return await self.engine.write(record_read_reports, carrier_id, smsc_ids, now)

    # -- queues of callbacks

    async def take_queue(
        self, queue_id: int, limit: int, now: float
    ) -> QueueHead | None:
        """Lease a queue and read its first callbacks."""
        return await self.engine.write(queues.take_queue, queue_id, limit, now)

    async def record_queues(self, results: Sequence[QueueResult]) -> None:
        """Write the results of working on queues."""
        await self.engine.write(queues.record_queues, results)

    async def count_paused_queues(self) -> int:
        """Count the queues that are paused."""
        return await self.engine.read(queues.count_paused_queues)

    async def unalerted_pauses(self, limit: int, now: float) -> list[PausedQueue]:
        """Find paused queues without an alert."""
        return await self.engine.read(queues.unalerted_pauses, limit, now)

    async def claim_pause_alert(self, queue_id: int, token: str, now: float) -> bool:
        """Claim the alert of a paused queue."""
        return await self.engine.write(queues.claim_pause_alert, queue_id, token, now)

    async def record_pause_alert(self, queue_id: int, token: str) -> None:
        """Note that an alert was sent."""
        await self.engine.write(queues.record_pause_alert, queue_id, token)

    async def paused_queue_of(self, token: str) -> PausedQueue | None:
        """Find the paused queue of a token."""
        return await self.engine.read(queues.paused_queue_of, token)

    async def resume_queue(
        self, *, queue_id: int = 0, account_id: int | None = None, token: str = ""
    ) -> int | None:
        """Resume a paused queue."""
        return await self.engine.write(queues.resume_queue, queue_id, account_id, token)

    # -- nodes and health

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Call ``heard`` with the hints of other nodes."""
        self.engine.listen(heard)

    async def lease_binds(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        """Take or renew bind leases."""
        return await self.engine.bind_leases.bind(carriers, now)

    async def release_binds(self, carrier_ids: Sequence[int]) -> None:
        """Release bind leases."""
        await self.engine.bind_leases.unbind(carrier_ids)

    async def bound_elsewhere(self, now: float) -> set[int]:
        """Find the carriers with which another node has a bind that is up."""
        return await self.engine.bind_leases.bound_elsewhere(now)

    async def beat(self, now: float, room: int) -> Beat:
        """Write a heartbeat."""
        return await self.engine.beat(now, room)

    async def whole(self) -> bool:
        """Whether damaged data can be read again."""
        return await self.engine.whole()
