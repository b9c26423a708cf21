"""Orders, messages and parts as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag, StrEnum

import msgspec

from budstikke.domain.refusal import (
    RefusalCode,  # noqa: TC001 - Accepted is decoded at run time
)


class TextMode(StrEnum):
    """What is done with characters that GSM 03.38 lacks."""

    AUTO = "auto"
    """GSM when every character is in it, otherwise UCS-2."""
    CONVERT = "convert"
    """Always GSM: transliterate, and ``?`` for what is left."""
    GSM_ONLY = "gsm_only"
    """Always GSM: refuse the text otherwise."""


class NotifyOn(IntFlag):
    """What a customer is told of a message."""

    NOTHING = 0
    FINAL = 1
    SENT = 2


class Unit(StrEnum):
    """The unit of an interval."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class Recurrence(msgspec.Struct, frozen=True, kw_only=True):
    """
    How an order repeats after its first time.

    Attributes:
        value: How many units from one to the next; 1 or more.
        unit: Hours are elapsed time; days and longer keep the wall clock of ``zone``.
            Months keep the day, or take the last one of a shorter month.
        zone: IANA name, e.g. ``Europe/Oslo``.
        count: How many times in all, the first included; ``None``: no such end.
        until: Not after this, Unix seconds; ``None``: no such end.

    """

    value: int
    unit: Unit
    zone: str = "UTC"
    count: int | None = None
    until: float | None = None


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """
    A pre-approved text, used only on routes that need one (Front v3.05 § 2.1.3).

    ``kind`` is otp, order_confirmation, order_ready, conf_booking or conf_reminder;
    ``values`` its parameters by Front's names, well-formed, blank ones left out.
    """

    kind: str
    values: Mapping[str, str]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one request asks for: a text to one or more recipients.

    Attributes:
        recipients: As the customer wrote them.
        text: Unicode.
        originator: As the customer wrote it.
        mode: What to do with characters outside GSM 03.38.
        max_septets: Longest text when sent as GSM, septets; ``None``: no limit.
        max_utf16: Longest text when sent as UCS-2, UTF-16 units; ``None``: no limit.
        ref: The customer's reference, echoed in status pushes.
        send_at: Unix seconds; ``None``: now.
        validity: Seconds from when it is due; ``None``: the dialect's default applies.
        flash: Show at once, do not store (message class 0).
        protocol_id: TP-PID, 0 to 255 (3GPP TS 23.040 § 9.2.3.9).
        priority: 1 to 3; higher goes first.
        report: Whether the customer is told what became of each message.
        interim: Whether the customer is told, too, when a carrier has it.
        bulk: Answered for as a whole, without ids; numbers given twice are sent once.
        duplicate_lock: Seconds within which the same originator, recipient and text
            of this access are refused; 0: off, as it is with a ``key``.
        price: Premium price, øre; 0: an ordinary message; negative: written wrongly,
            to be refused (``BAD_PRICE``) in its place among the other checks.
        texts: A text of its own for each recipient, instead of ``text``; empty: none.
        groups: Contact groups, by name; their active members are recipients, too.
        country: ISO 3166 code whose national numbers recipients may be, also bare;
            empty: international ones only.
        reply: Send from a reply number of its own, which leads back to the order.
        reply_to: Id of an earlier message of this access sent with ``reply``: the
            same reply number; unknown: refused with ``BAD_FIELD`` ``reply_to``.
        recurrence: Repeat it.
        template: To be used where the route needs it.
        test: Check and answer as if it were sent, but send and charge nothing.
        key: Idempotency key: an equal one of this access within a day is answered as
            the first was; empty: none.
        callback_url: Where delivery reports of its messages go instead of where the
            access's settings say; empty: nowhere else. An http or https URL.
        answering: The gateway's own answer to a phone, in the account's name: any
            originator, and whether the phone opted out does not matter.

    """

    recipients: Sequence[str]
    text: str
    originator: str
    mode: TextMode = TextMode.AUTO
    max_septets: int | None = None
    max_utf16: int | None = None
    ref: str | None = None
    send_at: float | None = None
    validity: int = 7 * 86400
    flash: bool = False
    protocol_id: int = 0
    priority: int = 1
    report: bool = True
    interim: bool = False
    bulk: bool = False
    duplicate_lock: int = 0
    price: int = 0
    texts: Sequence[str] = ()
    groups: Sequence[str] = ()
    country: str = ""
    reply: bool = False
    reply_to: int | None = None
    recurrence: Recurrence | None = None
    template: Template | None = None
    test: bool = False
    key: str = ""
    callback_url: str = ""
    answering: bool = False


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    An order that is durable.

    ``ids`` answers for ``order.recipients`` one by one: a message id, or why that
    recipient was refused. ``members`` answers for the groups: (number, message id)
    of each member, and (name of the group, ``UNKNOWN_GROUP``) of a group that is not
    there or has nobody active. For a bulk order both are empty, and ``invalid`` and
    ``duplicate`` echo the recipients that were left out, as they were written.
    ``group_sizes`` says how many of ``members`` answer for each of ``order.groups``, in
    order; empty: nobody knows. ``order_id`` names all of it; of a single message it
    is that message's id. ``price`` is micros of the account's currency. ``replayed``:
    nothing was done now, its idempotency key had been used before.
    """

    order_id: int
    ids: Sequence[int | RefusalCode]
    segments: int
    invalid: Sequence[str] = ()
    duplicate: Sequence[str] = ()
    members: Sequence[tuple[str, int | RefusalCode]] = ()
    price: int = 0
    group_sizes: Sequence[int] = ()
    replayed: bool = False


