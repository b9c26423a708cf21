"""
Text as octets of one carrier: its alphabet of data_coding 0, and UCS-2.

SMPP leaves the alphabet of data_coding 0 to the SMSC, so it is a carrier's setting.
"""

from __future__ import annotations

from enum import StrEnum

from budstikke.domain.text.gsm import escapes, gsm_decode, gsm_encode, inner_code
from budstikke.domain.text.latin1 import decode_latin1
from budstikke.domain.text.packing import pack, unpack
from budstikke.domain.text.tables import DEFAULT
from budstikke.domain.text.transliterate import transliterate

_SURE_ROOM = 152
"""Septets for which every segment in the default alphabet has room."""


class LinkAlphabet(StrEnum):
    """What data_coding 0 means to an operator."""

    GSM = "gsm"
    """The default alphabet, one septet an octet."""
    GSM_PACKED = "gsm-packed"
    """The default alphabet, packed; filled with carriage returns."""
    LATIN1 = "latin1"
    ASCII = "ascii"


def encode_for(
    alphabet: LinkAlphabet, text: str, tables: tuple[int, int] = DEFAULT
) -> bytes:
    """
    Encode a text that was segmented as GSM, for one carrier.

    Characters that Latin-1 or ASCII lack are transliterated. No part gets longer than
    its segment: if it would, each such character becomes a single one.

    Raises:
        NotInAlphabetError: A GSM carrier, and a text that is not in these tables.

    """
    if alphabet == LinkAlphabet.GSM:
        return gsm_encode(text, tables)
    if alphabet == LinkAlphabet.GSM_PACKED:
        return pack(gsm_encode(text, tables), counted=False)
    try:
        return text.encode(alphabet)
    except UnicodeEncodeError:
        return _transliterated(text, alphabet)


def decode_for(
    alphabet: LinkAlphabet, octets: bytes, tables: tuple[int, int] = DEFAULT
) -> str:
    """
    Decode octets of a carrier; never fails.

    Latin-1 and ASCII are read as Windows-1252.
    """
    if alphabet == LinkAlphabet.GSM:
        return gsm_decode(octets, tables)
    if alphabet == LinkAlphabet.GSM_PACKED:
        return gsm_decode(unpack(octets), tables)
    return decode_latin1(octets)


def ucs2_encode(text: str) -> bytes:
    """Encode as UTF-16, big endian, which is what UCS-2 is today; never fails."""
    try:
        return text.encode("utf-16-be")
    except UnicodeEncodeError:
        paired = text.encode("utf-16-be", "surrogatepass").decode(
            "utf-16-be", "replace"
        )
        return paired.encode("utf-16-be")


def ucs2_decode(octets: bytes) -> str:
    """Decode UTF-16, big endian; never fails: half a character shows U+FFFD."""
    return octets.decode("utf-16-be", "replace")


def _transliterated(text: str, alphabet: LinkAlphabet) -> bytes:
    plain = transliterate(text, alphabet)
    if _septets(plain) > max(_SURE_ROOM, _septets(text)):
        plain = "".join([transliterate(char, alphabet)[:1] for char in text])
    return plain.encode("latin-1")


def _septets(text: str) -> int:
    coded = inner_code(text)
    return len(text) if coded is None else len(coded) + escapes(coded)
