"""What phones get and send, as values."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from budstikke.carriers.simulator.album import Picture


class Change(StrEnum):
    """What may happen to a phone; see ``Phones.watch``."""

    RECEIVED = "received"
    COMPOSED = "composed"
    SWITCHED = "switched"
    EMPTIED = "emptied"


class Message(msgspec.Struct, frozen=True, gc=False):
    """
    A text as a phone shows it, joined if it came in parts; or an MMS.

    Attributes:
        id: Counts up through all phones.
        originator: As it was sent: digits or text.
        encoding: ``gsm`` or ``ucs2``; of an MMS ``mms``.
        segments: How many parts it came in.
        flash: Shown at once and not stored, on a real phone.
        protocol_id: TP-PID; 65 to 71 replaced an earlier message.
        received_at: Unix seconds.
        kind: ``sms`` or ``mms``.
        subject: Of an MMS.
        parts: What an MMS holds beside its text.

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
    A text that a phone sends to ``to``, or an MMS; ``at`` is Unix seconds.

    ``parts`` are what the MMS holds beside its text; their octets are in the album.
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
