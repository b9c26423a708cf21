"""
Text as phones take it: the alphabets of 3GPP TS 23.038, segments and their headers.

``segment`` is what the quote, the charge and the wire ask. See docs/text.md.
"""

from __future__ import annotations

from budstikke.domain.text.charset import decode_labelled
from budstikke.domain.text.graphemes import grapheme_at, graphemes
from budstikke.domain.text.gsm import (
    NotInAlphabetError,
    first_outside,
    gsm_decode,
    gsm_encode,
    is_gsm,
)
from budstikke.domain.text.latin1 import decode_latin1
from budstikke.domain.text.link_alphabet import (
    LinkAlphabet,
    decode_for,
    encode_for,
    ucs2_decode,
    ucs2_encode,
)
from budstikke.domain.text.packing import (
    Filling,
    fill_bits_after,
    pack,
    unpack,
    without_filling,
)
from budstikke.domain.text.segments import (
    GSM,
    MAX_SEGMENTS,
    UCS2,
    Concat,
    Segmentation,
    segment,
    units,
)
from budstikke.domain.text.tables import DEFAULT, LOCKING, SINGLE_SHIFT
from budstikke.domain.text.transliterate import GSM_CHARACTERS, to_gsm, transliterate
from budstikke.domain.text.ucs2 import BIG_ENDIAN, ucs2_join
from budstikke.domain.text.udh import (
    Concatenation,
    concatenation,
    is_part,
    national_tables,
    parse_udh,
    udh_concat8,
    udh_concat16,
    udh_national,
    user_data_header,
)

__all__ = [
    "BIG_ENDIAN",
    "DEFAULT",
    "GSM",
    "GSM_CHARACTERS",
    "LOCKING",
    "MAX_SEGMENTS",
    "SINGLE_SHIFT",
    "UCS2",
    "Concat",
    "Concatenation",
    "Filling",
    "LinkAlphabet",
    "NotInAlphabetError",
    "Segmentation",
    "concatenation",
    "decode_for",
    "decode_labelled",
    "decode_latin1",
    "encode_for",
    "fill_bits_after",
    "first_outside",
    "grapheme_at",
    "graphemes",
    "gsm_decode",
    "gsm_encode",
    "is_gsm",
    "is_part",
    "national_tables",
    "pack",
    "parse_udh",
    "segment",
    "to_gsm",
    "transliterate",
    "ucs2_decode",
    "ucs2_encode",
    "ucs2_join",
    "udh_concat8",
    "udh_concat16",
    "udh_national",
    "units",
    "unpack",
    "user_data_header",
    "without_filling",
]
