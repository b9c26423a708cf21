"""Packed septets: vectors from the literature, and the padding trap."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.text import (
    fill_bits_after,
    gsm_encode,
    pack,
    udh_concat8,
    udh_concat16,
    udh_national,
    unpack,
)

SEPTETS = st.binary(max_size=200).map(lambda octets: bytes(o & 0x7F for o in octets))

quick = settings(deadline=None)

VECTORS = [
    ("hellohello", "E8329BFD4697D9EC37"),
    ("hello", "E8329BFD06"),
    ("1", "31"),
    ("12", "3119"),
    ("123", "31D90C"),
    ("1234", "31D98C06"),
    ("12345", "31D98C5603"),
    ("123456", "31D98C56B301"),
    ("1234567", "31D98C56B3DD00"),
    ("12345678", "31D98C56B3DD70"),
    ("123456789", "31D98C56B3DD7039"),
    ("", ""),
    ("@", "00"),
    ("€", "9B32"),
]


@pytest.mark.parametrize(("text", "octets"), VECTORS)
def test_vectors(text: str, octets: str) -> None:
    septets = gsm_encode(text)
    assert bytes.fromhex(octets) == pack(septets)
    assert septets == unpack(bytes.fromhex(octets), len(septets))


@pytest.mark.parametrize(
    ("header", "fill", "text", "octets"),
    [
        (udh_concat8(0xCC, 2, 1), 1, "A", "82"),  # 48 bits: one more to 49
        (udh_concat16(0xCC, 2, 1), 0, "A", "41"),  # 56 bits are eight septets
        (udh_national((0, 1)), 3, "A", "08 02"),  # 32 bits: three more to 35
        (udh_concat8(1, 2, 1, (0, 1)), 5, "A", "20 08"),
        (b"", 0, "A", "41"),
    ],
)
def test_text_begins_on_a_septet_after_a_header(
    header: bytes, fill: int, text: str, octets: str
) -> None:
    assert fill == fill_bits_after(header)
    assert bytes.fromhex(octets) == pack(gsm_encode(text), fill)
    assert gsm_encode(text) == unpack(bytes.fromhex(octets), 1, fill)


@quick
@given(SEPTETS, st.integers(0, 6))
def test_what_is_packed_comes_back(septets: bytes, fill: int) -> None:
    octets = pack(septets, fill)
    assert (fill + 7 * len(septets) + 7) // 8 == len(octets)
    assert septets == unpack(octets, len(septets), fill)


def test_seven_spare_bits_are_zero_where_the_receiver_counts() -> None:
    assert bytes.fromhex("31D98C56B3DD00") == pack(b"1234567")
    assert b"1234567" == unpack(bytes.fromhex("31D98C56B3DD00"), 7)


def test_and_a_carriage_return_where_it_does_not() -> None:
    octets = pack(b"1234567", counted=False)
    assert bytes.fromhex("31D98C56B3DD1A") == octets
    assert b"1234567" == unpack(octets)
    assert b"1234567\x00" == unpack(bytes.fromhex("31D98C56B3DD00"))


def test_a_carriage_return_on_the_boundary_is_doubled() -> None:
    octets = pack(b"1234567\r", counted=False)
    assert bytes.fromhex("31D98C56B3DD1A0D") == octets
    assert b"1234567\r\r" == unpack(octets)


@quick
@given(SEPTETS)
def test_uncounted_text_never_gains_a_character_but_a_doubled_return(
    septets: bytes,
) -> None:
    back = unpack(pack(septets, counted=False))
    doubled = septets + b"\r" if len(septets) % 8 == 0 else septets
    expected = doubled if septets.endswith(b"\r") else septets
    assert expected == back


@quick
@given(st.binary(max_size=200), st.integers(-5, 300), st.integers(0, 6))
def test_unpacking_never_fails_nor_gives_more_than_asked(
    octets: bytes, count: int, fill: int
) -> None:
    septets = unpack(octets, count, fill)
    assert len(septets) <= max(0, count)
    assert len(septets) <= len(octets) * 8 // 7
    assert septets.isascii()


def test_bits_above_a_septet_are_cut_off() -> None:
    assert pack(b"\x41") == pack(b"\xc1")
