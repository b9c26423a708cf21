"""Central European Time against the table of zones."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.cet import from_wall, to_wall

quick = settings(deadline=None)  # the machine may be busy

OSLO = ZoneInfo("Europe/Oslo")
FIRST, LAST = datetime(1996, 1, 1), datetime(2099, 12, 31)

CHANGES = [
    base + timedelta(minutes=30 * step)
    for year in range(1996, 2100)
    for day in range(25, 32)
    for base in (datetime(year, 3, day), datetime(year, 10, day))
    for step in range(10)
]
"""Every half hour of the nights in which the clock may be changed."""


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("2018-10-06T13:15", "2018-10-06T11:15"),
        ("2026-01-01T00:00", "2025-12-31T23:00"),
        ("2026-03-29T01:59", "2026-03-29T00:59"),
        ("2026-03-29T02:30", "2026-03-29T01:30"),  # does not exist: 03:30
        ("2026-03-29T03:30", "2026-03-29T01:30"),
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # twice: the first
        ("2026-10-25T03:00", "2026-10-25T02:00"),
    ],
)
def test_a_clock_on_the_wall(wall: str, utc: str) -> None:
    expected = datetime.fromisoformat(utc).replace(tzinfo=UTC).timestamp()

    assert expected == from_wall(datetime.fromisoformat(wall))


def test_every_change_until_2100() -> None:
    assert [wall.replace(tzinfo=OSLO).timestamp() for wall in CHANGES] == [
        from_wall(wall) for wall in CHANGES
    ]


def test_the_way_back_at_every_change_until_2100() -> None:
    for moment in CHANGES:
        at = moment.replace(tzinfo=UTC).timestamp()
        assert datetime.fromtimestamp(at, OSLO).replace(tzinfo=None, fold=0) == to_wall(
            at
        )


@quick
@given(st.datetimes(FIRST, LAST))
def test_any_time_until_2100(wall: datetime) -> None:
    at = wall.replace(tzinfo=OSLO).timestamp()

    assert at == from_wall(wall)
    assert datetime.fromtimestamp(at, OSLO).replace(tzinfo=None, fold=0) == to_wall(at)
