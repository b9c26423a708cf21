"""Messages from phones as values, from what a carrier gives to what is told of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.text import decode_labelled
from budstikke.domain.text.ignorable import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

_charset = re.compile(r"charset\s*=\s*[\"']?([^\s;\"']+)", re.IGNORECASE).search


class Kind(StrEnum):
    """What a message from a phone is."""

    SMS = "sms"
    BINARY = "binary"
    """An SMS whose user data is no text."""
    MMS = "mms"


@dataclass(frozen=True, slots=True)
class InboundPart:
    """
    One message from a phone as the carrier delivered it, not yet joined or routed.

    ``payload`` is the user data with its header, if ``udhi``; ``tlvs`` are the
    optional parameters by tag. ``originator`` is E.164 with ``+`` where it is a phone's
    number, else as it was written; ``recipient`` is digits. ``new``: the operator has
    the answer to an equal one that came before, so that this is another one.
    """

    originator: str
    recipient: str
    data_coding: int
    udhi: bool
    payload: bytes
    tlvs: dict[int, bytes]
    at: float
    new: bool = False


@dataclass(frozen=True, slots=True)
class MediaPart:
    """A part of an MMS: its name (may be empty), its content type, its octets."""

    name: str
    type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class InboundMms:
    """
    An MMS from a phone as the carrier delivered it.

    ``parts`` are in the MMS's order, its SMIL among them; addresses are as in
    ``InboundPart``; ``at`` is Unix seconds. ``others`` are its further recipients.
    """

    originator: str
    recipient: str
    subject: str
    parts: tuple[MediaPart, ...]
    at: float
    others: tuple[str, ...] = ()


class MediaRef(msgspec.Struct, array_like=True, frozen=True):
    """A part of an MMS that is stored; ``size`` is octets."""

    id: str
    name: str
    type: str
    size: int


class InboundEvent(msgspec.Struct, array_like=True, tag="inbound"):
    """
    A message from a phone, to be told to the customer it is for.

    Attributes:
        message_id: Ours; from the same blocks as those of messages out.
        kind: A ``Kind``.
        originator: E.164 with ``+``; where a phone's number is not known, as it was.
        recipient: Digits: a short number, one with a sub-number, or an MSISDN.
        text: Joined; of an MMS its subject and all its text parts, a line each. Where
            parts never came it says ``[...]``.
        data: The user data of a binary one, hexadecimal.
        keyword: The registered word that routed it; empty: none did.
        number_id: The number it came to (``domain.number_inventory``); 0: a reply
            number.
        keyword_id: The keyword that routed it; 0: none.
        reply_to: The message it answers; 0: none is known.
        reply: It came to a reply number.
        counter: Its place in its endpoint's queue, from 1; 0: there is none.
        sent_at: When the phone sent it as far as is known, Unix seconds.
        came_at: When it came to us.
        missing: How many of its parts never came.
        opt_out: It asked for no more messages, and none will be sent.
        subject: Of an MMS.
        media: Parts of an MMS, in order.
        receipt_id: The callback that sends the keyword's receipt when this one was
            understood; 0: none waits for it.

    """

    message_id: int
    kind: Kind
    originator: str
    recipient: str
    text: str
    data: str = ""
    keyword: str = ""
    number_id: int = 0
    keyword_id: int = 0
    reply_to: int = 0
    reply: bool = False
    counter: int = 0
    sent_at: float = 0.0
    came_at: float = 0.0
    missing: int = 0
    opt_out: bool = False
    subject: str = ""
    media: tuple[MediaRef, ...] = ()
    receipt_id: int = 0

    @property
    def at(self) -> float:
        """When it happened, Unix seconds."""
        return self.came_at


def first_word(text: str) -> str:
    """Find the first word of a text as it is seen, in upper case; empty: none."""
    words = visible(text).split(maxsplit=1)
    return words[0].upper() if words else ""


def mms_text(subject: str, parts: Iterable[MediaPart]) -> str:
    """
    Say what an MMS says: its subject and every text part, a line each.

    Front v3.05, "Inbound push". A part is read as ``decode_labelled`` has it; NUL is
    left out.
    """
    texts = [subject.strip()]
    for part in parts:
        kind, _, parameters = part.type.partition(";")
        if kind.strip().lower() == "text/plain":
            named = _charset(parameters)
            texts.append(decode_labelled(part.data, named[1] if named else ""))
    return "\n".join(filter(None, texts)).replace("\0", "")
