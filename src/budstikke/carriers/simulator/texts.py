"""Messages that phones receive and send, as values."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from budstikke.carriers.simulator.album import Picture


class Change(StrEnum):
    """What can happen to a phone; see ``Phones.watch``."""

    RECEIVED = "received"
    COMPOSED = "composed"
    SWITCHED = "switched"
    EMPTIED = "emptied"


class Message(msgspec.Struct, frozen=True, gc=False):
    """
    A text as a phone shows it, joined if it came in parts; or an MMS.

    Attributes:
        id: Counts up over all phones.
        originator: The sender as sent: digits or text.
        encoding: ``gsm``, ``ucs2``, or ``mms`` for an MMS.
        segments: How many segments it came in.
        flash: Whether a real phone would show it at once and not store it.
        protocol_id: TP-PID; with 65 to 71 it replaced an earlier message.
        received_at: Unix seconds.
        kind: ``sms`` or ``mms``.
        subject: Of an MMS.
        parts: Of an MMS, beside its text.

    """

    id: int
    originator: str
    text: str
    encoding: str
    segments: int
    flash: bool
    protocol_id: int
    received_at: float
    kind: str = "sms"
    subject: str = ""
    parts: tuple[Picture, ...] = ()


class Composed(msgspec.Struct, frozen=True, gc=False):
    """
    A text or an MMS that a phone sends to ``to``; ``at`` is Unix seconds.

    ``parts`` are those of an MMS beside its text; the album has their octets.
    """

    id: int
    phone: str
    to: str
    text: str
    at: float
    kind: str = "sms"
    subject: str = ""
    parts: tuple[Picture, ...] = ()


class Summary(msgspec.Struct, frozen=True, gc=False):
    """One line of the list of phones; ``last_at`` is 0 before the first message."""

    number: str
    on: bool
    messages: int
    last_at: float
