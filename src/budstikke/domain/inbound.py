"""Inbound messages as values, from the carrier's part to the event for the customer."""

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
    """The kind of an inbound message."""

    SMS = "sms"
    BINARY = "binary"
    """An SMS whose user data is not text."""
    MMS = "mms"


@dataclass(frozen=True, slots=True)
class InboundPart:
    """
    An inbound SMS or a part of one, as the carrier got it.

    ``payload`` is the user data, with its header if ``udhi``; ``tlvs`` are the optional
    parameters by tag. ``originator`` is E.164 with ``+`` if it is a phone's number,
    else as written; ``recipient`` is digits. ``new``: the operator has our response to
    an earlier, equal part, so that this is no redelivery.
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
    An inbound MMS, as the carrier got it.

    ``parts`` are in the MMS's order, with its SMIL; addresses are as in
    ``InboundPart``; ``at`` is Unix seconds. ``others`` are its further recipients.
    """

    originator: str
    recipient: str
    subject: str
    parts: tuple[MediaPart, ...]
    at: float
    others: tuple[str, ...] = ()


class MediaRef(msgspec.Struct, array_like=True, frozen=True):
    """A stored part of an MMS; ``size`` is octets."""

    id: str
    name: str
    type: str
    size: int


class InboundEvent(msgspec.Struct, array_like=True, tag="inbound"):
    """
    An inbound message for a customer.

    Attributes:
        message_id: From the same blocks of ids as outbound messages.
        kind: A ``Kind``.
        originator: E.164 with ``+`` if it is a phone's number, else as written.
        recipient: Digits: a short number, a reply number, or an MSISDN.
        text: The whole text; of an MMS its subject and all its text parts, a line each.
            ``[...]`` stands for parts that never came.
        data: The user data of a binary one, hexadecimal.
        keyword: The keyword that routed it, as registered; empty: none did.
        number_id: The number it came to (``domain.number_inventory``); 0: a reply
            number.
        keyword_id: The keyword that routed it; 0: none.
        reply_to: The message that it answers; 0: unknown.
        reply: It came to a reply number.
        counter: Its number in its endpoint's queue, from 1; 0: there is no queue.
        sent_at: When the phone sent it, as far as known, Unix seconds.
        came_at: When it came to us, Unix seconds.
        missing: How many of its parts never came.
        opt_out: The phone opted out by it.
        subject: Of an MMS.
        media: Parts of an MMS, in order.
        receipt_id: The callback with the keyword's auto-reply, which is sent when the
            customer's server has understood this one; 0: none.

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
        """When it came, Unix seconds."""
        return self.came_at


def first_word(text: str) -> str:
    """Return the first visible word of a text, in upper case; empty: there is none."""
    words = visible(text).split(maxsplit=1)
    return words[0].upper() if words else ""


def mms_text(subject: str, parts: Iterable[MediaPart]) -> str:
    """
    Return the text of an MMS: its subject and every text part, a line each.

    Front v3.05, "Inbound push". Parts are decoded by ``decode_labelled``, without NUL.
    """
    texts = [subject.strip()]
    for part in parts:
        kind, _, parameters = part.type.partition(";")
        if kind.strip().lower() == "text/plain":
            named = _charset(parameters)
            texts.append(decode_labelled(part.data, named[1] if named else ""))
    return "\n".join(filter(None, texts)).replace("\0", "")
