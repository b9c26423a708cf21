"""
What a store is: rows, by verbs of the business, in batches.

1. Every verb on the path takes and returns lists, and is one transaction.
2. What a verb returned is durable: it survives a loss of power.
3. A verb that cannot be carried out changes nothing and raises ``StoreUnavailable``.
4. Time is an argument.
5. An id beyond 64 bits is one that is not there.
6. The conformance suite (tests/store/test_conformance_*.py) is part of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from budstikke.store.contract.failing import StoreDamaged, StoreUnavailable
from budstikke.store.contract.health import Beat, HealthStore, Pulse, Seen
from budstikke.store.contract.inbound import (
    MOST_EQUAL,
    Copy,
    Equals,
    HeldPart,
    InboundDraft,
    PausedQueue,
    QueueHead,
    QueueResult,
    Received,
    Thread,
    Unrouted,
)
from budstikke.store.contract.inbound_verbs import InboundStore
from budstikke.store.contract.nodes import LINK_LEASE, Hint, NodeStore
from budstikke.store.contract.outbound import (
    BulkProgress,
    BulkRow,
    CallbackResult,
    CallbackRow,
    Charge,
    Draft,
    Entry,
    LowBalance,
    MediaRow,
    MessageRow,
    MessageView,
    MmsRow,
    PartRow,
    RecurringRow,
    Verdict,
    Woken,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.domain.queries import Answer, CreditAnswer, QueryOrCommand
    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate

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
    "Copy",
    "Draft",
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
    "PartRow",
    "PausedQueue",
    "Pulse",
    "QueueHead",
    "QueueResult",
    "Received",
    "RecurringRow",
    "Seen",
    "Store",
    "StoreDamaged",
    "StoreUnavailable",
    "Thread",
    "Unrouted",
    "Verdict",
    "Woken",
]

CANCELLED_AT_ONCE = 500
"""Messages that one transaction cancels: others wait meanwhile."""


class Store(InboundStore, NodeStore, HealthStore, Protocol):
    """The contract; see the module's rules."""

    node_id: int

    async def open(self, now: float) -> None:
        """Connect, and take over what a dead process left (see ``recover``)."""

    async def close(self) -> None:
        """Finish what was begun and disconnect."""

    def reserve_ids(self, count: int) -> int:
        """
        Take ``count`` consecutive ids for messages and orders; returns the first.

        Ids are above 1000, never given twice, and need not be used.
        """

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read who may do what; ``settings`` by dialect."""

    async def revision(self) -> int:
        """Tell which state of the directory the store holds."""

    async def accept(self, drafts: Sequence[Draft], now: float) -> list[Verdict]:
        """
        Store messages and parts, and take what they cost.

        Says for each draft what was not stored: messages that the duplicate lock
        holds (equal ``duplicate_key`` and not yet ``until``), or all of it.
        """

    async def accept_bulk(
        self, bulk: BulkRow, keys: Sequence[int], until: float
    ) -> Verdict:
        """
        Store an order whole, and take what it costs.

        ``keys`` are locked as duplicates until ``until``; each is there once. When some
        are locked already, here or by another node, nothing of it is stored, and the
        verdict's ``duplicates`` are the places of those in ``keys``.
        """

    def locked(self, keys: Sequence[int], now: float) -> list[bool]:
        """Tell which duplicate keys are locked now."""

    async def open_bulks(self) -> list[BulkRow]:
        """
        Take orders that are not yet all messages, and that no other node makes.

        Those that this node makes already come, too.
        """

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """
        Take queued parts of a carrier for sending: priority first, then oldest.

        Parts past their validity come too: whoever claimed them records them expired.
        """

    async def release(self, part_ids: Sequence[int]) -> None:
        """Give claimed parts back, unsent, as they were."""

    async def record(
        self, updates: Sequence[tuple[Concerned, PartUpdate]], now: float
    ) -> list[CallbackRow]:
        """
        Write what carriers answered; receipts that came early are matched here.

        An update to a part that is no longer ``sending`` or ``unsure`` is ignored.
        """

    async def settle(
        self, carrier_id: int, receipts: Sequence[Receipt], now: float, keep: float
    ) -> list[CallbackRow]:
        """Settle parts by receipts; what matches nothing is kept ``keep`` seconds."""

    async def told(self, results: Sequence[CallbackResult]) -> None:
        """Write what came of telling customers."""

    async def wake(self, now: float, limit: int, callbacks: int) -> Woken:
        """
        Do what is due: scheduled and retried parts, callbacks, unsure parts.

        Unsure parts whose time is over follow their account's rule. At most ``limit``
        parts of each kind, and about ``callbacks`` callbacks, leased to this node.
        """

    async def sweep(self, now: float, limit: int) -> list[CallbackRow]:
        """
        Do what is not urgent: expire, give orphans to unsure parts, forget orphans.

        An orphan is given to an unsure part of the same carrier and recipient when no
        other part to that recipient is being sent.
        """

    async def purge(self, before: float, limit: int) -> int:
        """
        Delete a slice of messages from before then; returns how many.

        Those that go out when they are past validity, those from phones when nothing is
        to be told of them any more; with what was theirs. Also callbacks and their
        attempts, bulk orders and orders that repeated, when they are over.
        """

    async def messages(self, ids: Sequence[int]) -> list[MessageView]:
        """Look messages up; unknown ids are left out."""

    async def ask(
        self, asked: QueryOrCommand, account_id: int | None, now: float
    ) -> Answer:
        """
        Answer what a customer asks, within an account (``None``: across all).

        At most ``CANCELLED_AT_ONCE`` messages that were made are cancelled at once: ask
        until fewer are. Only then is it counted how many were found.
        Raises Refusal for a group that must be there and is not.
        """

    async def members(
        self, account_id: int, groups: Sequence[str]
    ) -> dict[str, list[str]]:
        """Find the active numbers in groups; those that are not there are left out."""

    async def originator_of(self, access_id: int, message_id: int) -> str | None:
        """Find what an access's message was sent from."""

    async def answered(
        self, access_id: int, key: str, now: float
    ) -> tuple[str, bytes] | None:
        """Find what an idempotency key was answered within a day: (digest, answer)."""

    async def due_recurring(self, now: float, limit: int) -> list[RecurringRow]:
        """Find orders whose next time has come."""

    async def post(self, account_id: int, entries: Sequence[Entry], now: float) -> int:
        """Write ledger entries; returns the balance after them, micros."""

    async def order_credit(
        self, account_id: int, count: int, amount: int, now: float
    ) -> CreditAnswer:
        """
        Order ``count`` SMS, worth ``amount`` micros.

        Credited at once up to the account's ceiling of SMS ordered in a day; beyond it
        the order waits for an administrator.
        """

    async def take_fees(self, now: float, limit: int) -> int:
        """
        Take the fees that are due, each month of each once; returns how many.

        A fee is taken even when the balance does not cover it.
        """

    async def low_balances(self) -> list[LowBalance]:
        """Find balances that have fallen below the alert; each once until it rises."""

    async def backlog(self) -> dict[int, int]:
        """Count queued parts by carrier id, for metrics."""
