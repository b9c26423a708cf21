"""
Reads inbound messages: their parts, how those belong together, and the text. Pure.

A text comes as parts in any order, some of them twice and some never. Parts of one text
share a reference, in the user data header (3GPP TS 23.040 § 9.2.3.24.1 and .8) or in
SMPP's sar parameters (SMPP 3.4 § 5.3.2.22 to 24). They are joined as octets and decoded
then, since an escape or a surrogate pair may be cut in two.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections import Counter
from enum import Enum
from hashlib import blake2b
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from budstikke.domain.inbound import Kind
from budstikke.domain.text import (
    BIG_ENDIAN,
    DEFAULT,
    concatenation,
    decode_labelled,
    gsm_decode,
    national_tables,
    parse_udh,
    ucs2_join,
    user_data_header,
)
from budstikke.domain.text.udh import CONCATENATION_8, CONCATENATION_16, Elements

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from budstikke.domain.inbound import InboundPart

GAP = "[...]"
"""Stands where parts never came."""

_SAR_REFERENCE, _SAR_TOTAL, _SAR_NUMBER = 0x020C, 0x020E, 0x020F
_PORTS = frozenset({0x04, 0x05})
"""Application port addressing (3GPP TS 23.040 § 9.2.3.24.3 and .4)."""
_PORT_TLVS = frozenset({0x020A, 0x020B})
"""source_port and destination_port (SMPP 3.4 § 5.3.2.20 and .21)."""
_CONCATENATIONS = frozenset({CONCATENATION_8, CONCATENATION_16})


class Alphabet(Enum):
    """How to decode user data."""

    GSM = "gsm"
    """Septets, one in each octet; ``LATIN1`` if it has other octets."""
    LATIN1 = "latin-1"
    """UTF-8 if valid, else Windows-1252; a byte order mark decides."""
    CYRILLIC = "iso8859-5"
    HEBREW = "iso8859-8"
    UCS2 = "ucs2"
    BINARY = "binary"


_ASCII = 0x01

_CODINGS = {
    0x00: Alphabet.GSM,
    _ASCII: Alphabet.LATIN1,  # octets above 0x7F are usually Latin-1
    0x03: Alphabet.LATIN1,
    0x06: Alphabet.CYRILLIC,
    0x07: Alphabet.HEBREW,
    0x08: Alphabet.UCS2,
}
"""SMPP 3.4 § 5.2.19; other values below 0x10 are no text of phones: binary."""

_BY_BITS = (Alphabet.GSM, Alphabet.BINARY, Alphabet.UCS2, Alphabet.GSM)
"""Bits 3 and 2 of general data coding (3GPP TS 23.038 § 4); the last is reserved."""
_COMPRESSED = 0x20
"""Bit 5 of general data coding and of automatic deletion."""


def alphabet(data_coding: int) -> Alphabet:
    """
    Return how to decode user data with a data_coding.

    Beside SMPP's own values operators pass on those of 3GPP TS 23.038 § 4: general
    coding with a message class (0x1X), automatic deletion (0x4X, 0x5X), both of them
    compressed (0x2X, 0x3X, 0x6X, 0x7X: binary, since we do not decompress), message
    waiting (0xCX, 0xDX: GSM; 0xEX: UCS-2), and data coding with a class (0xFX).
    Reserved codings (0x80 to 0xBF, and bits 3 and 2 both set) are the default alphabet.
    """
    known = _CODINGS.get(data_coding)
    if known is not None:
        return known
    group = data_coding >> 4
    if group == 0x0:
        return Alphabet.BINARY
    if group < 0x8:
        compressed = data_coding & _COMPRESSED
        return Alphabet.BINARY if compressed else _BY_BITS[data_coding >> 2 & 3]
    if group == 0xE:
        return Alphabet.UCS2
    if group == 0xF and data_coding & 4:
        return Alphabet.BINARY
    return Alphabet.GSM


class PartPosition(NamedTuple):
    """The position of a part in its text: ``number`` of ``total``."""

    reference: str
    total: int
    number: int


class TextPart(NamedTuple):
    """
    One part, read.

    Attributes:
        position: ``None``: it is a whole message.
        alphabet: How to decode ``body``.
        tables: National language tables in use, (locking, single shift).
        header: Of a binary one: its header without the concatenation.
        body: User data without the header.

    """

    position: PartPosition | None
    alphabet: Alphabet
    tables: tuple[int, int]
    header: bytes
    body: bytes


class PhoneText(NamedTuple):
    """
    A message, read.

    ``data`` is the user data of a binary one, hexadecimal; it begins with a header if
    that has more than the concatenation (ports, for instance). ``missing`` counts parts
    that never came.
    """

    kind: Kind
    text: str
    data: str = ""
    missing: int = 0


def read(part: InboundPart) -> TextPart:
    """
    Read one part; never fails.

    A header whose elements do not fill its length is no header: the text begins there.
    An impossible position (part 3 of 2) makes it a whole message.
    """
    elements, body = _headed(part)
    position = _position(elements, part.tlvs)
    if is_ported(elements, part.tlvs):
        kind = Alphabet.BINARY
    else:
        kind = alphabet(part.data_coding)
    if kind is Alphabet.BINARY:
        return TextPart(position, kind, DEFAULT, _others(elements), body)
    tables = national_tables(elements)
    if tables != DEFAULT and part.data_coding == _ASCII:
        kind = Alphabet.GSM  # only septets have tables; node-smpp declares them ASCII
    if kind is not Alphabet.GSM:
        tables = DEFAULT
    return TextPart(position, kind, tables, b"", body)


def digest(part: InboundPart) -> str:
    """Return a digest of a part's content: equal parts have equal digests."""
    content = bytes((part.data_coding & 0xFF, part.udhi)) + part.payload
    return blake2b(content, digest_size=12).hexdigest()


