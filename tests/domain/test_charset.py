"""Texts whose charset is only claimed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.domain.text import decode_labelled
from budstikke.domain.text.charset import CODECS, SHIFTED, UTF_16, UTF_32

NORSK = "Hei på deg, 100 € – «ja» 😀"


@pytest.mark.parametrize(
    "label",
    ["", "*", "us-ascii", "ISO-8859-1", "utf8", "106", "unknown-8bit", "utf-16",
     "UTF-16LE", "euc-kr", "gb2312", "punycode", "idna", "rot13", "x" * 10_000],
)  # fmt: skip
def test_octets_that_are_utf_8_are_read_so(label: str) -> None:
    assert decode_labelled(NORSK.encode(), label) == NORSK


@pytest.mark.parametrize(
    "label", ["", "*", "us-ascii", "iso-8859-1", "latin1", "utf-8", "106", "nonsense"]
)
def test_what_nothing_fits_is_windows_1252(label: str) -> None:
    octets = "på 100 € – “ja”".encode("cp1252")
    assert decode_labelled(octets, label) == "på 100 € – “ja”"


@pytest.mark.parametrize(
    ("text", "codec", "label"),
    [
        ("안녕하세요", "euc-kr", "euc-kr"),
        ("안녕하세요", "cp949", "ks_c_5601-1987"),
        ("你好,世界", "gb2312", "GB2312"),
        ("你好,镕", "gbk", "gb2312"),
        ("こんにちは", "shift_jis", "Shift_JIS"),
        ("こんにちは", "iso2022-jp", "ISO-2022-JP"),
        ("こんにちは", "euc-jp", "EUC-JP"),
        ("繁體字", "big5", "Big5"),
        ("Привет", "koi8-r", "KOI8-R"),
        ("Привет", "cp1251", "windows-1251"),
        ("żółw", "iso8859-2", "iso-8859-2"),
        ("100 €", "iso8859-15", "ISO-8859-15"),
        ("ğış", "cp1254", "iso-8859-9"),
    ],
)
def test_labels_that_are_right(text: str, codec: str, label: str) -> None:
    assert decode_labelled(text.encode(codec), label) == text


@pytest.mark.parametrize(
    "label", ["utf-16", "UTF-16BE", "utf-16le", "ucs-2", "1000", ""]
)
@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le", "utf-16"])
def test_utf_16_in_the_order_that_its_octets_have(label: str, codec: str) -> None:
    assert decode_labelled(NORSK.encode(codec), label) == NORSK


def test_without_any_sign_utf_16_is_big_endian() -> None:
    assert decode_labelled("漢字漢字".encode("utf-16-be"), "utf-16") == "漢字漢字"


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("label", ["", "us-ascii", "utf-8", "utf-16", "euc-kr"])
def test_a_mark_decides_and_is_no_text(codec: str, label: str) -> None:
    assert decode_labelled(NORSK.encode(codec), label) == NORSK


def test_the_next_label_counts_when_the_first_cannot_be_true() -> None:
    octets = "안녕".encode("euc-kr")
    assert decode_labelled(octets, "utf-8", "euc-kr") == "안녕"
    assert decode_labelled(octets, "utf-16", "euc-kr", narrow=True) == "안녕"


def test_every_codec_is_one_of_pythons() -> None:
    for codec in {*CODECS.values(), *SHIFTED.values()}:
        assert b"Hei".decode(codec) == "Hei"


LABELS = st.sampled_from([*CODECS, *SHIFTED, *UTF_16, *UTF_32, "*", ""])


@given(st.binary(max_size=60), LABELS, LABELS, st.booleans())
def test_it_never_fails(octets: bytes, first: str, second: str, narrow: bool) -> None:  # noqa: FBT001 - hypothesis gives it
    decode_labelled(octets, first, second, narrow=narrow).encode()
