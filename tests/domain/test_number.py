"""Numbers as customers write them, the table, and what the library says of it."""

import subprocess
import sys
import time

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.number import (
    MADE_UP,
    MOBILE_RANGES,
    NOT_MOBILE_TYPES,
    Length,
    international,
    international_many,
    is_norwegian,
    length,
    region,
    why_not,
)
from budstikke.domain.refusal import RefusalCode

quick = settings(deadline=None)  # the machine may be busy

BAD, NOT_MOBILE = RefusalCode.BAD_RECIPIENT, RefusalCode.NOT_MOBILE


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("+4799999999", "+4799999999"),
        ("004799999998", "+4799999998"),
        ("0047 99999999", "+4799999999"),
        (" 4799999999", "+4799999999"),  # + not escaped in a query
        ("  47 999 99 999 ", "+4799999999"),
        (" +4799999999", "+4799999999"),
        (" 004799999999", "+4799999999"),
        ("+47\xa0999\u202f99\u2009999", "+4799999999"),  # pasted from a web page
        ("+4790000000", "+4790000000"),
        ("+4740000000", "+4740000000"),
        ("+4759440000", "+4759440000"),
        ("+47580012345678", "+47580012345678"),
        ("+47590012345678", "+47590012345678"),
        ("+46705555555", "+46705555555"),
        ("0045 20 12 34 56", "+4520123456"),
        ("+447483938220", "+447483938220"),
        ("+447700900123", "+447700900123"),  # a range kept for drama
        ("+4407483938220", "+447483938220"),  # the national 0 left in
        ("+358401234567", "+358401234567"),
        ("+3546111234", "+3546111234"),
        ("+12025550123", "+12025550123"),
        ("+491234567890", "+491234567890"),  # the library knows no such range
        ("+98000000001", "+98000000001"),
        ("0098999999999", "+98999999999"),
        ("+989123456789", "+989123456789"),
    ],
)
def test_a_possible_number_becomes_e164(raw: str, e164: str) -> None:
    assert e164 == international(raw)
    assert why_not(raw) is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", BAD),
        ("+", BAD),
        ("00", BAD),
        (" ", BAD),
        ("abc", BAD),
        ("+47abc99999", BAD),
        ("99999999", BAD),  # no country code
        ("4799999999", BAD),
        ("0047999999999", BAD),  # one digit too many, as printed in v2.25
        ("+479999999", BAD),
        ("+4712345678", BAD),  # no such series in the Norwegian plan
        ("+47594400", BAD),
        ("+999123456789", BAD),  # no such country
        ("+0004799999999", BAD),
        ("++4799999999", BAD),
        ("-4799999999", BAD),
        ("+47-99999999-", BAD),
        ("+47()99999999", BAD),
        ("+47(99999999", BAD),
        ("+47٩٩٩٩٩٩٩٩", BAD),  # digits, but not on a keypad
        ("+49123", BAD),
        ("+9891234567", BAD),
        ("+98123456789012", BAD),
        ("1" * 5000, BAD),
        ("+4722222222", NOT_MOBILE),
        ("+4780012345", NOT_MOBILE),
        ("+46705555555555", BAD),  # a mobile's, and three digits more
        ("+4670555555", BAD),
        ("+4479111234567", BAD),
        ("+4860123456789", BAD),
        ("+120255501234", BAD),
        ("+1202555012", BAD),
        ("+791612345678", BAD),
        ("+5901234567890123", BAD),  # 16 digits
        ("+18005550123", NOT_MOBILE),
    ],
)
def test_any_other_is_refused_with_its_reason(raw: str, code: RefusalCode) -> None:
    assert international(raw) is None
    assert code is why_not(raw)


@pytest.mark.parametrize(
    ("raw", "e164"),
    [
        ("99999999", "+4799999999"),
        ("999 99 999", "+4799999999"),
        ("4799999999", "+4799999999"),
        ("+4799999999", "+4799999999"),
        ("0046705555555", "+46705555555"),
        ("12345", None),
        ("22222222", None),
        ("47999999", "+4747999999"),  # national, although it begins with 47
        ("4747999999", "+4747999999"),
        ("58001234", "+4758001234"),
        ("580012345678", "+47580012345678"),
        ("47580012345678", "+47580012345678"),
        ("004799999999", "+4799999999"),
        ("479999999", None),
        ("46705555555", None),
    ],
)
def test_a_default_country_reads_national_numbers(raw: str, e164: str | None) -> None:
    assert e164 == international(raw, "NO")
    assert [e164] == international_many([raw], "NO")