def _headed(part: InboundPart) -> tuple[Elements, bytes]:
    if part.udhi and user_data_header(part.payload):
        return parse_udh(part.payload)
    return (), part.payload


def is_ported(elements: Elements, tlvs: Mapping[int, bytes]) -> bool:
    """Whether it is addressed to a port: then its user data is no text."""
    named = any(identifier in _PORTS for identifier, _ in elements)
    return named or not _PORT_TLVS.isdisjoint(tlvs)


def _position(elements: Elements, tlvs: Mapping[int, bytes]) -> PartPosition | None:
    header = concatenation(elements)
    if header is not None:
        width = "16" if header.wide else "8"
        return _of_several(f"{width}:{header.ref}", header.total, header.number)
    if _SAR_REFERENCE not in tlvs:
        return None
    reference, total, number = (
        int.from_bytes(tlvs.get(tag, b""), "big")
        for tag in (_SAR_REFERENCE, _SAR_TOTAL, _SAR_NUMBER)
    )
    if not 1 <= number <= total <= 255:
        return None
    return _of_several(f"sar:{reference & 0xFFFF}", total, number)


def _of_several(reference: str, total: int, number: int) -> PartPosition | None:
    return PartPosition(reference, total, number) if total > 1 else None


def _others(elements: Elements) -> bytes:
    """Build a header of the elements that are not about concatenation."""
    kept = b"".join(
        bytes((identifier, len(data))) + data
        for identifier, data in elements
        if identifier not in _CONCATENATIONS
    )
    return bytes((len(kept),)) + kept if kept else b""


T = TypeVar("T")


def generations(
    parts: Iterable[T],
    number: Callable[[T], int],
    copy: Callable[[T], bool] = lambda _: False,
) -> list[dict[int, T]]:
    """
    Sort parts that share a reference into texts.

    A reference soon comes again (the short ones have 256 values): of each number the
    oldest belongs to the first text, the next to the second, and so on. A copy fills a
    gap in a text if there is one; else copies make texts of their own.

    Args:
        parts: Oldest first, without repeats.
        number: Returns a part's number in its text.
        copy: Whether a part may have come before.

    """
    texts: list[dict[int, T]] = []
    came: Counter[int] = Counter()
    for part in sorted(parts, key=copy):
        its = number(part)
        if came[its] == len(texts):
            texts.append({})
        texts[came[its]][its] = part
        came[its] += 1
    return texts


def join(pieces: Sequence[TextPart | None]) -> PhoneText:
    """
    Join and decode the parts of a message, in order; never fails.

    ``None`` is a part that never came. Neighbours with the same alphabet are joined
    before decoding. One binary part makes the whole message binary.
    """
    missing = sum(piece is None for piece in pieces)
    there = [piece for piece in pieces if piece is not None]
    if any(piece.alphabet is Alphabet.BINARY for piece in there):
        header = next((piece.header for piece in there if piece.header), b"")
        data = header + b"".join(piece.body for piece in there)
        return PhoneText(Kind.BINARY, "", data.hex(), missing)
    # Phones do not show NUL, and databases end a text there or refuse it.
    return PhoneText(Kind.SMS, "".join(_texts(pieces)).replace("\0", ""), "", missing)


_How = tuple[Alphabet, tuple[int, int]]


def _how(piece: TextPart | None) -> _How | None:
    return None if piece is None else (piece.alphabet, piece.tables)


def _texts(pieces: Sequence[TextPart | None]) -> Iterator[str]:
    order = BIG_ENDIAN  # a byte order mark holds for later parts, too, over gaps
    for how, run in groupby(pieces, _how):
        if how is None:
            yield GAP
            continue
        bodies = [piece.body for piece in run if piece is not None]
        if how[0] is Alphabet.UCS2 and not bodies[0].startswith(BOM_UTF8):
            text, order = ucs2_join(bodies, order)
            yield text
        else:
            yield _decode(how, b"".join(bodies))


def _decode(how: _How, octets: bytes) -> str:
    kind, tables = how
    if kind is Alphabet.GSM and _is_septets(octets, tables):
        return gsm_decode(octets, tables)
    if kind is Alphabet.CYRILLIC or kind is Alphabet.HEBREW:
        return octets.decode(kind.value, "replace")
    return decode_labelled(octets, narrow=True)


def _is_septets(octets: bytes, tables: tuple[int, int]) -> bool:
    """
    Whether octets that are declared septets are septets; one may be damaged.

    Operators pass Latin-1, UTF-8 and even marked UTF-16 as the default alphabet. Those
    have octets above 0x7F, and none that only septets have.
    """
    if octets.isascii() or tables != DEFAULT:
        return True
    return not octets.startswith(_WIDE_MARKS) and bool(_septet_alone(octets))


_WIDE_MARKS = (b"\xfe\xff", b"\xff\xfe")
_septet_alone = re.compile(rb"[\0-\x09\x0b\x0c\x0e-\x1f]").search
"""Letters of the default alphabet that are control characters in others."""
