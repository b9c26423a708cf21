"""
The messages of MM7 as values (3GPP TS 23.140 § 8.7 and annex L).

Addresses are as the other side wrote them.
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
    """A version of MM7: the namespace of its schema, and its ``MM7Version``."""

    namespace: str
    version: str


DEFAULT = Schema(REL_6, "6.8.0")


HIDDEN = "Hidden"
"""The kind of an address that is encrypted or obfuscated (``addressCoding``)."""


class Address(NamedTuple):
    """An address: ``Number``, ``ShortCode``, ``RFC2822Address`` or ``HIDDEN``."""

    kind: str
    value: str

    @property
    def digits(self) -> str:
        """Its number without ``+``; empty: it is no number."""
        if self.kind == HIDDEN:
            return ""
        bare = _separators("", self.value.strip().partition("/")[0].partition("@")[0])
        bare = bare.removeprefix("+")
        return bare if bare.isascii() and bare.isdigit() else ""

    @property
    def dialled(self) -> str:
        """Its number, with ``+`` if it has one and is not short; empty: it is none."""
        plus = self.kind != "ShortCode" and self.value.lstrip().startswith("+")
        return f"+{self.digits}" if plus and self.digits else self.digits

    @property
    def international(self) -> str:
        """Its number as E.164 with ``+``; another address stays as it is."""
        digits = self.digits.removeprefix("00")
        if self.kind == "ShortCode" or len(digits) < 8:
            return self.digits or self.value
        return f"+{digits}"


class Submit(NamedTuple):
    """
    An MMS to one recipient.

    Attributes:
        transaction: The id that the response repeats.
        sender: Digits; empty: the MMSC knows the sender.
        recipient: E.164 with ``+``.
        at: Unix seconds.
        expires_at: Unix seconds.
        pieces: Its MIME parts, in order, as ``smil.laid_out`` makes them.
        schema: The version of MM7 to write.

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
    The MMSC's response to a request.

    Attributes:
        code: Its status code; 0: it has none that we can read.
        text: Its status text and details.
        message_id: The MMSC's id of the message; empty: it has none.

    """

    code: int
    text: str
    message_id: str = ""


class Deliver(NamedTuple):
    """
    An MMS from a phone.

    ``recipients`` are those in To, Cc and Bcc; the MMSC may leave out all. ``schema``
    is the version of MM7 to respond in, here and in the other requests.
    """

    transaction: str
    sender: Address
    recipients: tuple[Address, ...]
    subject: str
    at: float | None
    pieces: tuple[Piece, ...]
    schema: Schema = DEFAULT


class DeliveryReport(NamedTuple):
    """A delivery report; ``status`` and ``extension`` are the MMSC's words."""

    transaction: str
    message_id: str
    recipient: Address | None
    status: str
    extension: str
    text: str
    at: float | None
    schema: Schema = DEFAULT


class ReadReply(NamedTuple):
    """A read reply; ``status`` is the MMSC's word."""

    transaction: str
    message_id: str
    status: str
    at: float | None
    schema: Schema = DEFAULT


Request = Deliver | DeliveryReport | ReadReply
