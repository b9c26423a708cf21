"""User data headers, ours and other people's."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.text import (
    Concatenation,
    concatenation,
    national_tables,
    parse_udh,
    udh_concat8,
    udh_concat16,
    udh_national,
)

quick = settings(deadline=None)


@pytest.mark.parametrize(
    ("header", "octets"),
    [
        (udh_concat8(0xCC, 3, 2), "05 00 03 CC 03 02"),
        (udh_concat8(0x1CC, 255, 255), "05 00 03 CC FF FF"),
        (udh_concat16(0x1234, 3, 2), "06 08 04 12 34 03 02"),
        (udh_concat16(0x91234, 3, 2), "06 08 04 12 34 03 02"),
        (udh_national((0, 0)), ""),
        (udh_national((0, 1)), "03 24 01 01"),
        (udh_national((6, 0)), "03 25 01 06"),
        (udh_national((6, 13)), "06 24 01 0D 25 01 06"),
        (udh_concat8(1, 3, 2, (0, 1)), "08 00 03 01 03 02 24 01 01"),
        (udh_concat16(1, 3, 2, (1, 1)), "0C 08 04 00 01 03 02 24 01 01 25 01 01"),
    ],
)
def test_headers(header: bytes, octets: str) -> None:
    assert bytes.fromhex(octets) == header


@quick
@given(
    st.integers(0, 0xFFFF),
    st.integers(1, 255),
    st.data(),
    st.tuples(st.integers(0, 13), st.integers(0, 13)),
    st.binary(max_size=140),
)
def test_what_is_built_is_read(
    ref: int, total: int, data: st.DataObject, tables: tuple[int, int], body: bytes
) -> None:
    number = data.draw(st.integers(1, total))
    for build, bits in ((udh_concat8, 8), (udh_concat16, 16)):
        elements, rest = parse_udh(build(ref, total, number, tables) + body)
        assert body == rest
        assert tables == national_tables(elements)
        expected = Concatenation(ref % 2**bits, total, number, wide=bits == 16)
        assert expected == concatenation(elements)


@pytest.mark.parametrize(
    ("payload", "elements", "body"),
    [
        ("", (), ""),
        ("00", (), ""),
        ("00 61", (), "61"),
        ("05 00 03 CC 03 02 61", ((0, "CC0302"),), "61"),
        ("0A 05 04 15 81 00 00 00 03 CC 02", ((5, "15810000"),), ""),  # cut short
        ("05 00 03 CC", (), ""),
        ("FF", (), ""),
        ("01 00 61", (), "61"),  # half an element
        ("03 00 FF 61 62", (), "62"),  # one that claims too much
        ("04 70 00 71 00 61", ((0x70, ""), (0x71, "")), "61"),
    ],
)
def test_hostile_headers(
    payload: str, elements: tuple[tuple[int, str], ...], body: str
) -> None:
    found = tuple((name, bytes.fromhex(data)) for name, data in elements)
    assert (found, bytes.fromhex(body)) == parse_udh(bytes.fromhex(payload))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("05 00 03 07 02 01", (7, 2, 1, False)),
        ("0B 05 04 0B 84 00 00 00 03 07 02 01", (7, 2, 1, False)),  # others first
        ("0B 00 03 07 02 01 08 04 01 00 03 02", (256, 3, 2, True)),  # the last
        ("0A 00 03 07 02 01 00 03 07 02 03", (7, 2, 1, False)),  # the last usable
        ("05 00 03 07 00 00", None),
        ("05 00 03 07 02 00", None),
        ("05 00 03 07 02 03", None),
        ("04 00 02 07 02", None),
        ("06 00 04 00 07 02 01", None),
        ("00", None),
    ],
)
def test_which_part(header: str, expected: tuple[int, int, int, bool] | None) -> None:
    found = concatenation(parse_udh(bytes.fromhex(header))[0])
    assert (expected and Concatenation(*expected[:3], wide=expected[3])) == found


@pytest.mark.parametrize(
    ("header", "tables"),
    [
        ("00", (0, 0)),
        ("03 24 01 01", (0, 1)),
        ("06 25 01 01 24 01 02", (1, 2)),
        ("06 24 01 01 24 01 02", (0, 2)),
        ("04 24 02 01 01", (0, 0)),
    ],
)
def test_which_tables(header: str, tables: tuple[int, int]) -> None:
    assert tables == national_tables(parse_udh(bytes.fromhex(header))[0])


@quick
@given(st.binary(max_size=300))
def test_reading_never_fails_and_the_body_is_what_follows(payload: bytes) -> None:
    elements, body = parse_udh(payload)
    assert payload.endswith(body)
    concatenation(elements)
    national_tables(elements)
    read = sum(2 + len(data) for _, data in elements)
    assert read + len(body) < len(payload) or not payload
