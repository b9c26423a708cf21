"""Text as octets on links of each alphabet, and UCS-2."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.text import (
    GSM_CHARACTERS,
    LinkAlphabet,
    NotInAlphabetError,
    decode_for,
    encode_for,
    is_gsm,
    ucs2_decode,
    ucs2_encode,
    units,
)

GSM, PACKED = LinkAlphabet.GSM, LinkAlphabet.GSM_PACKED
LATIN1, ASCII = LinkAlphabet.LATIN1, LinkAlphabet.ASCII

GSM_TEXT = st.text(st.sampled_from(sorted(GSM_CHARACTERS)), max_size=200)
quick = settings(deadline=None)


@pytest.mark.parametrize(
    ("alphabet", "text", "octets"),
    [
        (GSM, "@Å€", b"\x00\x0e\x1be"),
        (PACKED, "hellohello", bytes.fromhex("E8329BFD4697D9EC37")),
        (PACKED, "1234567", bytes.fromhex("31D98C56B3DD1A")),
        (LATIN1, "@Åé{}", b"@\xc5\xe9{}"),
        (LATIN1, "5 € Δ", b"5 EUR D"),
        (ASCII, "Blåbær {Ω}", b"Blabaer {O}"),
        (ASCII, "日", b"?"),
    ],
)
def test_encoding(alphabet: LinkAlphabet, text: str, octets: bytes) -> None:
    assert octets == encode_for(alphabet, text)


@pytest.mark.parametrize(
    ("alphabet", "octets", "text"),
    [
        (GSM, b"\x00\x0e\x1be", "@Å€"),
        (PACKED, bytes.fromhex("E8329BFD4697D9EC37"), "hellohello"),
        (PACKED, bytes.fromhex("31D98C56B3DD1A"), "1234567"),
        (LATIN1, b"@\xc5\x80", "@Å€"),
        (ASCII, b"a\xc5\x93", "aÅ“"),
    ],
)
def test_decoding(alphabet: LinkAlphabet, octets: bytes, text: str) -> None:
    assert text == decode_for(alphabet, octets)


def test_national_tables_reach_the_codec() -> None:
    assert b"\x1d" == encode_for(GSM, "ş", (1, 0))
    assert "ş" == decode_for(GSM, b"\x1d", (1, 0))
    assert "ş" == decode_for(PACKED, encode_for(PACKED, "ş", (1, 0)), (1, 0))


@pytest.mark.parametrize("alphabet", [GSM, PACKED])
def test_a_gsm_link_takes_only_gsm(alphabet: LinkAlphabet) -> None:
    with pytest.raises(NotInAlphabetError):
        encode_for(alphabet, "–")


@pytest.mark.parametrize(
    ("alphabet", "text", "octets"),
    [
        (LATIN1, "€" * 50, b"EUR" * 50),  # 150 of at least 152
        (LATIN1, "€" * 51, b"E" * 51),
        (LATIN1, "a" * 158 + "€", b"a" * 158 + b"E"),
        (ASCII, "æ" * 76, b"ae" * 76),
        (ASCII, "æ" * 77, b"a" * 77),
    ],
)
def test_a_part_never_grows_beyond_its_segment(
    alphabet: LinkAlphabet, text: str, octets: bytes
) -> None:
    assert octets == encode_for(alphabet, text)


@quick
@given(GSM_TEXT, st.sampled_from([LATIN1, ASCII]))
def test_nor_any_other(text: str, alphabet: LinkAlphabet) -> None:
    out = encode_for(alphabet, text).decode("latin-1")
    assert is_gsm(out)
    assert units(out, "gsm") <= max(152, units(text, "gsm"))


@quick
@given(st.binary(max_size=200), st.sampled_from(LinkAlphabet))
def test_decoding_never_fails(octets: bytes, alphabet: LinkAlphabet) -> None:
    text = decode_for(alphabet, octets)
    assert len(text) <= len(octets) * 8 // 7


@quick
@given(st.text())
def test_ucs2_comes_back(text: str) -> None:
    assert text == ucs2_decode(ucs2_encode(text))
    assert units(text, "ucs2") * 2 == len(ucs2_encode(text))


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("0041", "A"),
        ("D83DDE00", "😀"),
        ("D83D0041", "\ufffdA"),
        ("004100", "A\ufffd"),
        ("D83D", "\ufffd"),
        ("", ""),
    ],
)
def test_ucs2_from_others(octets: str, text: str) -> None:
    assert text == ucs2_decode(bytes.fromhex(octets))


def test_ucs2_of_surrogates() -> None:
    assert bytes.fromhex("FFFD0041") == ucs2_encode("\ud83dA")
    assert bytes.fromhex("D83DDE00") == ucs2_encode("\ud83d\ude00")
