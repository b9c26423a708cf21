"""When an order that repeats is due again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.domain.message import Recurrence, Unit
from budstikke.domain.recurrence import check, following, occurrence
from budstikke.domain.refusal import Refusal, RefusalCode

quick = settings(deadline=None)  # the machine may be busy

OSLO = ZoneInfo("Europe/Oslo")
ZONES = {
    name: ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Oslo",
        "America/New_York",
        "Australia/Lord_Howe",  # its summer time is half an hour
        "Asia/Kathmandu",  # 05:45 ahead
        "Africa/Casablanca",  # summer time but in Ramadan
    )
}


def rule(text: str, **more: float | None) -> Recurrence:
    """Read ``6 hour`` and the like."""
    value, unit = text.split()
    given: dict[str, object] = {"zone": "Europe/Oslo", **more}
    return Recurrence(value=int(value), unit=Unit(unit), **given)  # type: ignore[arg-type]  # as the tests below give them


def unix(text: str, zone: ZoneInfo = OSLO) -> float:
    """Read a wall-clock time; one with an offset is itself."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()


def told(at: float, zone: ZoneInfo = OSLO) -> str:
    return datetime.fromtimestamp(at, zone).isoformat(sep=" ", timespec="minutes")


def times(text: str, first: str, count: int, zone: ZoneInfo = OSLO) -> list[str]:
    return [
        told(occurrence(rule(text), zone, unix(first, zone), number), zone)
        for number in range(count)
    ]


# Months


@pytest.mark.parametrize(
    ("text", "first", "expected"),
    [
        (
            "1 month",
            "2026-01-31 08:00",
            [
                "2026-01-31 08:00+01:00",
                "2026-02-28 08:00+01:00",
                "2026-03-31 08:00+02:00",
                "2026-04-30 08:00+02:00",
            ],
        ),
        (
            "1 month",
            "2028-01-31 08:00",
            [
                "2028-01-31 08:00+01:00",
                "2028-02-29 08:00+01:00",
                "2028-03-31 08:00+02:00",
            ],
        ),
        (
            "1 month",
            "2027-12-30 23:59",
            [
                "2027-12-30 23:59+01:00",
                "2028-01-30 23:59+01:00",
                "2028-02-29 23:59+01:00",
                "2028-03-30 23:59+02:00",
            ],
        ),
        (
            "12 month",
            "2028-02-29 12:00",
            [
                "2028-02-29 12:00+01:00",
                "2029-02-28 12:00+01:00",
                "2030-02-28 12:00+01:00",
                "2031-02-28 12:00+01:00",
                "2032-02-29 12:00+01:00",
            ],
        ),
        (
            "2 month",
            "2026-12-31 00:00",
            [
                "2026-12-31 00:00+01:00",
                "2027-02-28 00:00+01:00",
                "2027-04-30 00:00+02:00",
                "2027-06-30 00:00+02:00",
                "2027-08-31 00:00+02:00",
            ],
        ),
    ],
)
def test_months_keep_the_day_or_take_the_last(
    text: str, first: str, expected: list[str]
) -> None:
    assert expected == times(text, first, len(expected))


# Daylight saving. Oslo: forward at 02:00 on 2026-03-29, back at 03:00 on 2026-10-25.


@pytest.mark.parametrize(
    ("text", "first", "expected"),
    [
        (
            "1 day",  # at a time that the change does not touch
            "2026-03-28 09:00",
            [
                "2026-03-28 09:00+01:00",
                "2026-03-29 09:00+02:00",
                "2026-03-30 09:00+02:00",
            ],
        ),
        (
            "1 day",  # 02:30 is left out once: moved forward by the hour, that day only
            "2026-03-28 02:30",
            [
                "2026-03-28 02:30+01:00",
                "2026-03-29 03:30+02:00",
                "2026-03-30 02:30+02:00",
            ],
        ),
        (
            "1 day",  # 02:30 comes twice: the first
            "2026-10-24 02:30",
            [
                "2026-10-24 02:30+02:00",
                "2026-10-25 02:30+02:00",
                "2026-10-26 02:30+01:00",
            ],
        ),
        (
            "1 day",  # begun in the second 02:30
            "2026-10-25 02:30+01:00",
            [
                "2026-10-25 02:30+01:00",
                "2026-10-26 02:30+01:00",
                "2026-10-27 02:30+01:00",
            ],
        ),
        (
            "1 hour",  # hours are elapsed time: none is left out, none is skipped
            "2026-03-29 00:30",
            [
                "2026-03-29 00:30+01:00",
                "2026-03-29 01:30+01:00",
                "2026-03-29 03:30+02:00",
                "2026-03-29 04:30+02:00",
            ],
        ),
        (
            "1 hour",
            "2026-10-25 01:30",
            [
                "2026-10-25 01:30+02:00",
                "2026-10-25 02:30+02:00",
                "2026-10-25 02:30+01:00",
                "2026-10-25 03:30+01:00",
            ],
        ),
        (
            "24 hour",  # not the same as a day
            "2026-03-28 09:00",
            ["2026-03-28 09:00+01:00", "2026-03-29 10:00+02:00"],
        ),
        (
            "1 week",
            "2026-10-18 08:00",
            [
                "2026-10-18 08:00+02:00",
                "2026-10-25 08:00+01:00",
                "2026-11-01 08:00+01:00",
            ],
        ),
        (
            "1 month",
            "2026-02-28 02:30",
            ["2026-02-28 02:30+01:00", "2026-03-28 02:30+01:00"],
        ),
        (
            "1 month",
            "2026-01-29 02:30",
            [
                "2026-01-29 02:30+01:00",
                "2026-02-28 02:30+01:00",
                "2026-03-29 03:30+02:00",
                "2026-04-29 02:30+02:00",
            ],
        ),
    ],
)
def test_daylight_saving(text: str, first: str, expected: list[str]) -> None:
    assert expected == times(text, first, len(expected))


