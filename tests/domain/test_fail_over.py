"""Fail-over: the rows of the table, and what chooses the next carrier."""

from __future__ import annotations

import itertools

import pytest

from budstikke.domain.fail_over import (
    FAIL_OVER,
    Trouble,
    and_tried,
    next_carrier,
    read_tried,
)

UP_2, UP_3, DOWN = frozenset({2, 3}), frozenset({3}), frozenset[int]()
T = Trouble

# By trouble, whether the account allows a second copy, and the carriers that are up:
# the next carrier of (1, 2, 3) after 1.
ROWS = [
    (T.REFUSED, False, UP_2, 2),
    (T.REFUSED, False, UP_3, 3),
    (T.REFUSED, False, DOWN, 2),
    (T.REFUSED, True, UP_2, 2),
    (T.THROTTLED, False, UP_2, 2),
    (T.THROTTLED, False, UP_3, 3),
    (T.THROTTLED, False, DOWN, None),
    (T.DOWN, False, UP_2, 2),
    (T.DOWN, False, UP_3, 3),
    (T.DOWN, False, DOWN, None),
    (T.UNSURE, False, UP_2, None),
    (T.UNSURE, True, UP_3, 3),
    (T.UNSURE, True, DOWN, 2),
    (T.NO_RECEIPT, False, UP_2, None),
    (T.NO_RECEIPT, True, UP_3, 3),
    (T.NO_RECEIPT, True, DOWN, 2),
]


@pytest.mark.parametrize(("trouble", "allowed", "up", "expected"), ROWS)
def test_the_next_carrier(
    trouble: Trouble,
    allowed: bool,  # noqa: FBT001 - a column of the table
    up: frozenset[int],
    expected: int | None,
) -> None:
    found = next_carrier(
        trouble, 1, (1, 2, 3), tried=(), up=up.__contains__, allowed=allowed
    )
    assert expected == found


def test_every_trouble_has_a_row_here_and_in_the_table() -> None:
    assert set(Trouble) == set(FAIL_OVER) == {row[0] for row in ROWS}


def test_no_carrier_gets_a_part_a_second_time() -> None:
    carriers = (1, 2, 3)
    for trouble, present, tried in itertools.product(
        Trouble, carriers, itertools.combinations(carriers, 2)
    ):
        found = next_carrier(
            trouble, present, carriers, tried=tried, up=lambda _: True, allowed=True
        )
        assert found not in {present, *tried}


def test_carriers_that_were_tried_are_kept_once() -> None:
    assert () == read_tried("")
    assert "3 12" == and_tried(and_tried(and_tried("", 3), 12), 3)
    assert (3, 12) == read_tried("3 12")
