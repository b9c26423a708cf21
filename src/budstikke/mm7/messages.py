"""
The messages of MM7 as values (3GPP TS 23.140 § 8.7 and annex L).

Addresses are written as the other side wrote them; ``digits`` reads them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from budstikke.mm7.multipart import Piece

SCHEMA = "http://www.3gpp.org/ftp/Specs/archive/23_series/23.140/schema/"
REL_6 = SCHEMA + "REL-6-MM7-1-4"

_not_digit = re.compile(r"[^0-9]").sub
_separators = re.compile(r"[ .()-]").sub


class Schema(NamedTuple):
    """Which MM7 is spoken: the namespace of its schema, and ``MM7Version``."""

    namespace: str
    version: str


DEFAULT = Schema(REL_6, "6.8.0")


HIDDEN = "Hidden"
"""The kind of an address that is encrypted or obfuscated (``addressCoding``)."""


class Address(NamedTuple):
    """Who: ``kind`` is ``Number``, ``ShortCode``, ``RFC2822Address`` or ``HIDDEN``."""

    kind: str
    value: str

    @property
    def digits(self) -> str:
        """Its number without ``+``; empty: it is none."""
        if self.kind == HIDDEN:
            return ""
        bare = _separators("", self.value.strip().partition("/")[0].partition("@")[0])
        bare = bare.removeprefix("+")
        return bare if bare.isascii() and bare.isdigit() else ""

    @property
    def dialled(self) -> str:
        """Its number, with ``+`` if it is written so and no short one; empty: none."""
        plus = self.kind != "ShortCode" and self.value.lstrip().startswith("+")
        return f"+{self.digits}" if plus and self.digits else self.digits

    @property
    def international(self) -> str:
        """Its number as E.164 with ``+``; what is no such number is left as it is."""
        digits = self.digits.removeprefix("00")
        if self.kind == "ShortCode" or len(digits) < 8:
            return self.digits or self.value
        return f"+{digits}"


class Submit(NamedTuple):
    """
    An MMS to one recipient.

    Attributes:
        transaction: What the response is to say again.
        sender: Digits, or empty: the MMSC knows.
        recipient: E.164 with ``+``.
        at: Unix seconds.
        expires_at: Unix seconds.
        pieces: Its parts, in order, as ``smil.laid_out`` makes them.
        schema: Which MM7 it is written in.

    """

    transaction: str
    vaspid: str
    vasid: str
    service_code: str
    sender: str
    recipient: str
    subject: str
    at: float
    expires_at: float
    delivery_report: bool
    read_reply: bool
    pieces: tuple[Piece, ...]
    schema: Schema = DEFAULT


class Answer(NamedTuple):
    """
    What the MMSC says to a request.

    Attributes:
        code: A status code; 0: it said none that can be read.
        text: Its words, with details.
        message_id: What it calls the message; empty: it said none.

    """

    code: int
    text: str
    message_id: str = ""


class Deliver(NamedTuple):
    """
    An MMS from a phone.

    ``recipients`` are all that it is for, in To, Cc and Bcc; none where the MMSC does
    not say. ``schema`` is, as in the others, which MM7 the answer is to be in.
    """

    transaction: str
    sender: Address
    recipients: tuple[Address, ...]
    subject: str
    at: float | None
    pieces: tuple[Piece, ...]
    schema: Schema = DEFAULT


class DeliveryReport(NamedTuple):
    """What became of an MMS; ``status`` and ``extension`` are the MMSC's words."""

    transaction: str
    message_id: str
    recipient: Address | None
    status: str
    extension: str
    text: str
    at: float | None
    schema: Schema = DEFAULT


class ReadReply(NamedTuple):
    """What a phone did with an MMS; ``status`` is the MMSC's word."""

    transaction: str
    message_id: str
    status: str
    at: float | None
    schema: Schema = DEFAULT


Request = Deliver | DeliveryReport | ReadReply
