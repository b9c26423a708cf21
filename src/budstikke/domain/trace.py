"""
The rows of a message, as ``store.verbs.trace`` reads them, and what of them who sees.

``domain.timeline`` joins them to one line of time. Pure.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from budstikke.domain.history import HistoryKind
from budstikke.domain.states import MessageState, PartState


class MessageRow(msgspec.Struct, frozen=True):
    """
    A message, as it is stored; see ``domain.listing.Record`` for most fields.

    Attributes:
        access: ``dialect:identifier``.
        account: Its name.
        privacy: The account's setting, ``full`` or ``masked``.
        text: Of all parts, in order.
        kind: Of ``domain.routing.KINDS``.
        read_at: Of an MMS: when the recipient opened it.
        fallback_id: Of an MMS: the callback that sends an SMS instead.

    """

    id: int
    order_id: int
    account_id: int
    account: str
    access: str
    privacy: str
    currency: str
    recipient: str
    originator: str
    ref: str | None
    encoding: str
    segments: int
    parts: int
    price: int
    accepted_at: float
    send_at: float | None
    expires_at: float
    state: MessageState
    reason: str
    raw: str
    final_at: float | None
    deleted: bool
    text: str | None = None
    kind: str = "sms"
    read_at: float | None = None
    fallback_id: int | None = None


class PartRow(msgspec.Struct, frozen=True):
    """A part, as it is stored; ``at`` is the time of its state."""

    id: int
    carrier: str
    state: PartState
    smsc_id: str | None
    reason: str
    raw: str
    tries: int
    at: float | None
    due_at: float | None
    claimed_at: float | None
    sent_at: float | None


class HistoryEntry(msgspec.Struct, frozen=True):
    """A row of the history; ``other`` is the name of a carrier or an access."""

    part_id: int
    kind: HistoryKind
    at: float
    carrier: str | None
    smsc_id: str | None
    reason: str
    raw: str
    due_at: float | None
    other: str | None
    times: int
    until: float | None


class CallbackEntry(msgspec.Struct, frozen=True):
    """A callback about the message; ``about`` is the state that it reports."""

    id: int
    about: str
    state: str
    tries: int
    due_at: float | None
    status: int | None
    took: float | None
    answer: str
    at: float


class AttemptEntry(msgspec.Struct, frozen=True):
    """An attempt of a callback; ``took`` is seconds."""

    callback_id: int
    at: float
    took: float
    status: int | None
    answer: str


class LedgerRow(msgspec.Struct, frozen=True):
    """A refund, micros."""

    at: float
    amount: int


class Trace(msgspec.Struct, frozen=True):
    """
    All rows of a message.

    ``rule`` is the route that a message like it takes by the rules as they are now, and
    ``carriers`` its carriers, in order; both are empty if nobody looked.
    """

    message: MessageRow
    parts: tuple[PartRow, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    callbacks: tuple[CallbackEntry, ...] = ()
    attempts: tuple[AttemptEntry, ...] = ()
    refunds: tuple[LedgerRow, ...] = ()
    rule: str = ""
    carriers: tuple[str, ...] = ()


class TraceQuery(msgspec.Struct, frozen=True):
    """The rows of a message; the answer is ``TraceAnswer``."""

    message_id: int


class TraceAnswer(msgspec.Struct, frozen=True):
    """The rows; ``None``: the message is unknown, or another account's."""

    trace: Trace | None


MASK = "…"


def masked_number(number: str) -> str:
    """Hide a phone number but for its last three digits; other senders stay."""
    if not number.lstrip("+").isdigit():
        return number
    return f"{MASK}{number[-3:]}"


def for_administrator(trace: Trace) -> Trace:
    """Hide what the account's setting ``privacy`` hides from administrators."""
    message = trace.message
    if message.privacy == "full":
        return trace
    hidden = msgspec.structs.replace(
        message,
        recipient=masked_number(message.recipient),
        originator=masked_number(message.originator),
        ref=None,
        text=None,
    )
    return msgspec.structs.replace(
        trace,
        message=hidden,
        callbacks=tuple(_unanswered(each) for each in trace.callbacks),
        attempts=tuple(_unanswered(each) for each in trace.attempts),
    )


Answered = TypeVar("Answered", CallbackEntry, AttemptEntry)


def _unanswered(entry: Answered) -> Answered:
    return msgspec.structs.replace(entry, answer="")


def for_customer(trace: Trace) -> Trace:
    """
    Write numbers instead of the names of carriers.

    With whom the gateway has contracts does not concern its customers; that a message
    went to another carrier does.
    """
    numbers: dict[str, str] = {}

    def numbered(name: str) -> str:
        return numbers.setdefault(name, f"carrier {len(numbers) + 1}")

    history = []
    for row in trace.history:
        carrier = numbered(row.carrier) if row.carrier else None
        moved = row.kind is HistoryKind.MOVED and row.other
        other = numbered(row.other) if moved and row.other else row.other
        history.append(msgspec.structs.replace(row, carrier=carrier, other=other))
    parts = [
        msgspec.structs.replace(part, carrier=numbered(part.carrier))
        for part in trace.parts
    ]
    return msgspec.structs.replace(
        trace, parts=tuple(parts), history=tuple(history), rule="", carriers=()
    )
