"""The default alphabet and its extension, with gsm0338 as a second opinion."""

from __future__ import annotations

import gsm0338
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.text import (
    GSM_CHARACTERS,
    NotInAlphabetError,
    first_outside,
    gsm_decode,
    gsm_encode,
    is_gsm,
    units,
)
from budstikke.domain.text.tables import BASIC, EXTENSION, VOID

EXTENDED = {char: code for code, char in enumerate(EXTENSION) if char != VOID}
ORDINARY = {char: code for code, char in enumerate(BASIC) if char != VOID}
GSM_TEXT = st.text(st.sampled_from(sorted(GSM_CHARACTERS)), max_size=400)
ORACLE = gsm0338.Codec()

quick = settings(deadline=None)


def test_the_alphabet_has_127_characters_and_ten_more() -> None:
    assert (127, 10) == (len(ORDINARY), len(EXTENDED))
    assert 137 == len(GSM_CHARACTERS)


@pytest.mark.parametrize(("char", "code"), ORDINARY.items())
def test_a_character_is_one_septet(char: str, code: int) -> None:
    assert bytes([code]) == gsm_encode(char)
    assert ORACLE.encode(char)[0] == gsm_encode(char)
    assert char == gsm_decode(bytes([code]))
    assert 1 == units(char, "gsm")


@pytest.mark.parametrize(("char", "code"), EXTENDED.items())
def test_an_extension_character_is_an_escape_and_a_septet(char: str, code: int) -> None:
    assert bytes([0x1B, code]) == gsm_encode(char)
    assert ORACLE.encode(char)[0] == gsm_encode(char)
    assert char == gsm_decode(bytes([0x1B, code]))
    assert 2 == units(char, "gsm")


@pytest.mark.parametrize(
    ("text", "septets"),
    [
        ("", ""),
        ("@", "00"),
        ("@@€@", "0000 1b65 00"),
        ("Blåbær", "42 6c 0f 62 1d 72"),
        ("{[]}^~|\\", "1b28 1b3c 1b3e 1b29 1b14 1b3d 1b40 1b2f"),
        ("a\fb\r\n", "61 1b0a 62 0d 0a"),
    ],
)
def test_known_texts(text: str, septets: str) -> None:
    assert bytes.fromhex(septets) == gsm_encode(text)
    assert text == gsm_decode(bytes.fromhex(septets))


@quick
@given(GSM_TEXT)
def test_encoding_agrees_with_the_oracle_and_comes_back(text: str) -> None:
    septets = gsm_encode(text)
    assert ORACLE.encode(text)[0] == septets
    assert ORACLE.decode(septets)[0] == gsm_decode(septets) == text
    assert len(septets) == units(text, "gsm")


@pytest.mark.parametrize(
    ("text", "character", "position"),
    [
        ("Hei – du", "–", 4),
        ("\0", "\0", 0),
        ("ab\0–", "\0", 2),
        ("ab–\0", "–", 2),
        ("\x1b", "\x1b", 0),
        ("€\x1b", "\x1b", 1),
        ("😀", "😀", 0),
        ("a\ud83d", "\ud83d", 1),
        ("`", "`", 0),
        ("ç", "ç", 0),
        (VOID, VOID, 0),
    ],
)
def test_the_first_character_outside_is_named(
    text: str, character: str, position: int
) -> None:
    assert not is_gsm(text)
    assert position == first_outside(text)
    with pytest.raises(NotInAlphabetError) as raised:
        gsm_encode(text)
    assert (character, position) == (raised.value.character, raised.value.position)
    assert f"U+{ord(character):04X} at {position}" in str(raised.value)


def test_nothing_is_outside_a_gsm_text() -> None:
    assert -1 == first_outside("Blåbær €5")
    assert is_gsm("")


@quick
@given(st.text())
def test_is_gsm_says_what_the_table_says(text: str) -> None:
    assert set(text).issubset(GSM_CHARACTERS) == is_gsm(text)


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        ("1b41", "A"),  # the extension lacks it: the default table's character
        ("611b", "a "),  # an escape at the end
        ("1b", " "),
        ("1b1b", " "),  # the escape to a further table, which nobody has defined
        ("1b1b65", " e"),
        ("1b1b1b65", " €"),
        ("1b1b1b", "  "),
        ("611b1b1b1b62", "a  b"),
        ("1b0d", "\r"),
        ("1b00", "@"),
        ("80ff61", "\ufffd\ufffda"),  # not septets at all
        ("1bff61", "\ufffda"),
        ("", ""),
    ],
)
def test_decoding_is_tolerant(septets: str, text: str) -> None:
    assert text == gsm_decode(bytes.fromhex(septets))


@quick
@given(st.binary(max_size=300))
def test_decoding_never_fails(octets: bytes) -> None:
    text = gsm_decode(octets)
    assert octets.count(0x1B) + len(text) >= len(octets)
    assert is_gsm(text.replace("\ufffd", ""))
