"""
The contract of a store. The engines (SQLite, PostgreSQL) keep it alike.

1. Every verb on the message path takes and returns lists, and is one transaction.
2. What a verb has written when it returns is durable: it survives a loss of power, or
   what the setting ``durability`` promises instead (durability.py).
3. A verb that cannot be carried out changes nothing and raises ``StoreUnavailable``.
4. Time is an argument, in Unix seconds.
5. No row has an id beyond 64 bits: asked for one, a verb finds nothing.
6. The conformance suite (tests/store/test_conformance_*.py) is part of the contract.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from budstikke.store.contract.errors import StoreDamaged, StoreUnavailable
from budstikke.store.contract.health import Beat, HealthStore, Pulse, Seen
from budstikke.store.contract.inbound import (
    MOST_EQUAL,
    Conversation,
    Copy,
    Equals,
    HeldPart,
    InboundDraft,
    PausedQueue,
    QueueHead,
    QueueResult,
    StoredInbound,
    Unrouted,
)
from budstikke.store.contract.inbound_store import InboundStore
from budstikke.store.contract.nodes import LINK_LEASE, Hint, NodeStore
from budstikke.store.contract.outbound import (
    BulkProgress,
    BulkRow,
    CallbackResult,
    CallbackRow,
    Charge,
    Draft,
    DueWork,
    Entry,
    LowBalance,
    MediaRow,
    MessageRow,
    MessageView,
    MmsRow,
    Move,
    PartRow,
    RecurringRow,
    Verdict,
)
from budstikke.store.contract.users import UserStore

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.domain.queries import Answer, CreditAnswer, QueryOrCommand
    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.domain.states import PartState

__all__ = [
    "CANCELLED_AT_ONCE",
    "LINK_LEASE",
    "MOST_EQUAL",
    "Beat",
    "BulkProgress",
    "BulkRow",
    "CallbackResult",
    "CallbackRow",
    "Charge",
    "Conversation",
    "Copy",
    "Draft",
    "DueWork",
    "Entry",
    "Equals",
    "HeldPart",
    "Hint",
    "InboundDraft",
    "LowBalance",
    "MediaRow",
    "MessageRow",
    "MessageView",
    "MmsRow",
    "Move",
    "PartRow",
    "PausedQueue",
    "Pulse",
    "QueueHead",
    "QueueResult",
    "RecurringRow",
    "Seen",
    "Store",
    "StoreDamaged",
    "StoreUnavailable",
    "StoredInbound",
    "Unrouted",
    "Verdict",
]

CANCELLED_AT_ONCE = 500
"""Messages that one transaction cancels; other transactions wait for it."""


class Store(InboundStore, NodeStore, HealthStore, UserStore, Protocol):
    """What both engines do; the rules of this module hold for each method."""

    node_id: int

    async def open(self, now: float) -> None:
        """Connect, and release what a dead process had claimed and leased."""

    async def close(self) -> None:
        """Finish the verbs that were begun, and disconnect."""

    def reserve_ids(self, count: int) -> int:
        """
        Take ``count`` consecutive ids for messages and orders; returns the first.

        Ids are above 1000 and never given twice; a caller need not use them.
        """

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read the directory; ``settings``: the struct of each dialect's settings."""

    async def revision(self) -> int:
        """Read the directory's revision, which changes whenever the directory does."""

    async def accept(self, drafts: Sequence[Draft], now: float) -> list[Verdict]:
        """
        Store messages and parts, and charge for them.

        A verdict says for each draft what was not stored: messages that the duplicate
        lock holds (equal ``duplicate_key``, before ``duplicate_until``), or all of it.
        """

    async def accept_bulk(
        self, bulk: BulkRow, keys: Sequence[int], until: float
    ) -> Verdict:
        """
        Store a bulk order whole, and charge for it.

        Locks ``keys``, each of which is there once, as duplicates until ``until``. When
        this or another node has locked some of them already, nothing of the order is
        stored, and the verdict's ``duplicates`` are the indexes of those in ``keys``.
        """

    def locked(self, keys: Sequence[int], now: float) -> list[bool]:
        """Tell which duplicate keys this node knows to be locked."""

    async def open_bulks(self) -> list[BulkRow]:
        """
        Take bulk orders that are not expanded whole and that no other node expands.

        Those that this node expands already come, too.
        """

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """
        Claim queued parts of a carrier: highest priority first, then oldest.

        Parts past their validity come, too: the caller records them as expired.
        """

    async def release(self, part_ids: Sequence[int], /) -> None:
        """Return claimed parts, which were not sent, to the queue."""

    async def waiting(
        self, carrier_id: int, after: tuple[int, int], limit: int, /
    ) -> tuple[list[Part], tuple[int, int] | None]:
        """
        List queued parts that may move to another carrier, without texts.

        Looks at ``limit`` parts of the queue, behind one with this (priority, id). Of a
        message of several parts it lists the first, if all of them are queued there.
        Returns also where the next look begins; ``None``: that was the end.
        """

    async def move_queued(
        self, moves: Sequence[Move], why: str, now: float, /
    ) -> set[int]:
        """
        Move messages to the queues of other carriers; returns those carriers.

        A message stays if it is not queued whole any more: an operator may have it.
        """

    async def silent(
        self, now: float, limit: int, /
    ) -> list[tuple[Part, int, PartState]]:
        """
        List parts without a delivery report in time, their carriers and states.

        Only those of accounts whose rules send them again by another carrier.
        """

    async def send_again(
        self, updates: Sequence[tuple[Concerned, PartUpdate]], now: float, /
    ) -> tuple[set[int], list[CallbackRow]]:
        """
        Move such parts to other carriers, or conclude them.

        A part that is no longer as the update says stays. A part to be ``sent`` waits
        on, without a time. Returns the carriers that got parts, and callbacks.
        """

    async def record(
        self, updates: Sequence[tuple[Concerned, PartUpdate]], now: float, /
    ) -> list[CallbackRow]:
        """
        Write the carriers' responses; match orphans to the ids that they name.

        Ignores an update to a part that is no longer ``sending`` or ``unsure``. Returns
        the callbacks that came of it, leased to this node.
        """

    async def settle(
        self, carrier_id: int, receipts: Sequence[Receipt], now: float, keep: float, /
    ) -> list[CallbackRow]:
        """
        Settle parts by delivery reports; an orphan is kept for ``keep`` seconds.

        Returns the callbacks that came of it, leased to this node.
        """

    async def record_callbacks(self, results: Sequence[CallbackResult], /) -> None:
        """Write what came of attempts of callbacks."""

    async def parked_accesses(
        self, access_ids: Sequence[int], now: float, /
    ) -> list[int]:
        """Return which of these accesses have callbacks for ``lease_parked``."""

    async def lease_parked(
        self, access_id: int, limit: int, now: float, /
    ) -> list[CallbackRow]:
        """
        Lease the first callbacks of an access that nobody has leased, in order of id.

        They are those that are due, and those that are ``due`` without a time, which
        ``wake`` leaves alone: they wait for a session of their customer. Auto-replies
        are left out.
        """

    async def wake(self, now: float, limit: int, callbacks: int) -> DueWork:
        """
        Queue scheduled and deferred parts that are due; lease callbacks and queues.

        An unsure part whose time is over is settled by its account's rule. At most
        ``limit`` parts of each kind, and about ``callbacks`` callbacks.
        """

    async def sweep(self, now: float, limit: int) -> list[CallbackRow]:
        """
        Do work that is not urgent: expire parts, match orphans, delete what is over.

        An orphan settles an unsure part of the same carrier and recipient when no other
        part to that recipient is being sent.
        """

    async def purge(self, before: float, limit: int) -> int:
        """
        Delete a slice of the messages from before then; returns how many.

        An outbound message goes when its validity is over, an inbound one when it has
        no open callback; with it go its parts, callbacks, attempts and files. So do
        bulk orders and recurring orders that are over.
        """

    async def messages(self, ids: Sequence[int], /) -> list[MessageView]:
        """Look messages up; leaves out unknown ids."""

    async def ask(
        self, query: QueryOrCommand, account_id: int | None, now: float
    ) -> Answer:
        """
        Answer a customer's query or command within an account (``None``: in all).

        Cancels at most ``CANCELLED_AT_ONCE`` messages at once: call it until it cancels
        fewer, which is also when it counts how many messages it found. Raises Refusal
        for a group that must be there and is not.
        """

    async def group_members(
        self, account_id: int, groups: Sequence[str]
    ) -> dict[str, list[str]]:
        """Find the active numbers of groups; leaves out groups that are not there."""

    async def originator_of(self, access_id: int, message_id: int, /) -> str | None:
        """Find the sender of an access's message; ``None``: it has no such message."""

    async def idempotent_answer(
        self, access_id: int, key: str, now: float, /
    ) -> tuple[str, bytes] | None:
        """Find the answer to an idempotency key of the last day: (digest, answer)."""

    async def due_recurring(self, now: float, limit: int, /) -> list[RecurringRow]:
        """Find recurring orders whose next occurrence is due."""

    async def post_entries(
        self, account_id: int, entries: Sequence[Entry], now: float, /
    ) -> int:
        """Write ledger entries; returns the balance after them, micros."""

    async def order_credit(
        self, account_id: int, count: int, amount: int, now: float, /
    ) -> CreditAnswer:
        """
        Order ``count`` SMS on credit, worth ``amount`` micros.

        Credits them at once up to the SMS that the account may order in a day; beyond
        that the order waits for an administrator.
        """

    async def take_fees(self, now: float, limit: int, /) -> int:
        """
        Charge the fees that are due, each month of each once; returns how many.

        Charges a fee even when the balance does not cover it.
        """

    async def low_balances(self) -> list[LowBalance]:
        """Find balances that fell below their alert; each once until it has risen."""

    async def backlog(self) -> dict[int, int]:
        """Count queued parts by carrier id, for metrics."""
