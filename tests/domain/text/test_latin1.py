"""Latin-1 as it is written: Windows-1252."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.text import decode_latin1, latin1


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"", ""),
        (b"Hei", "Hei"),
        (b"100 \x80", "100 €"),
        (b"\x93Ja\x94 \x96 s\xe5 \x85", "“Ja” – så …"),
        (b"\xc6\xd8\xc5", "ÆØÅ"),
        (b"\x81\x8d\x8f\x90\x9d", "\x81\x8d\x8f\x90\x9d"),
    ],
)
def test_octets(octets: bytes, text: str) -> None:
    assert text == decode_latin1(octets)


@given(st.binary())
def test_it_never_fails_and_loses_nothing(octets: bytes) -> None:
    text = decode_latin1(octets)
    assert len(octets) == len(text)
    assert octets == b"".join(
        char.encode("latin-1") if ord(char) < 256 else char.encode("cp1252")
        for char in text
    )


def test_long_texts_are_read_in_slices() -> None:
    octets = b"\x80a\x81" * (latin1.SLICE // 2)

    text = decode_latin1(octets)

    assert "\u20aca\x81" * (latin1.SLICE // 2) == text


def test_four_megabytes_take_a_moment() -> None:
    octets = b"\xe5" * 4_000_000
    spent = []
    for _ in range(3):
        started = time.process_time()
        decode_latin1(octets)
        spent.append(time.process_time() - started)

    assert min(spent) < 0.12
