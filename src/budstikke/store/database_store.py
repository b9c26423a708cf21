"""The store of ``store.contract.Store`` on any engine; the contract has the details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.listing import ListingQuery
from budstikke.store.contract import Verdict
from budstikke.store.verbs import callback_queues as queues
from budstikke.store.verbs import (
    callbacks,
    carrier_status,
    clock,
    fail_over,
    fees,
    groups,
    inbound,
    media,
    mms_read_reports,
    money,
    orders,
    parked_callbacks,
    queries,
    reassembly,
    second_copies,
    settlement,
    user_tokens,
)
from budstikke.store.verbs import claim as claims
from budstikke.store.verbs import sessions as console_sessions
from budstikke.store.verbs import users as console_users
from budstikke.store.verbs.accept import store_bulk, store_drafts
from budstikke.store.verbs.json_text import text, within
from budstikke.store.verbs.purge import Slices, purge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias, TypeVar, TypeVarTuple

    import msgspec

    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.domain.queries import Answer, QueryOrCommand
    from budstikke.store.contract import (
        Beat,
        BulkRow,
        CallbackRow,
        Draft,
        DueWork,
        Hint,
    )
    from budstikke.store.engine import Engine
    from budstikke.store.verbs.connection import Running, Verb

    T = TypeVar("T")
    Ts = TypeVarTuple("Ts")
    Method: TypeAlias = Callable[["DatabaseStore", *Ts], Running[T]]


def _reads(verb: Verb[*Ts, T]) -> Method[*Ts, T]:
    """Make the method that runs a verb which only reads."""
    return lambda store, *args: store.engine.read(verb, *args)


def _writes(verb: Verb[*Ts, T]) -> Method[*Ts, T]:
    """Make the method that runs a verb in a transaction."""
    return lambda store, *args: store.engine.write(verb, *args)


def _writes_one(verb: Verb[*Ts, T]) -> Method[*Ts, T]:
    """Likewise for a verb of one statement."""
    return lambda store, *args: store.engine.write_one(verb, *args)


def _writes_in_time(verb: Verb[*Ts, T]) -> Method[*Ts, T]:
    """Likewise for a verb for which a customer waits: in seconds, or not at all."""
    return lambda store, *args: store.engine.write_in_time(verb, *args)


class DatabaseStore:
    """
    A store: each method runs its verb in the engine's transaction.

    Methods that do nothing else are rows that name the verb and how to run it.

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

    revision = _reads(queries.revision)

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

    open_bulks = _writes(orders.open_bulks)

    # -- send and settle

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Claim queued parts: highest priority first, then oldest."""
        parts = await self.engine.claim(carrier_id, limit, now)
        parts.sort(key=lambda part: (-part.priority, part.id))
        return parts

    release = _writes_one(claims.release)
    waiting = _reads(fail_over.waiting_parts)
    move_queued = _writes(fail_over.move_queued)
    silent = _reads(fail_over.silent_parts)
    send_again = _writes(second_copies.send_again)
    record = _writes(settlement.record_outcomes)
    settle = _writes(settlement.settle_receipts)
    record_callbacks = _writes(callbacks.record_callbacks)
    parked_accesses = _reads(parked_callbacks.parked_accesses)
    lease_parked = _writes(parked_callbacks.lease_parked)
    backlog = _reads(claims.backlog)

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

    messages = _reads(queries.messages)

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

    originator_of = _reads(orders.originator_of)
    idempotent_answer = _reads(orders.idempotent_answer)
    due_recurring = _reads(orders.due_recurring)
    post_entries = _writes_in_time(money.post_entries)
    order_credit = _writes_in_time(money.order_credit)
    take_fees = _writes(fees.take_fees)
    low_balances = _writes(fees.low_balances)

    # -- inbound messages

    hold_parts = _writes(reassembly.hold_parts)
    ready_parts = _reads(reassembly.ready_parts)
    drop_parts = _writes(reassembly.drop_parts)
    conversations = _reads(inbound.conversations)
    receive = _writes(inbound.receive)
    assigned_unrouted = _reads(inbound.assigned_unrouted)
    subscribers = _reads(inbound.subscribers)
    media_parts = _reads(media.read_parts)
    mms_contents = _reads(media.read_contents)
    record_read_reports = _writes(mms_read_reports.record_read_reports)

    # -- queues of callbacks

    take_queue = _writes(queues.take_queue)
    record_queues = _writes(queues.record_queues)
    count_paused_queues = _reads(queues.count_paused_queues)
    unalerted_pauses = _reads(queues.unalerted_pauses)
    claim_pause_alert = _writes(queues.claim_pause_alert)
    record_pause_alert = _writes(queues.record_pause_alert)
    paused_queue_of = _reads(queues.paused_queue_of)

    async def resume_queue(
        self, *, queue_id: int = 0, account_id: int | None = None, token: str = ""
    ) -> int | None:
        """Resume a paused queue."""
        return await self.engine.write(queues.resume_queue, queue_id, account_id, token)

    # -- users of the console

    user_by_mail = _reads(console_users.user_by_mail)
    create_user = _writes(console_users.create_user)
    change_profile = _writes(console_users.change_profile)
    set_password = _writes(console_users.set_password)
    set_totp = _writes(console_users.set_totp)
    use_totp = _writes(console_users.use_totp)
    use_recovery_code = _writes(console_users.use_recovery_code)
    set_user_state = _writes(console_users.set_user_state)
    users = _reads(console_users.users)
    members = _reads(console_users.members)
    all_accounts = _reads(console_users.all_accounts)
    set_role = _writes(console_users.set_role)
    make_token = _writes(user_tokens.make_token)
    find_token = _reads(user_tokens.find_token)
    invitations = _reads(user_tokens.invitations)
    cancel_invitation = _writes(user_tokens.cancel_invitation)
    accept_invitation = _writes(user_tokens.accept_invitation)
    reset_password = _writes(user_tokens.reset_password)
    count_attempt = _writes(console_sessions.count_attempt)
    clear_attempts = _writes(console_sessions.clear_attempts)
    open_session = _writes(console_sessions.open_session)
    visitor = _reads(console_sessions.visitor)
    touch_session = _writes(console_sessions.touch_session)
    choose_account = _writes(console_sessions.choose_account)
    sessions = _reads(console_sessions.sessions)
    end_session = _writes(console_sessions.end_session)

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

    put_carrier_status = _writes(carrier_status.put_carrier_status)

    async def beat(self, now: float, room: int) -> Beat:
        """Write a heartbeat."""
        return await self.engine.beat(now, room)

    async def whole(self) -> bool:
        """Whether damaged data can be read again."""
        return await self.engine.whole()