@pytest.mark.parametrize(
    "e164",
    [
        "+467190001234567",  # Swedish machines: 13 digits
        "+467100001234567",
        "+45371234567890",  # Danish: 12
        "+32771234567",  # Belgian 077
        "+3277123456789",
        "+3197012345678",  # Dutch 097
        "+33700123456789",  # French 0700: 14 with the 0
        "+337001234567890",
        "+345901234567890",  # Spanish 590
        "+34590123456789",
        "+491511234567",
        "+35849123456",
        "+3584912345678",
        "+861441234567890",
        "+861064123456789",
        "+915751234567890",
        "+812001234567890",
        "+393331234567",
        "+4369912345678",
        "+882161234567",
        "+12025550123",
        "+79161234567",
    ],
)
def test_ranges_of_machines_and_new_ones_are_taken(e164: str) -> None:
    assert e164 == international(e164)
    assert e164 == international(f"00{e164[1:]}", "NO")


@pytest.mark.parametrize(
    "raw",
    [
        "+47 999-99-999",
        "+47-99999999",
        "(+47) 999.99.999",
        "+47 (0) 999 99 999",
        "+47(0)99999999",
        "0047 (999) 99 999",
        "+47/99999999",
        "+47\u2011999\u2013999\u221299",  # not broken hyphen, dash, minus
        "\u202a+4799999999\u202c",  # copied from an address book
        "\u200e+47\u200b99999999\ufeff",
        "\u2068\u200f 4799999999",
        "\uff0b\uff14\uff1799999999",
        "+47\t99999999\n",
    ],
)
def test_what_people_write_between_digits_is_left_out(raw: str) -> None:
    assert international(raw) == "+4799999999"
    assert why_not(raw) is None


@quick
@given(
    st.from_regex("[49][0-9]{7}", fullmatch=True),
    st.lists(st.sampled_from(["", " ", "-", ".", "\u200f", "\u2010"]), min_size=7),
)
def test_separators_change_nothing(national: str, between: list[str]) -> None:
    pairs = zip(national, [*between[:7], ""], strict=True)
    assert f"+47{national}" == international("+47 " + "".join(map("".join, pairs)))


@pytest.mark.parametrize(
    ("raw", "home", "e164"),
    [
        ("92867449", "+47", "+4792867449"),
        ("4792867449", "+47", "+4792867449"),
        (" 92867449", "+47", "+4792867449"),  # a blank that stands for no plus
        (" 4792867449", "+47", "+4792867449"),
        ("47590012345678", "+47", "+47590012345678"),
        ("46701234567", "+47", None),
        ("0701234567", "+47", None),
        ("9286744", "+47", None),
        ("0701234567", "+46", "+46701234567"),
        ("070-123 45 67", "+46", "+46701234567"),
        ("(0)701234567", "+46", "+46701234567"),
        ("701234567", "+46", "+46701234567"),
        ("46701234567", "+46", "+46701234567"),
        ("46(0)701234567", "+46", "+46701234567"),
        ("07190001234567", "+46", "+467190001234567"),
        ("467190001234567", "+46", "+467190001234567"),
        ("4792867449", "+46", None),
        ("20123456", "+45", "+4520123456"),
        ("4520123456", "+45", "+4520123456"),
        ("45201234", "+45", "+4545201234"),  # national, although it begins with 45
        ("0401234567", "+358", "+358401234567"),
        ("358401234567", "+358", "+358401234567"),
        ("07911123456", "+44", "+447911123456"),
        ("447911123456", "+44", "+447911123456"),
        ("3331234567", "+39", "+393331234567"),
        ("393331234567", "+39", "+393331234567"),
        ("0791234567", "+41", "+41791234567"),
        ("41791234567", "+41", "+41791234567"),
        ("2025550123", "+1", "+12025550123"),
        ("12025550123", "+1", "+12025550123"),
    ],
)
def test_home_numbers(raw: str, home: str, e164: str | None) -> None:
    assert e164 == international(raw, region(home))


def test_the_country_of_a_prefix() -> None:
    found = [region(home) for home in ("+47", "+46", "+358", "+4670", "+1", "+999")]
    assert ["NO", "SE", "FI", "SE", "US", ""] == found


@quick
@given(
    st.from_regex(dict(MOBILE_RANGES)["47"], fullmatch=True),
    st.sampled_from(["", "47", "+47", "0047", " 47"]),
)
def test_norwegian_numbers_mean_the_same_in_every_form(
    national: str, prefix: str
) -> None:
    assert f"+47{national}" == international(f"{prefix}{national}", "NO")