class Part(msgspec.Struct, array_like=True):
    """
    One segment on its way to a carrier, with all that the wire needs.

    Attributes:
        id: ``message_id * 256 + number``.
        number: 1 to ``total``.
        originator: As it will be shown: MSISDN or short number digits, or text.
        recipient: E.164 with ``+``.
        text: This segment's text; never longer than a segment holds.
        encoding: ``gsm`` or ``ucs2``.
        tables: National language tables in use: (locking, single shift) identifiers
            of 3GPP TS 23.038 § 6.2.1.2.4; (0, 0) for the default alphabet.
        priority: 1 to 3.
        expires_at: Unix seconds after which it must not be delivered.
        report: Ask the operator for a receipt.
        access_id: Whose message it is.
        ref: The customer's reference.
        notify_on: What the customer is told.
        tries: How often it was offered before.
        premium: What the subscriber pays, øre; 0: an ordinary message.
        callback_url: The order's, where its delivery reports go; ``None``: it has none.

    """

    id: int
    number: int
    total: int
    originator: str
    recipient: str
    text: str
    encoding: str
    tables: tuple[int, int]
    flash: bool
    protocol_id: int
    priority: int
    expires_at: float
    report: bool
    access_id: int = 0
    ref: str | None = None
    notify_on: int = 0
    tries: int = 0
    premium: int = 0
    callback_url: str | None = None

    @property
    def message_id(self) -> int:
        """The message it is a part of."""
        return self.id >> 8


class MmsContent(msgspec.Struct, frozen=True):
    """
    What an MMS holds.

    Attributes:
        subject: May be empty.
        text: Its text part; may be empty when there are files.
        files: (name, content type, octets) of each.

    """

    subject: str
    text: str
    files: tuple[tuple[str, str, bytes], ...]


class StatusEvent(msgspec.Struct, array_like=True, frozen=True, tag="status"):
    """
    Something to tell a customer about a message.

    Attributes:
        state: ``sent`` (a carrier has it) or a final state (``domain.states``).
        reason: ``domain.receipt.Reason`` value, empty when delivered.
        raw: The carrier's own words.
        at: Unix seconds.
        url: The order's ``callback_url``; ``None``: the access's settings say where.

    """

    message_id: int
    recipient: str
    ref: str | None
    state: str
    reason: str
    raw: str
    at: float
    url: str | None = None
