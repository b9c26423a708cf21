"""
The user data header (3GPP TS 23.040 § 9.2.3.24): which part this is, and the tables.

What is built here is the whole header, its length octet included. A header takes its
room from the text, so the sizes are here too.
"""

from __future__ import annotations

from dataclasses import dataclass

from budstikke.domain.text.tables import DEFAULT

USER_DATA_OCTETS = 140

CONCATENATION_8 = 0x00
CONCATENATION_16 = 0x08
SINGLE_SHIFT_IE = 0x24
LOCKING_SHIFT_IE = 0x25

CONCATENATION_8_OCTETS = 5
CONCATENATION_16_OCTETS = 6
NATIONAL_OCTETS = 3

Elements = tuple[tuple[int, bytes], ...]
"""Information elements in order: (identifier, data)."""


@dataclass(frozen=True, slots=True)
class Concatenation:
    """Which part of which text: ``number`` of ``total``, 1 to 255."""

    ref: int
    total: int
    number: int
    wide: bool
    """Whether ``ref`` has 16 bits; the same number with 8 is another reference."""


def udh_concat8(
    ref: int, total: int, number: int, tables: tuple[int, int] = DEFAULT
) -> bytes:
    """Build the header of one part; ``ref`` is cut to 8 bits (§ 9.2.3.24.1)."""
    part = bytes((CONCATENATION_8, 3, ref & 0xFF, total, number))
    return _headed(part + _national(tables))


def udh_concat16(
    ref: int, total: int, number: int, tables: tuple[int, int] = DEFAULT
) -> bytes:
    """Build the header of one part; ``ref`` is cut to 16 bits (§ 9.2.3.24.8)."""
    wide = (ref & 0xFFFF).to_bytes(2, "big")
    part = bytes((CONCATENATION_16, 4)) + wide + bytes((total, number))
    return _headed(part + _national(tables))


def udh_national(tables: tuple[int, int]) -> bytes:
    """Build the header of a text in one segment; empty for the default alphabet."""
    elements = _national(tables)
    return _headed(elements) if elements else b""


def national_octets(tables: tuple[int, int]) -> int:
    """Count the octets that a pair of tables takes in a header."""
    return NATIONAL_OCTETS * ((tables[0] != 0) + (tables[1] != 0))


def parse_udh(payload: bytes) -> tuple[Elements, bytes]:
    """
    Split user data that begins with a header into elements and body; never fails.

    A header that claims more than there is leaves no body; an element that claims
    more than its header has is left out, with what follows it.
    """
    if not payload:
        return (), b""
    end = 1 + payload[0]
    header = payload[1:end]
    elements = []
    at = 0
    while at + 2 <= len(header):
        data = header[at + 2 : at + 2 + header[at + 1]]
        if len(data) < header[at + 1]:
            break
        elements.append((header[at], data))
        at += 2 + len(data)
    return tuple(elements), payload[end:]


def user_data_header(payload: bytes) -> bytes:
    """
    Find the header that user data begins with, its length octet included.

    Empty where there is none: operators set the bit for a header (UDHI) in what has
    none. A header is one whose elements fill its length exactly (§ 9.2.3.24); an empty
    one says nothing, while ``@`` in the default alphabet, and most of what UCS-2
    begins with, looks like one.
    """
    if not payload or not 0 < payload[0] < len(payload):
        return b""
    end, at = 1 + payload[0], 1
    while at + 2 <= end:
        at += 2 + payload[at + 1]
    return payload[:end] if at == end else b""


def is_part(payload: bytes) -> bool:
    """
    Tell user data that begins with a header which says what part this is.

    For operators that leave out the bit for a header: no text begins so (``é@¥`` and
    ``ùòì`` in the default alphabet).
    """
    if not payload.startswith(_PLACES):
        return False
    part = concatenation(parse_udh(user_data_header(payload))[0])
    return part is not None and part.total > 1


_PLACES = (b"\x05\0\x03", b"\x06\x08\x04")


def concatenation(elements: Elements) -> Concatenation | None:
    """
    Read which part this is; ``None`` if it is a text in one segment.

    The last usable element counts (§ 9.2.3.24); one that numbers parts from 0, or
    beyond the total, is not usable (§ 9.2.3.24.1).
    """
    for identifier, data in reversed(elements):
        wide = (identifier, len(data)) == (CONCATENATION_16, 4)
        if not wide and (identifier, len(data)) != (CONCATENATION_8, 3):
            continue
        total, number = data[-2:]
        if 1 <= number <= total:
            return Concatenation(
                int.from_bytes(data[:-2], "big"), total, number, wide=wide
            )
    return None


def national_tables(elements: Elements) -> tuple[int, int]:
    """Read the (locking, single shift) tables in use (§ 9.2.3.24.15 and .16)."""
    tables = {identifier: data[0] for identifier, data in elements if len(data) == 1}
    return tables.get(LOCKING_SHIFT_IE, 0), tables.get(SINGLE_SHIFT_IE, 0)


def _national(tables: tuple[int, int]) -> bytes:
    locking, single_shift = tables
    elements = bytes((SINGLE_SHIFT_IE, 1, single_shift)) if single_shift else b""
    return elements + (bytes((LOCKING_SHIFT_IE, 1, locking)) if locking else b"")


def _headed(elements: bytes) -> bytes:
    return bytes((len(elements),)) + elements
