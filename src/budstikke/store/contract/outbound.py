"""Rows of outbound messages and their callbacks."""

from __future__ import annotations

from typing import NamedTuple

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
    """A row of ``part`` at acceptance; ``sending``: this node claims it at once."""

    id: int
    carrier_id: int
    state: PartState
    text: str
    tables: int
    priority: int
    due_at: float | None
    node_id: int | None
    at: float


class Move(NamedTuple):
    """A message whose parts, so many, are to leave a carrier's queue for another's."""

    message_id: int
    parts: int
    carrier_id: int
    next_id: int


class BulkProgress(msgspec.Struct):
    """How far a bulk order is expanded: ``done`` of its recipients have messages."""

    bulk_id: int
    done: int


class Charge(msgspec.Struct):
    """
    What an account pays for a draft.

    Attributes:
        amount: Micros; ``None``: the prices of the messages that are stored.
        credit: Micros that the balance may be below zero.
        paid: The account paid before, with the bulk order of these messages.

    """

    account_id: int
    order_id: int
    credit: int
    amount: int | None = None
    paid: bool = False


class RecurringRow(msgspec.Struct):
    """A recurring order; ``order`` is JSON; ``done``: the last occurrence's number."""

    id: int
    access_id: int
    order: bytes
    first_at: float
    done: int
    next_at: float | None


class MediaRow(msgspec.Struct):
    """A file of an MMS, stored as a row of its own; ``place`` counts from 1."""

    id: str
    place: int
    name: str
    type: str
    data: bytes


class MmsRow(msgspec.Struct):
    """
    The content of an MMS, stored with its message.

    Attributes:
        files: JSON list of [name, content type, base64].
        fallback: The text of the SMS for phones without MMS; ``None``: none.
        media: The files that the web link in ``fallback`` shows.

    """

    text: str
    files: bytes
    subject: str = ""
    fallback: str | None = None
    media: list[MediaRow] = msgspec.field(default_factory=list)


class Draft(msgspec.Struct):
    """
    Messages that are accepted together; ``parts`` are in the order of messages.

    Attributes:
        charge: ``None``: the messages are free.
        repeats: The further occurrences of this order, stored with it.
        occurrence: The recurring order that this one is an occurrence of. It moves on
            with it; an occurrence that another node stored is not stored again.
        key: Stored with it: (idempotency key, digest of the request, the answer).
        mms: The contents of its only message, an MMS.

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
        duplicates: Indexes of messages that the duplicate lock holds, which were not
            stored. Of a bulk order: indexes of its keys, and nothing of it was stored.
        no_credit: The balance did not cover it: nothing of it was stored.
        taken: Nothing of it was stored, because its occurrence or its idempotency key
            was stored meanwhile, or its bulk order was cancelled.

    """

    duplicates: list[int] = msgspec.field(default_factory=list)
    no_credit: bool = False
    taken: bool = False


class BulkRow(msgspec.Struct):
    """An order too large for one transaction, which is expanded in slices."""

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
    """A callback; whichever node a verb returns it to has leased it."""

    id: int
    access_id: int
    event: Event
    tries: int


class CallbackResult(msgspec.Struct, array_like=True):
    """
    What came of an attempt of a callback.

    Attributes:
        state: ``done``, ``due`` (again), ``failed``, or ``queued`` (still in a queue).
        tries: Attempts made, with this one.
        answer: The endpoint's answer, or what went wrong, cut.
        status: Of HTTP; ``None``: no answer.
        took: Seconds; ``None``: there was no attempt.
        request: The request, masked and cut: kept of a failed attempt, and of every
            attempt after the first. Empty: it is not kept.
        receipt: (id of a waiting auto-reply, its text): it goes now, or, when the text
            is empty, not at all. An auto-reply that waits no more stays as it is.

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
    """What ``wake`` found due."""

    carriers: set[int]
    """Carriers with parts that were scheduled or deferred until now."""
    callbacks: list[CallbackRow]
    more: bool = False
    """A limit was reached: there may be more that is due."""
    queues: list[int] = msgspec.field(default_factory=list)
    """Queues of callbacks that are due, not leased yet."""


class MessageView(msgspec.Struct, array_like=True):
    """The state of a message; an ``accepted`` one that has left whole is ``sent``."""

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
    A change of an account's balance, as the ledger gets it.

    ``amount``: micros, signed; ``messages``: how many messages it is for.
    """

    kind: str
    amount: int
    note: str = ""
    order_id: int | None = None
    message_id: int | None = None
    messages: int = 0


class LowBalance(msgspec.Struct):
    """A balance that fell below its account's alert; micros."""

    account: str
    currency: str
    balance: int
    alert_below: int
    mail: str
