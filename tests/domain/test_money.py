"""Amounts and prices: whole micros, never a float."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.money import (
    MICROS,
    MOST,
    REFUNDS,
    Price,
    PriceList,
    decimal,
    micros,
    pieces,
    shown,
)

quick = settings(deadline=None)  # the machine may be busy


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("12", 12_000_000),
        ("0.05", 50_000),
        ("-0.05", -50_000),
        ("+1.5", 1_500_000),
        ("0.000001", 1),
        ("1.0000000", 1_000_000),
        ("1000000000", MOST),
        ("0.1", 100_000),  # a float is 0.1000000000000000055…
    ],
)
def test_numbers_are_read_exactly(text: str, expected: int) -> None:
    assert expected == micros(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " 1",
        "1 ",
        "1,5",
        "1.",
        ".5",
        "1e3",
        "1_000",
        "NaN",
        "Infinity",
        "0x10",
        "--1",
        "½",
        "٣",
        "0.0000001",
        "1000000000.000001",
        "-1000000001",
    ],
)
def test_other_texts_are_no_amounts(text: str) -> None:
    with pytest.raises(ValueError, match=r"^not an? (amount|decimal number): "):
        micros(text)


@pytest.mark.parametrize(
    ("amount", "places", "expected"),
    [
        (0, 2, "0.00"),
        (0, 0, "0"),
        (12_500_000, 2, "12.50"),
        (50_000, 2, "0.05"),
        (45_500, 2, "0.0455"),
        (1, 2, "0.000001"),
        (-1, 2, "-0.000001"),
        (-12_340_000, 2, "-12.34"),
        (25_000_000, 0, "25"),
        (25_500_000, 0, "25.5"),
    ],
)
def test_numbers_are_written_exactly(amount: int, places: int, expected: str) -> None:
    assert expected == decimal(amount, places)


@quick
@given(st.integers(-MOST, MOST), st.integers(0, 6))
def test_what_is_written_is_read_again(amount: int, places: int) -> None:
    text = decimal(amount, places)
    assert amount == micros(text)
    assert Decimal(amount) / MICROS == Decimal(text)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (12_500_000, "NOK", "12.50 NOK"),
        (25_000_000, "SMS", "25 SMS"),
        (-45_500, "EUR", "-0.0455 EUR"),
        (0, "", "0.00"),
    ],
)
def test_amounts_for_people(amount: int, currency: str, expected: str) -> None:
    assert expected == shown(amount, currency)


# Prices


def prices(*rows: tuple[str, int, float, float | None]) -> PriceList:
    found = (
        Price(prefix=prefix, amount=amount, valid_from=begin, valid_until=end)
        for prefix, amount, begin, end in rows
    )
    return PriceList(name="list", currency="NOK", prices=tuple(found))


WORLD = prices(
    ("+", 90, 0, None),
    ("+47", 40, 0, None),
    ("+4759", 10, 0, None),
    ("+46", 50, 100, 200),
    ("+46", 60, 200, None),
    ("+45", 70, 100, None),
    ("+45", 75, 150, 160),
    ("+1", 30, 100, 200),
)


@pytest.mark.parametrize(
    ("recipient", "at", "expected"),
    [
        ("+4799999999", 50, 40),
        ("+4759000000", 50, 10),  # the longest prefix
        ("+475", 50, 40),
        ("+358401234567", 50, 90),
        # a list of prices that changes
        ("+46705555555", 99, 90),  # not yet: the next shorter prefix
        ("+46705555555", 100, 50),
        ("+46705555555", 199.9, 50),
        ("+46705555555", 200, 60),  # from the very moment
        # an offer inside a longer time: the later one counts while it lasts
        ("+4520123456", 149, 70),
        ("+4520123456", 150, 75),
        ("+4520123456", 160, 70),
        # over
        ("+12025550123", 199, 30),
        ("+12025550123", 200, 90),
    ],
)
def test_the_longest_prefix_that_is_valid(
    recipient: str, at: float, expected: int
) -> None:
    assert expected == WORLD.price(recipient, at)


def test_what_is_not_listed_is_not_sold() -> None:
    listed = prices(("+47", 40, 100, 200))
    assert listed.price("+46705555555", 150) is None
    assert listed.price("+4799999999", 99) is None
    assert listed.price("+4799999999", 200) is None
    assert 40 == listed.price("+4799999999", 150)
    assert prices().price("+4799999999", 150) is None


def test_free_is_not_the_same_as_not_sold() -> None:
    assert 0 == prices(("+47", 0, 0, None)).price("+4799999999", 1)


def test_messages_by_the_piece() -> None:
    found = pieces("+46")
    assert "SMS" == found.currency
    assert MICROS == found.price("+46705555555", 0)
    assert found.price("+4799999999", 0) is None


numbers = st.from_regex(r"\+[1-4][0-9]{3,6}", fullmatch=True)
some_prices = st.lists(
    st.builds(
        Price,
        prefix=st.from_regex(r"\+([1-4][0-9]{0,3})?", fullmatch=True),
        amount=st.integers(0, 10**7),
        valid_from=st.integers(0, 50).map(float),
        valid_until=st.none() | st.integers(0, 100).map(float),
    ),
    max_size=30,
    unique_by=lambda price: (price.prefix, price.valid_from),
)


@quick
@given(some_prices, numbers, st.integers(0, 100).map(float))
def test_the_price_is_that_of_the_best_row(
    rows: list[Price], recipient: str, at: float
) -> None:
    """Say the same in the words of the contract."""
    valid = [
        price
        for price in rows
        if recipient.startswith(price.prefix)
        and price.valid_from <= at
        and (price.valid_until is None or at < price.valid_until)
    ]
    best = max(valid, key=lambda p: (len(p.prefix), p.valid_from), default=None)
    listed = PriceList(name="any", currency="NOK", prices=tuple(rows))
    assert (best.amount if best else None) == listed.price(recipient, at)


def test_what_an_account_pays_for_is_in_the_order_of_lenience() -> None:
    assert ["accepted", "sent", "delivered"] == sorted(REFUNDS, key=REFUNDS.__getitem__)
