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
    """What to do with characters that GSM 03.38 lacks."""

    AUTO = "auto"
    """GSM if it has every character, otherwise UCS-2."""
    CONVERT = "convert"
    """Always GSM: transliterate, and ``?`` for the rest."""
    GSM_ONLY = "gsm_only"
    """Always GSM: refuse other texts."""


class NotifyOn(IntFlag):
    """Events of a message of which its customer is notified."""

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
    One request: a text to one or more recipients.

    Attributes:
        recipients: As the customer wrote them.
        text: Unicode.
        originator: As the customer wrote it.
        mode: What to do with characters outside GSM 03.38.
        max_septets: Longest text when sent as GSM, septets; ``None``: no limit.
        max_utf16: Longest text when sent as UCS-2, UTF-16 units; ``None``: no limit.
        ref: The customer's reference, repeated in status pushes.
        send_at: Unix seconds; ``None``: now.
        validity: Seconds from when it is due; ``None``: the dialect's default.
        flash: Show at once, do not store (message class 0).
        protocol_id: TP-PID, 0 to 255 (3GPP TS 23.040 § 9.2.3.9).
        priority: 1 to 3; higher goes first.
        report: Whether to notify the customer of each message's final state.
        interim: Whether to notify the customer, too, when a carrier has accepted a
            message.
        bulk: The answer is about the whole, without ids; a repeated number gets one
            message.
        duplicate_lock: Seconds within which the same originator, recipient and text
            of this access are refused; 0: off, as it is with a ``key``.
        price: Premium price, øre; 0: an ordinary message; negative: it cannot be read,
            and is refused (``BAD_PRICE``) in its place among the checks.
        texts: A text of its own for each recipient, instead of ``text``; empty: none.
        groups: Contact groups, by name; their active members are recipients, too.
        country: ISO 3166 code of the country whose national numbers are accepted, also
            without a prefix; empty: only international numbers are.
        reply: Send from a new reply number, so that answers lead to this order.
        reply_to: Id of an earlier message of this access with ``reply``: send from its
            reply number; unknown: refused with ``BAD_FIELD`` ``reply_to``.
        recurrence: Repeat it.
        template: The template for routes that need one.
        test: Check and answer, but send and charge nothing.
        key: Idempotency key: a second order of this access with it within a day gets
            the first one's answer; empty: none.
        callback_url: Where delivery reports of its messages go, instead of the access's
            URL; empty: to the access's. An http or https URL.
        answering: It is an auto-reply in the account's name: any originator is allowed,
            and an opt-out does not matter.

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

    ``ids`` has, for each of ``order.recipients``, a message id or the refusal.
    ``members`` has (number, message id) of each member of the groups, and (group,
    ``UNKNOWN_GROUP``) of a group that does not exist or has no active member. For a
    bulk order both are empty, and ``invalid`` and ``duplicate`` have the recipients
    that were left out, as written. ``group_sizes`` says how many of ``members`` belong
    to each of ``order.groups``, in order; empty: unknown. ``order_id`` identifies the
    order; of a single message it is the message's id. ``price`` is micros of the
    account's currency. ``replayed``: nothing was done, since the idempotency key had
    been used before.
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
        originator: The sender as shown: digits of an MSISDN or short number, or text.
        recipient: E.164 with ``+``.
        text: This segment's text; never longer than a segment holds.
        encoding: ``gsm`` or ``ucs2``.
        tables: National language tables in use: (locking, single shift) identifiers
            of 3GPP TS 23.038 § 6.2.1.2.4; (0, 0) for the default alphabet.
        priority: 1 to 3.
        expires_at: Unix seconds after which it must not be delivered.
        report: Ask the operator for a delivery report.
        access_id: The access that sent it.
        ref: The customer's reference.
        notify_on: ``NotifyOn``.
        tries: How often it was offered before.
        premium: What the recipient pays, øre; 0: an ordinary message.
        callback_url: Of the order; ``None``: none.
        tried: Carriers that refused it, or may have it: ``fail_over.read_tried``.

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
    tried: str = ""

    @property
    def message_id(self) -> int:
        """The message it is a part of."""
        return self.id >> 8


class MmsContent(msgspec.Struct, frozen=True):
    """
    The content of an MMS.

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
    An event of a message for its customer: a delivery report.

    Attributes:
        state: ``sent`` (a carrier accepted it) or a final state (``domain.states``).
        reason: ``domain.receipt.Reason`` value, empty when delivered.
        raw: The carrier's own words.
        at: Unix seconds.
        url: The order's ``callback_url``; ``None``: the access's URL.

    """

    message_id: int
    recipient: str
    ref: str | None
    state: str
    reason: str
    raw: str
    at: float
    url: str | None = None
