"""Addresses as operators write them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.address import BY_TON, Nature, country_of, ours, phone
from budstikke.domain.number import MADE_UP, MOBILE_RANGES

quick = settings(deadline=None)  # the machine may be busy

UNKNOWN, NATIONAL = Nature.UNKNOWN, Nature.NATIONAL
INTERNATIONAL, AS_WRITTEN = Nature.INTERNATIONAL, Nature.AS_WRITTEN


@pytest.mark.parametrize(
    ("written", "nature", "home", "expected"),
    [
        ("4791000003", NATIONAL, "+47", "+4791000003"),  # it is not national
        ("46731234567", NATIONAL, "+47", "46731234567"),  # nor can it be Norwegian
        ("22222222", NATIONAL, "+47", "+4722222222"),  # a fixed line may write
        ("580012345678", UNKNOWN, "+47", "+47580012345678"),
        ("7190001234567", NATIONAL, "+46", "+467190001234567"),
        ("20123456", NATIONAL, "+45", "+4520123456"),
        ("4520123456", UNKNOWN, "+47", "+4520123456"),
        ("07911123456", UNKNOWN, "+44", "+447911123456"),
        ("2025550123", UNKNOWN, "+1", "+12025550123"),
        ("6111234", UNKNOWN, "+354", "+3546111234"),
        ("212345", NATIONAL, "+298", "+298212345"),  # six digits are a whole number
        ("212345", UNKNOWN, "+298", "212345"),
        ("02800", NATIONAL, "+47", "02800"),
        ("2229", INTERNATIONAL, "+47", "2229"),  # a short number has no country
        ("116117", INTERNATIONAL, "", "116117"),
        ("460701234567", INTERNATIONAL, "+47", "+46701234567"),  # 46 (0)70 …
        ("3580401234567", INTERNATIONAL, "", "+358401234567"),
        ("390612345678", INTERNATIONAL, "", "+390612345678"),  # a zero that is part
        ("9" * 20, INTERNATIONAL, "+47", "9" * 20),
        ("91000003", INTERNATIONAL, "+47", "+4791000003"),  # none in India is so short
        ("0701234567", INTERNATIONAL, "+46", "+46701234567"),
        ("0701234567", INTERNATIONAL, "", "0701234567"),
        ("910 00 003", NATIONAL, "+47", "+4791000003"),
        ("0701234567", UNKNOWN, "", "0701234567"),
        ("004791000003", NATIONAL, "+46", "+4791000003"),
        ("+2229", UNKNOWN, "+47", "2229"),
        ("11111111", UNKNOWN, "+47", "11111111"),  # none that anybody has
        ("11111111", NATIONAL, "+47", "+4711111111"),  # but the operator says so
        ("Bank 24", UNKNOWN, "+47", "Bank 24"),
        ("", UNKNOWN, "+47", ""),
    ],
)
def test_phones(written: str, nature: Nature, home: str, expected: str) -> None:
    assert expected == phone(written, nature, home)


@pytest.mark.parametrize(
    ("written", "nature", "home", "expected"),
    [
        ("59440000", INTERNATIONAL, "+47", "4759440000"),
        ("0701234567", NATIONAL, "+46", "46701234567"),
        ("59440000", NATIONAL, "", "59440000"),
        ("26114", NATIONAL, "+47", "26114"),
        ("472229", INTERNATIONAL, "+47", "472229"),  # the inventory knows
        ("4672456", UNKNOWN, "+46", "4672456"),
        ("4672456", INTERNATIONAL, "+46", "4672456"),
        ("35826114123456789", UNKNOWN, "", "26114123456789"),
        ("4759440000123456789", UNKNOWN, "", "4759440000123456789"),
        (" info ", UNKNOWN, "", "info"),
    ],
)
def test_our_numbers(written: str, nature: Nature, home: str, expected: str) -> None:
    assert expected == ours(written, nature, home)


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("4759440000", "+47"),
        ("+46701234567", "+46"),
        ("26114123456789", ""),
        ("2229", ""),
        ("", ""),
    ],
)
def test_countries(number: str, country: str) -> None:
    assert country == country_of(number)


@pytest.mark.parametrize(
    ("code", "national"), [row for row in MOBILE_RANGES if row != MADE_UP]
)
def test_a_mobile_is_one_number_in_every_form(code: str, national: str) -> None:
    @quick
    @given(st.from_regex(national, fullmatch=True))
    def check(digits: str) -> None:
        wanted = f"+{code}{digits}"
        assert wanted == phone(digits, NATIONAL, f"+{code}")
        for written in (wanted, f"00{code}{digits}"):
            for nature in (UNKNOWN, NATIONAL, INTERNATIONAL):
                assert wanted == phone(written, nature, "+47")
                assert wanted[1:] == ours(written, nature, "+47")
        assert wanted == phone(wanted[1:], INTERNATIONAL, "+47")

    check()


@quick
@given(
    st.text(alphabet="+0123456789 -", max_size=20) | st.text(max_size=20),
    st.sampled_from(list(Nature)),
    st.sampled_from(["", "+47", "+46", "+1", "+999"]),
)
def test_any_address(written: str, nature: Nature, home: str) -> None:
    ours(written, nature, home)
    found = phone(written, nature, home)
    if nature is AS_WRITTEN:
        assert written == found
    elif found != written and found.startswith("+"):
        assert found[1:].isdigit()


def test_types_of_number() -> None:
    assert NATIONAL is BY_TON[2]
    assert AS_WRITTEN is BY_TON[5]
