"""Kinds of originators, and who may use them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.originator import (
    Grants,
    Kind,
    Originator,
    allowed,
    classify,
    read_grants,
)

quick = settings(deadline=None)  # the machine may be busy


@pytest.mark.parametrize(
    ("raw", "kind", "value"),
    [
        ("Mitt Firma", Kind.TEXT, "Mitt Firma"),
        (" Mitt Firma ", Kind.TEXT, "Mitt Firma"),
        ("BlåbærØlÆsj", Kind.TEXT, "BlåbærØlÆsj"),
        ("Firma 24", Kind.TEXT, "Firma 24"),
        ("4t&Co", Kind.TEXT, "4t&Co"),
        ("+Pluss", Kind.TEXT, "+Pluss"),
        ("2229", Kind.SHORT, "2229"),
        ("26114", Kind.SHORT, "26114"),
        ("26114123450000", Kind.REPLY, "26114123450000"),
        ("4799999999", Kind.MSISDN, "4799999999"),
        ("+4799999999", Kind.MSISDN, "4799999999"),
        ("004799999999", Kind.MSISDN, "4799999999"),
        ("+47 999 99 999", Kind.MSISDN, "4799999999"),
        (" 4799999999", Kind.MSISDN, "4799999999"),
        ("47580012345678", Kind.REPLY, "47580012345678"),
        ("+47580012345678", Kind.MSISDN, "47580012345678"),
        ("123456789012345", Kind.MSISDN, "123456789012345"),
    ],
)
def test_a_well_formed_originator_has_a_kind(raw: str, kind: Kind, value: str) -> None:
    assert Originator(kind, value) == classify(raw)


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "  ",
        "Altfor langt",  # 12 characters
        "Tab\tTab",
        "Linje\nto",
        "Firma€",  # the extension table
        "[Firma]",
        "Фирма",
        "Firma🙂",
        "12",
        "0123",
        "+123456",
        "00123",
        "1234567890123456",  # 16 digits
        "٩٩٩٩٩",
        " " * 50 + "Firma",
    ],
)
def test_anything_else_is_none(raw: str) -> None:
    assert classify(raw) is None


@quick
@given(st.text())
def test_text_never_raises_and_the_value_reads_as_itself(raw: str) -> None:
    found = classify(raw)
    if found is not None and found.kind is not Kind.MSISDN:
        assert found == classify(found.value)


@pytest.mark.parametrize(
    ("patterns", "raw", "may"),
    [
        ((), "Mitt Firma", False),
        (("*",), "Mitt Firma", True),
        (("*",), "26114123450000", True),
        (("Mitt Firma",), "Mitt Firma", True),
        (("Mitt Firma",), "mitt firma", False),
        (("Mitt Firma",), "Mitt", False),
        (("+4799999999",), "004799999999", True),
        (("4799999999",), "+4799999999", True),
        (("+4799999999",), "+4799999998", False),
        (("26114",), "26114", True),
        (("26114",), "26114123450000", False),
        (("26114*",), "26114123450000", True),
        (("26114*",), "26114", True),
        (("26114*",), "2611", False),
        (("26114/9",), "26114123450000", True),
        (("26114/9",), "26114", False),
        (("26114/9",), "2611412345", False),
        (("+479*",), "+4799999999", True),
        (("+479*",), "+4740000000", False),
        (("Other", "2229", "26114/9"), "26114999999999", True),
        (("4*",), "4t&Co", False),  # a series is of numbers
    ],
)
def test_grants(*, patterns: tuple[str, ...], raw: str, may: bool) -> None:
    originator = classify(raw)
    assert originator is not None
    assert may is allowed(originator, read_grants(patterns))


def test_grants_are_read_once_into_a_value() -> None:
    expected = Grants(
        anything=False,
        exact=frozenset({"Firma", "4799999999"}),
        series=(("26114", None), ("2229", 3)),
    )
    assert expected == read_grants(("Firma", "+47 99999999", "26114*", "2229/3"))


@pytest.mark.parametrize("pattern", ["", "Altfor langt navn", "0/0", "26114/999"])
def test_a_pattern_that_is_nothing_is_named(pattern: str) -> None:
    with pytest.raises(ValueError, match="not an originator") as raised:
        read_grants((pattern,))
    assert repr(pattern) in str(raised.value)