def test_a_change_of_half_an_hour_moves_by_half_an_hour() -> None:
    """Lord Howe: forward from 02:00 to 02:30 on 2026-10-04."""
    zone = ZONES["Australia/Lord_Howe"]
    assert [
        "2026-10-03 02:10+10:30",
        "2026-10-04 02:40+11:00",
        "2026-10-05 02:10+11:00",
    ] == times("1 day", "2026-10-03 02:10", 3, zone)


# The next one


FIRST = "2026-06-01 08:00"


@pytest.mark.parametrize(
    ("text", "ends", "done", "now", "expected"),
    [
        # in time
        ("1 day", {}, 0, "2026-06-01 08:00", (1, "2026-06-02 08:00+02:00")),
        ("1 day", {}, 4, "2026-06-05 08:01", (5, "2026-06-06 08:00+02:00")),
        # just due
        ("1 day", {}, 4, "2026-06-06 08:00", (5, "2026-06-06 08:00+02:00")),
        # an hour late: it is still that one's turn
        ("1 day", {}, 4, "2026-06-06 09:00", (5, "2026-06-06 08:00+02:00")),
        # many were missed: the last of them
        ("1 day", {}, 0, "2026-06-20 07:59", (18, "2026-06-19 08:00+02:00")),
        ("1 day", {}, 0, "2026-06-20 08:00", (19, "2026-06-20 08:00+02:00")),
        ("6 hour", {}, 0, "2026-06-03 09:00", (8, "2026-06-03 08:00+02:00")),
        ("1 month", {}, 0, "2036-06-01 07:59", (119, "2036-05-01 08:00+02:00")),
        # so many in all, the first included
        ("1 day", {"count": 3}, 1, FIRST, (2, "2026-06-03 08:00+02:00")),
        ("1 day", {"count": 3}, 2, FIRST, None),
        ("1 day", {"count": 1}, 0, FIRST, None),
        ("1 day", {"count": 3}, 0, "2026-12-01 08:00", (2, "2026-06-03 08:00+02:00")),
        ("1 day", {"count": 3}, 2, "2026-12-01 08:00", None),
        # not after
        ("1 day", {"until": "06-03 08:00"}, 1, FIRST, (2, "2026-06-03 08:00+02:00")),
        ("1 day", {"until": "06-03 07:59"}, 1, FIRST, None),
        ("1 day", {"until": "06-03 08:00"}, 2, FIRST, None),
        (
            "1 day",
            {"until": "06-03 12:00"},
            0,
            "2026-07-01 08:00",
            (2, "2026-06-03 08:00+02:00"),
        ),
        ("1 day", {"until": "05-01 08:00"}, 0, "2026-07-01 08:00", None),
        # whichever comes first
        (
            "1 day",
            {"until": "06-09 08:00", "count": 3},
            0,
            "2026-07-01 08:00",
            (2, "2026-06-03 08:00+02:00"),
        ),
        (
            "1 day",
            {"until": "06-02 08:00", "count": 9},
            0,
            "2026-07-01 08:00",
            (1, "2026-06-02 08:00+02:00"),
        ),
    ],
)
def test_following(
    text: str,
    ends: dict[str, object],
    done: int,
    now: str,
    expected: tuple[int, str] | None,
) -> None:
    until = ends.get("until")
    more: dict[str, float | None] = {
        "until": unix(f"2026-{until}") if until else None,
        "count": ends.get("count"),  # type: ignore[dict-item]  # an int or nothing
    }
    found = following(rule(text, **more), OSLO, unix(FIRST), done, unix(now))
    assert expected == (found and (found[0], told(found[1])))


@pytest.mark.parametrize("text", ["1000000 month", "9000000 day", "500000 week"])
def test_a_rule_that_leaves_the_calendar_has_ended(text: str) -> None:
    first = unix(FIRST)
    assert inf == occurrence(rule(text), OSLO, first, 1)
    assert following(rule(text), OSLO, first, 0, first) is None


