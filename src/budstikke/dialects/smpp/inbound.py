"""
Writes messages from phones: one or more deliver_sm or data_sm (SMPP 3.4 § 4.6).

A text is in the access's alphabet (data_coding 0) if that has all its characters, else
in Latin-1 (3) or UCS-2 (8). Binary user data goes as it came, with its header.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.dialects.smpp.addresses import number_address
from budstikke.dialects.smpp.deliver_requests import request
from budstikke.domain.inbound import Kind
from budstikke.domain.text import LinkAlphabet
from budstikke.domain.text.gsm import is_gsm
from budstikke.domain.text.link_alphabet import encode_for, ucs2_encode
from budstikke.domain.text.udh import udh_concat8, user_data_header

if TYPE_CHECKING:
    from budstikke.dialects.delivery_contract import Delivery
    from budstikke.dialects.smpp.settings import Settings
    from budstikke.domain.inbound import InboundEvent

DEFAULT_CODING, LATIN1, BINARY, UCS2 = 0, 3, 4, 8
"""data_coding (§ 5.2.19)."""

UDHI: Final = 0x40
"""Bit of esm_class: the user data begins with a header (§ 5.2.12)."""

LAST_PART: Final = 255
"""Parts that a header can number; a longer text goes into message_payload."""

_ESCAPE: Final = 0x1B


def deliveries(event: InboundEvent, settings: Settings) -> list[Delivery]:
    """Write the requests for a message, in order; there is one, or more for UDH."""
    source = number_address(event.originator)
    destination = number_address(event.recipient)
    if event.kind is Kind.BINARY:
        octets = bytes.fromhex(event.data)
        udhi = UDHI if user_data_header(octets) else 0
        pieces, esm_class, coding = [octets], udhi, BINARY
    else:
        coding, octets = encoded(event.text, settings.alphabet)
        single, room = _rooms(coding, settings.alphabet)
        pieces, esm_class = [octets], 0
        packed = (
            coding == DEFAULT_CODING and settings.alphabet is LinkAlphabet.GSM_PACKED
        )
        if len(octets) > single and settings.long_inbound == "udh" and not packed:
            parts = cut(octets, room, coding, settings.alphabet)
            if len(parts) <= LAST_PART:
                pieces, esm_class = _headed(parts, event.message_id), UDHI
    return [
        request(
            settings,
            source=source,
            destination=destination,
            esm_class=esm_class,
            data_coding=coding,
            octets=piece,
            tlvs=[],
        )
        for piece in pieces
    ]


def encoded(text: str, alphabet: LinkAlphabet) -> tuple[int, bytes]:
    """Return a text's data_coding and octets; never fails."""
    if alphabet in (LinkAlphabet.GSM, LinkAlphabet.GSM_PACKED):
        if is_gsm(text):
            return DEFAULT_CODING, encode_for(alphabet, text)
    elif _fits(text, alphabet):
        return DEFAULT_CODING, text.encode(alphabet)
    if _fits(text, LinkAlphabet.LATIN1):
        return LATIN1, text.encode(LinkAlphabet.LATIN1)
    return UCS2, ucs2_encode(text)


def _fits(text: str, alphabet: LinkAlphabet) -> bool:
    try:
        text.encode(alphabet)
    except UnicodeEncodeError:
        return False
    return True


def _rooms(coding: int, alphabet: LinkAlphabet) -> tuple[int, int]:
    """Return the octets of a text in one request, and of each of several."""
    septets = coding == DEFAULT_CODING and alphabet is LinkAlphabet.GSM
    return (160, 153) if septets else (140, 134)


def cut(octets: bytes, room: int, coding: int, alphabet: LinkAlphabet) -> list[bytes]:
    """Cut a text into pieces of at most ``room`` octets, between characters."""
    pieces: list[bytes] = []
    start = 0
    while start < len(octets):
        end = min(start + room, len(octets))
        if end < len(octets) and _splits(octets, end, coding, alphabet):
            end -= 2 if coding == UCS2 else 1
        pieces.append(octets[start:end])
        start = end
    return pieces


def _splits(octets: bytes, end: int, coding: int, alphabet: LinkAlphabet) -> bool:
    """Tell whether a cut would split a surrogate pair or an escape sequence."""
    if coding == UCS2:
        return octets[end - 2] & 0xFC == 0xD8
    gsm = coding == DEFAULT_CODING and alphabet is LinkAlphabet.GSM
    return gsm and octets[end - 1] == _ESCAPE


def _headed(parts: list[bytes], reference: int) -> list[bytes]:
    """Put a header with an 8-bit reference before each part (TS 23.040 § 9.2.3.24)."""
    total = len(parts)
    return [
        udh_concat8(reference, total, number) + part
        for number, part in enumerate(parts, 1)
    ]
