"""Orders, messages and parts as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from budstikke.domain.refusal import RefusalCode


class TextMode(StrEnum):
    """What is done with characters that GSM 03.38 lacks."""

    AUTO = "auto"
    """GSM when every character is in it, otherwise UCS-2."""
    CONVERT = "convert"
    """Always GSM: transliterate, and ``?`` for what is left."""
    GSM_ONLY = "gsm_only"
    """Always GSM: refuse the text otherwise."""


class Tell(IntFlag):
    """What a customer is told of a message."""

    NOTHING = 0
    FINAL = 1
    SENT = 2


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """
    What one request asks for: the same text to one or more recipients.

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
            of this access are refused; 0: off.
        price: Premium price, øre; 0: an ordinary message; negative: written wrongly,
            to be refused (``BAD_PRICE``) in its place among the other checks.

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


@dataclass(frozen=True, slots=True)
class Accepted:
    """
    An order that is durable.

    ``ids`` answers for ``order.recipients`` one by one: a message id, or why that
    recipient was refused. For a bulk order it is empty, and ``invalid`` and
    ``duplicate`` echo the recipients that were left out, as they were written.
    """

    order_id: int
    ids: Sequence[int | RefusalCode]
    segments: int
    invalid: Sequence[str] = ()
    duplicate: Sequence[str] = ()


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
        tell: What the customer is told.
        tries: How often it was offered before.

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
    tell: int = 0
    tries: int = 0

    @property
    def message_id(self) -> int:
        """The message it is a part of."""
        return self.id >> 8


class StatusEvent(msgspec.Struct, array_like=True, frozen=True):
    """
    Something to tell a customer about a message.

    Attributes:
        state: ``sent`` (a carrier has it) or a final state (``domain.states``).
        reason: ``domain.receipt.Reason`` value, empty when delivered.
        raw: The carrier's own words.
        at: Unix seconds.

    """

    message_id: int
    recipient: str
    ref: str | None
    state: str
    reason: str
    raw: str
    at: float