def test_many_are_answered_in_order() -> None:
    raws = ["+4799999999", "nonsense", "+12025550123", "+4722222222", "0046701234567"]

    expected = ["+4799999999", None, "+12025550123", None, "+46701234567"]
    assert expected == international_many(raws)


@quick
@given(st.lists(st.text(alphabet="+0123456789 47", max_size=16)))
def test_many_and_one_agree(raws: list[str]) -> None:
    assert [international(raw) for raw in raws] == international_many(raws)


@quick
@given(st.text())
def test_text_never_raises_and_has_a_number_or_a_reason(raw: str) -> None:
    assert (international(raw) is None) == (why_not(raw) is not None)


@quick
@given(st.integers(90_000_000, 99_999_999), st.sampled_from(["+47", "0047", " 47"]))
def test_every_norwegian_9_series_number_is_possible(
    national: int, prefix: str
) -> None:
    assert f"+47{national}" == international(f"{prefix}{national}")


@quick
@given(st.integers(0, 999_999_999), st.sampled_from(["+98", "0098"]))
def test_98_and_any_nine_digits_are_possible(national: int, prefix: str) -> None:
    assert f"+98{national:09}" == international(f"{prefix}{national:09}")


@pytest.mark.parametrize(
    ("code", "national"), [row for row in MOBILE_RANGES if row != MADE_UP]
)
def test_the_library_knows_nothing_on_the_table_as_something_else(
    code: str, national: str
) -> None:
    """Rows are trusted, so none may hold what the library calls a fixed line."""

    @quick
    @given(st.from_regex(national, fullmatch=True))
    def check(digits: str) -> None:
        number = phonenumbers.parse(f"+{code}{digits}")
        assert phonenumbers.number_type(number) not in NOT_MOBILE_TYPES
        assert f"+{code}{digits}" == international(f"+{code}{digits}")

    check()


def test_is_norwegian() -> None:
    assert is_norwegian("+4799999999")
    assert not is_norwegian("+46701234567")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", Length.SHORT),
        ("+", Length.SHORT),
        ("12", Length.SHORT),
        ("9175970", Length.SHORT),
        ("917 59 70", Length.SHORT),
        ("+479175970", Length.SHORT),
        ("00479175970", Length.SHORT),
        ("479175970", Length.SHORT),  # the country code, and seven digits
        ("91759700", Length.RIGHT),
        ("12345678", Length.RIGHT),
        ("22222222", Length.RIGHT),
        ("991759700", Length.LONG),
        ("47991759700", Length.LONG),
        ("0047999999999", Length.LONG),
        ("46705555555", Length.LONG),  # Swedish, without a prefix
        ("+46705", Length.SHORT),
        ("+467055555555555", Length.LONG),
        ("+999123456789", Length.RIGHT),  # no such country
        ("1" * 5000, Length.LONG),
        ("+47+99999999", Length.RIGHT),
        ("abcdef", Length.RIGHT),
    ],
)
def test_a_number_s_length_is_judged(raw: str, expected: Length) -> None:
    assert expected is length(raw, "NO")


@quick
@given(
    st.from_regex("[49][0-9]{7}", fullmatch=True),
    st.sampled_from(["", "47", "+47", "0047"]),
)
def test_a_digit_less_is_too_short_and_one_more_too_long(
    national: str, prefix: str
) -> None:
    assert Length.SHORT is length(prefix + national[:-1], "NO")
    if prefix or not national.startswith("47"):  # those are read as 47 and seven
        assert Length.LONG is length(f"{prefix}{national}0", "NO")


def test_plans_are_loaded_at_once() -> None:
    code = (
        "import phonenumbers\n"
        "from budstikke.domain.number import load_plans\n"
        "load_plans()\n"
        "waiting = phonenumbers.PhoneMetadata._region_available\n"
        "print(sum(loader is not None for loader in waiting.values()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert "0" == done.stdout.strip()


@pytest.mark.parametrize("piece", ["(1)", "-1", "(0)1", "\u20101", " ", "1"])
def test_what_is_far_too_long_is_not_looked_at(piece: str) -> None:
    written = "+47" + piece * 1_000_000
    started = time.process_time()
    assert RefusalCode.BAD_RECIPIENT is why_not(written)
    length(written, "NO")
    assert time.process_time() - started < 0.05


def test_a_number_with_much_between_its_digits_is_one() -> None:
    assert "+4799999999" == international("+47 (0) " + "- ".join("99999999"))
    assert international("+4799999999" + " " * 300) is None
