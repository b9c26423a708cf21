"""When fees are due."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.cet import to_wall
from budstikke.domain.fees import day_of, midnight, next_month

quick = settings(deadline=None)  # the machine may be busy


def days(first: str, count: int) -> list[str]:
    """List the days of a monthly fee whose first is this one."""
    begun = date.fromisoformat(first)
    due = midnight(begun)
    found = []
    for _ in range(count):
        found.append(str(day_of(due)))
        due = next_month(due, begun.day)
    return found


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("2026-11-15", ["2026-11-15", "2026-12-15", "2027-01-15"]),
        ("2026-01-31", ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"]),
        ("2028-01-30", ["2028-01-30", "2028-02-29", "2028-03-30"]),
        ("2026-12-01", ["2026-12-01", "2027-01-01"]),
    ],
)
def test_the_same_day_each_month(first: str, expected: list[str]) -> None:
    assert expected == days(first, len(expected))


def test_the_day_begins_in_oslo() -> None:
    assert 1_782_856_800.0 == midnight(date(2026, 7, 1))  # 2026-06-30 22:00 UTC
    assert 1_798_758_000.0 == midnight(date(2027, 1, 1))  # 2026-12-31 23:00 UTC
    assert date(2026, 7, 1) == day_of(1_782_856_800.0)
    assert date(2026, 6, 30) == day_of(1_782_856_799.0)


@quick
@given(st.dates(date(2020, 1, 1), date(2090, 1, 1)))
def test_every_month_once_for_years(first: date) -> None:
    due = midnight(first)
    seen = [due]
    for _ in range(60):
        due = next_month(due, first.day)
        seen.append(due)
    months = [day_of(at).year * 12 + day_of(at).month for at in seen]
    assert list(range(months[0], months[0] + 61)) == months
    for at, after in pairwise(seen):
        assert (0, 0) == (to_wall(at).hour, to_wall(at).minute)
        assert at < after
    for at in seen:
        last = (day_of(at) + timedelta(days=1)).day == 1
        assert day_of(at).day == first.day or (last and day_of(at).day < first.day)