@pytest.mark.parametrize(
    ("text", "count"), [("0 day", None), ("-1 hour", None), ("1 day", 0)]
)
def test_a_rule_that_never_goes_on_is_refused(text: str, count: int | None) -> None:
    with pytest.raises(Refusal) as caught:
        check(rule(text, count=count))
    assert (RefusalCode.BAD_FIELD, "recurrence") == (
        caught.value.code,
        caught.value.field,
    )


def test_rules_that_go_on_are_not() -> None:
    check(rule("1 hour"))
    check(rule("31 day", count=1))


# Any rule

rules = st.builds(
    Recurrence,
    value=st.integers(1, 50),
    unit=st.sampled_from(Unit),
    zone=st.sampled_from(sorted(ZONES)),
    count=st.none() | st.integers(1, 300),
    until=st.none() | st.integers(1_600_000_000, 1_900_000_000).map(float),
)
firsts = st.integers(1_600_000_000, 1_800_000_000).map(float)
waits = st.integers(0, 3 * 365 * 86400).map(float)


def walked(
    any_rule: Recurrence, first: float, done: int, now: float
) -> tuple[int, float] | None:
    """Do as ``following``, one by one, word for word as it is promised."""
    zone = ZONES[any_rule.zone]

    def ended(number: int) -> bool:
        if any_rule.count is not None and number >= any_rule.count:
            return True
        at = occurrence(any_rule, zone, first, number)
        return any_rule.until is not None and at > any_rule.until

    if ended(done + 1):
        return None
    number = done + 1
    while (
        not ended(number + 1) and occurrence(any_rule, zone, first, number + 1) <= now
    ):
        number += 1
    return number, occurrence(any_rule, zone, first, number)


@quick
@given(rules, firsts, st.integers(0, 400), waits)
def test_jumping_is_the_same_as_walking(
    any_rule: Recurrence, first: float, done: int, wait: float
) -> None:
    now = first + wait
    found = following(any_rule, ZONES[any_rule.zone], first, done, now)
    assert walked(any_rule, first, done, now) == found


@quick
@given(rules, firsts, st.integers(0, 400))
def test_times_rise(any_rule: Recurrence, first: float, number: int) -> None:
    zone = ZONES[any_rule.zone]
    one, two = (occurrence(any_rule, zone, first, n) for n in (number, number + 1))
    assert one < two


@quick
@given(rules, firsts, st.integers(1, 400))
def test_days_and_longer_keep_the_wall_clock_of_their_zone(
    any_rule: Recurrence, first: float, number: int
) -> None:
    zone = ZONES[any_rule.zone]
    begun = datetime.fromtimestamp(first, zone)
    due = datetime.fromtimestamp(occurrence(any_rule, zone, first, number), zone)
    if any_rule.unit is Unit.HOUR:
        assert timedelta(hours=any_rule.value * number) == due.astimezone(
            UTC
        ) - begun.astimezone(UTC)
        return
    moved = due.replace(tzinfo=None) - due.replace(
        tzinfo=None, hour=begun.hour, minute=begun.minute
    )
    # moved forward by the change where that time is left out, and only there
    wanted = due.replace(hour=begun.hour, minute=begun.minute, fold=0)
    left_out = wanted.astimezone(UTC).astimezone(zone).time() != wanted.time()
    assert (moved != timedelta(0)) == left_out
    assert moved in (timedelta(0), timedelta(minutes=30), timedelta(hours=1))
    if any_rule.unit is Unit.MONTH:
        months = due.year * 12 + due.month - begun.year * 12 - begun.month
        assert any_rule.value * number == months
        assert due.day == begun.day or (due + timedelta(days=1)).day == 1


@quick
@given(rules, firsts, st.lists(st.integers(0, 40 * 86400), max_size=30))
def test_an_order_that_is_looked_at_now_and_then_goes_once_each_time(
    any_rule: Recurrence, first: float, waits: list[int]
) -> None:
    """Play the clock: no time is used twice, none after the end, none too early."""
    zone = ZONES[any_rule.zone]
    done, now = 0, first
    for wait in waits:
        now += wait
        found = following(any_rule, zone, first, done, now)
        if found is None:
            break
        number, due = found
        if due > now:
            continue
        assert number > done
        assert any_rule.count is None or number < any_rule.count
        assert any_rule.until is None or due <= any_rule.until
        done = number


def test_a_long_standstill_costs_nothing() -> None:
    """A century of hours is found by a few steps: this would not end otherwise."""
    first = unix("1926-01-01 00:00", ZONES["UTC"])
    hourly = rule("1 hour")
    for _ in range(2000):
        found = following(hourly, ZONES["UTC"], first, 0, unix("2026-01-01 00:00"))
    assert found is not None
    assert 876_599 == found[0]
