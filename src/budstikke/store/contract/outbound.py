"""Rows of messages on their way out, and of what is told of them."""

from __future__ import annotations

import msgspec

from budstikke.domain.callback import Event
from budstikke.domain.states import MessageState, PartState


class MessageRow(msgspec.Struct, array_like=True):
    """A row of ``message`` at acceptance; the columns are the schema's."""

    id: int
    order_id: int
    access_id: int
    recipient: str
    originator: str
    ref: str | None
    encoding: str
    segments: int
    parts: int
    flash: int
    protocol_id: int
    priority: int
    notify_on: int
    duplicate_key: int | None
    duplicate_until: float | None
    accepted_at: float
    expires_at: float
    state: MessageState
    account_id: int = 0
    price: int = 0
    refund: int = 1
    premium: int = 0
    send_at: float | None = None
    callback_url: str | None = None


class PartRow(msgspec.Struct, array_like=True):
    """A row of ``part`` at acceptance: ``sending`` when this node sends it at once."""

    id: int
    carrier_id: int
    state: PartState
    text: str
    tables: int
    priority: int
    due_at: float | None
    node_id: int | None
    at: float


class BulkProgress(msgspec.Struct):
    """A slice of a bulk order became messages; ``done`` of its recipients are."""

    bulk_id: int
    done: int


class Charge(msgspec.Struct):
    """
    Take money for a draft.

    Attributes:
        amount: Micros; ``None``: the prices of those of its messages that are stored.
        credit: Micros that the balance may be below zero.
        paid: It was taken before, with the bulk order these messages are of.

    """

    account_id: int
    order_id: int
    credit: int
    amount: int | None = None
    paid: bool = False


class RecurringRow(msgspec.Struct):
    """An order that repeats; ``order`` is JSON, without its ``recurrence`` ended."""

    id: int
    access_id: int
    order: bytes
    first_at: float
    done: int
    next_at: float | None


class MediaRow(msgspec.Struct):
    """A part of an MMS, to be stored by itself; ``place`` counts from 1."""

    id: str
    place: int
    name: str
    type: str
    data: bytes


class MmsRow(msgspec.Struct):
    """
    What an MMS holds, to be stored with its message.

    Attributes:
        files: JSON list of [name, content type, base64].
        fallback: The SMS for phones without MMS, as it will be sent; ``None``: none.
        media: What the link in ``fallback`` shows.

    """

    text: str
    files: bytes
    subject: str = ""
    fallback: str | None = None
    media: list[MediaRow] = msgspec.field(default_factory=list)


class Draft(msgspec.Struct):
    """
    Messages to be accepted together; ``parts`` are in the order of messages.

    Attributes:
        charge: ``None``: nothing is charged.
        repeats: Stored with it: the order's further times.
        turn: It is a time of this recurring order, which moves on with it; a turn
            that was taken already is not stored.
        key: Stored with it: (idempotency key, digest of what was asked, the answer).
        mms: What its only message, an MMS, holds.

    """

    messages: list[MessageRow]
    parts: list[PartRow]
    progress: BulkProgress | None = None
    charge: Charge | None = None
    repeats: RecurringRow | None = None
    occurrence: RecurringRow | None = None
    key: tuple[str, str, bytes] | None = None
    mms: MmsRow | None = None


class Verdict(msgspec.Struct):
    """
    What the store made of a draft.

    Attributes:
        duplicates: Indexes of messages that the duplicate lock holds: not stored. Of a
            bulk order: of its keys, and nothing of it is stored.
        no_credit: The balance did not cover it: nothing of it was stored.
        taken: Its turn or its key was taken meanwhile, or the bulk order that it is a
            slice of was cancelled: nothing of it was stored.

    """

    duplicates: list[int] = msgspec.field(default_factory=list)
    no_credit: bool = False
    taken: bool = False


class BulkRow(msgspec.Struct):
    """An order too large for one transaction, not yet all messages."""

    id: int
    access_id: int
    accepted_at: float
    first_id: int
    total: int
    done: int
    content: bytes
    recipients: bytes
    charge: Charge | None = None
    repeats: RecurringRow | None = None
    occurrence: RecurringRow | None = None
    key: tuple[str, str, bytes] | None = None


class CallbackRow(msgspec.Struct, array_like=True):
    """One thing to tell a customer; it is leased to whom it was returned to."""

    id: int
    access_id: int
    event: Event
    tries: int


class CallbackResult(msgspec.Struct, array_like=True):
    """
    What came of an attempt.

    Attributes:
        state: ``done``, ``due`` (again), ``failed``, or ``queued`` (its turn comes).
        tries: Attempts made, with this one.
        answer: What was answered or went wrong, cut.
        status: Of HTTP; ``None``: no answer.
        took: Seconds; ``None``: nothing was attempted.
        request: What was sent, masked and cut; kept of an attempt that failed and of
            any after the first. Empty: it is not kept.
        receipt: (id of a ``send`` callback, its text): send that now; empty text:
            after all nothing is sent. Only while it waits.

    """

    id: int
    state: str
    due_at: float | None
    tries: int
    answer: str
    at: float
    status: int | None = None
    took: float | None = None
    request: str = ""
    receipt: tuple[int, str] | None = None


class DueWork(msgspec.Struct):
    """What a turn of the clock brought."""

    carriers: set[int]
    """Carriers that have parts to send which had to wait until now."""
    callbacks: list[CallbackRow]
    more: bool = False
    """A limit was reached: there may be more that is due."""
    queues: list[int] = msgspec.field(default_factory=list)
    """Queues of callbacks that are due, not leased yet."""


class MessageView(msgspec.Struct, array_like=True):
    """A message as it stands, for look-ups; ``state`` is derived for open ones."""

    id: int
    access_id: int
    recipient: str
    ref: str | None
    segments: int
    state: MessageState
    reason: str
    raw: str
    accepted_at: float
    final_at: float | None


class Entry(msgspec.Struct):
    """
    Something written in an account's ledger.

    ``amount`` is micros, signed; ``messages`` is how many messages it is for.
    """

    kind: str
    amount: int
    note: str = ""
    order_id: int | None = None
    message_id: int | None = None
    messages: int = 0


class LowBalance(msgspec.Struct):
    """A balance that has fallen below what its account wants to hear of; micros."""

    account: str
    currency: str
    balance: int
    alert_below: int
    mail: str
