"""
The 7-bit alphabets, as printed in 3GPP TS 23.038 § 6.2.1 and annex A.

A table is 128 characters, the index being the code: the default alphabet and the
national locking shift tables (what a code means), and the extension and national
single shift tables (what it means after an escape). ``VOID`` is a code without a
character. To change a table, change its letters below and nothing else; language
identifiers are those of § 6.2.1.2.4.

Some readings are ours. In the Kannada locking table code 0x24 is printed 0CAA, which
0x3D has too; it stands between 0CA0 and 0CA2, so it is 0CA1, as phones have it. The
Telugu single shift table has the euro sign at 0x65 like all the others, as phones have
it, though some prints leave it out. A character that a table has twice is sent as its
lower code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

VOID = "\ufffe"
"""A code that means nothing (not a character of Unicode, so no text can hold it)."""

DEFAULT = (0, 0)
"""The (locking, single shift) identifiers of the default alphabet."""

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\ufffeÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)


def _changed(table: str, changes: Mapping[int, str]) -> str:
    return "".join(changes.get(code, char) for code, char in enumerate(table))


EXTENSION = _changed(
    VOID * 128,
    {
        0x0A: "\f",
        0x14: "^",
        0x28: "{",
        0x29: "}",
        0x2F: "\\",
        0x3C: "[",
        0x3D: "~",
        0x3E: "]",
        0x40: "|",
        0x65: "€",
    },
)

# What the tables of the Indian languages and Urdu have in common: a dot is a place
# for a letter of the language, a blank in the single shift frame is void.
_LOCKING_FRAME = (
    "··········\n··\r··"
    "···········\ufffe····"
    " !······)(··,·.·"
    "0123456789:;···?"
    "················"
    "················"
    "·abcdefghijklmno"
    "pqrstuvwxyz·····"
)
_SHIFT_FRAME = (
    "@£$¥¿\"¤%&'\f*+ -/"
    "<=>¡^¡_#*·· ····"
    "········{}·····\\"
    "············[~]·"
    "|ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZ     "
    "     €          "
    "                "
)


def _letters(notation: str) -> str:
    """Read ``0981-0983 -- 0985``: ranges of code points, ``--`` for a void."""
    letters = []
    for word in notation.split():
        if word == "--":
            letters.append(VOID)
        else:
            first, _, last = word.partition("-")
            codes = range(int(first, 16), int(last or first, 16) + 1)
            letters.extend(map(chr, codes))
    return "".join(letters)


def _framed(frame: str, notation: str) -> str:
    """Put the letters where the frame has its dots, in order; the rest is void."""
    letters = iter(_letters(notation))
    filled = "".join(next(letters, VOID) if char == "·" else char for char in frame)
    if next(letters, None) is not None:
        raise ValueError(notation)
    return filled


_LETTERS_LOCKING = {
    # Bengali and Assamese, § A.3.4
    4: "0981-0983 0985-098C -- -- 098F 0990 -- -- 0993-09A8 -- 09AA-09B0 -- 09B2"
    " -- -- -- 09B6-09B9 09BC-09C4 -- -- 09C7 09C8 -- -- 09CB-09CE"
    " 09D7 09DC 09DD 09F0 09F1",
    # Gujarati, § A.3.5
    5: "0A81-0A83 0A85-0A8D -- 0A8F-0A91 -- 0A93-0AA8 -- 0AAA-0AB0 -- 0AB2 0AB3"
    " -- 0AB5-0AB9 0ABC-0AC5 -- 0AC7-0AC9 -- 0ACB-0ACD 0AD0 0AE0-0AE3 0AF1",
    # Hindi, § A.3.6
    6: "0901-0903 0905-0939 093C-094D 0950 0972 097B 097C 097E 097F",
    # Kannada, § A.3.7
    7: "-- 0C82 0C83 0C85-0C8C -- 0C8E-0C90 -- 0C92-0CA8 -- 0CAA-0CB3 -- 0CB5-0CB9"
    " 0CBC-0CC4 -- 0CC6-0CC8 -- 0CCA-0CCD 0CD5 0CD6 0CE0-0CE3",
    # Malayalam, § A.3.8
    8: "-- 0D02 0D03 0D05-0D0C -- 0D0E-0D10 -- 0D12-0D28 -- 0D2A-0D39 -- 0D3D-0D44"
    " -- 0D46-0D48 -- 0D4A-0D4D 0D57 0D60-0D63 0D79",
    # Oriya, § A.3.9
    9: "0B01-0B03 0B05-0B0C -- -- 0B0F 0B10 -- -- 0B13-0B28 -- 0B2A-0B30 -- 0B32"
    " 0B33 -- 0B35-0B39 0B3C-0B44 -- -- 0B47 0B48 -- -- 0B4B-0B4D 0B56 0B57"
    " 0B60-0B63",
    # Punjabi, § A.3.10
    10: "0A01-0A03 0A05-0A0A -- -- -- -- 0A0F 0A10 -- -- 0A13-0A28 -- 0A2A-0A30 --"
    " 0A32 0A33 -- 0A35 0A36 -- 0A38 0A39 0A3C -- 0A3E-0A42 -- -- -- -- 0A47 0A48"
    " -- -- 0A4B-0A4D 0A51 0A70-0A74",
    # Tamil, § A.3.11
    11: "-- 0B82 0B83 0B85-0B8A -- -- -- 0B8E-0B90 -- 0B92-0B95 -- -- -- 0B99 0B9A"
    " -- 0B9C -- 0B9E 0B9F -- -- -- 0BA3 0BA4 -- -- -- 0BA8-0BAA -- -- --"
    " 0BAE-0BB9 -- -- 0BBE-0BC2 -- -- -- 0BC6-0BC8 -- 0BCA-0BCD 0BD0"
    " 0BD7 0BF0-0BF2 0BF9",
    # Telugu, § A.3.12
    12: "0C01-0C03 0C05-0C0C -- 0C0E-0C10 -- 0C12-0C28 -- 0C2A-0C33 -- 0C35-0C39 --"
    " 0C3D-0C44 -- 0C46-0C48 -- 0C4A-0C4D 0C55 0C56 0C60-0C63",
    # Urdu, § A.3.13
    13: "0627 0622 0628 067B 0680 067E 06A6 062A 06C2 067F 0679 067D 067A 067C"
    " 062B 062C 0681 0684 0683 0685-0687 062D-062F 068C 0688-068A"
    " 068F 068D 0630 0631 0691 0693 0699 0632 0696 0698 069A 0633 0634"
    " 0635-0639 0641 0642 06A9-06AB 06AF 06B3 06B1 0644-0646"
    " 06BA-06BC 0648 06C4 06D5 06C1 06BE 0621 06CC 06D0 06D2 064D 0650 064F 0657"
    " 0654 0655 0651 0653 0656 0670",
}

_LETTERS_SHIFT = {
    # Bengali and Assamese, § A.2.4
    4: "09E6-09EF 09DF-09E3 09F2-09FA",
    # Gujarati, § A.2.5
    5: "0964 0965 0AE6-0AEF",
    # Hindi, § A.2.6
    6: "0964 0965 0966-096F 0951-0954 0958-0963 0970 0971",
    # Kannada, § A.2.7
    7: "0964 0965 0CE6-0CEF 0CDE 0CF1 0CF2",
    # Malayalam, § A.2.8
    8: "0964 0965 0D66-0D6F 0D70-0D75 0D7A-0D7F",
    # Oriya, § A.2.9
    9: "0964 0965 0B66-0B6F 0B5C 0B5D 0B5F 0B70 0B71",
    # Punjabi, § A.2.10
    10: "0964 0965 0A66-0A6F 0A59-0A5C 0A5E 0A75",
    # Tamil, § A.2.11
    11: "0964 0965 0BE6-0BEF 0BF3-0BF8 0BFA",
    # Telugu, § A.2.12
    12: "-- -- 0C66-0C6F 0C58 0C59 0C78-0C7F",
    # Urdu, § A.2.13
    13: "0600 0601 06F0-06F9 060C-0614 061B 061F 0640 0652 0658 066B 066C 0672 0673"
    " 06CD 06D4",
}

_TURKISH = {4: "€", 7: "ı", 11: "Ğ", 12: "ğ", 28: "Ş", 29: "ş", 64: "İ", 96: "ç"}
_PORTUGUESE = dict(
    zip(
        bytes.fromhex("04060708090B0C0E0F12131415161718191A1C1D1E24405B5C5D607B7C7D"),
        "êúíóçÔôÁáªÇÀ∞^\\€Ó|ÂâÊºÍÃÕÚ~ãõ`",
        strict=True,
    )
)

LOCKING: Mapping[int, str] = {
    0: BASIC,
    1: _changed(BASIC, _TURKISH),  # § A.3.1
    3: _changed(BASIC, _PORTUGUESE),  # § A.3.3
    **{
        language: _framed(_LOCKING_FRAME, letters)
        for language, letters in _LETTERS_LOCKING.items()
    },
}
"""Locking shift tables by language identifier (Spanish, 2, has none)."""


def _with_extension(codes: str, letters: str) -> str:
    """Add letters to the extension table; every such table keeps its ten characters."""
    return _changed(EXTENSION, dict(zip(bytes.fromhex(codes), letters, strict=True)))


SINGLE_SHIFT: Mapping[int, str] = {
    0: EXTENSION,
    1: _with_extension("47 49 53 63 67 69 73", "ĞİŞçğış"),  # § A.2.1
    2: _with_extension("09 41 49 4F 55 61 69 6F 75", "çÁÍÓÚáíóú"),  # § A.2.2
    3: _with_extension(  # § A.2.3
        "05 09 0B 0C 0E 0F 12 13 15 16 17 18 19 1F"
        "41 49 4F 55 5B 5C 61 69 6F 75 7B 7C 7F",
        "êçÔôÁáΦΓΩΠΨΣΘÊÀÍÓÚÃÕÂíóúãõâ",
    ),
    **{
        language: _framed(_SHIFT_FRAME, letters).replace(" ", VOID)
        for language, letters in _LETTERS_SHIFT.items()
    },
}
"""Single shift tables by language identifier."""
