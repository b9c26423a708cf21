"""
When an order that repeats is due again. Pure: the zone's rules are an argument.

Hours are elapsed time. Days, weeks and months keep the wall clock of the zone over
changes of daylight saving: a time that a change skips moves forward by the change, and
of a time that comes twice it is the first. Months count from the first time: after the
31st comes the last of February, then the 31st of March.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING

from dateutil.relativedelta import relativedelta

from budstikke.domain.message import Unit
from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from budstikke.domain.message import Recurrence

SECONDS: Mapping[Unit, int] = {
    Unit.HOUR: 3600,
    Unit.DAY: 86_400,
    Unit.WEEK: 7 * 86_400,
    Unit.MONTH: 2_629_746,  # a twelfth of 365.2425 days
}
"""Average seconds of a unit, for a first guess."""


def check(rule: Recurrence) -> None:
    """Raise Refusal with ``BAD_FIELD`` for a rule that would never end or begin."""
    if rule.value < 1 or (rule.count is not None and rule.count < 1):
        raise Refusal(RefusalCode.BAD_FIELD, field="recurrence")


def occurrence(rule: Recurrence, zone: tzinfo, first: float, number: int) -> float:
    """
    Return the time of the ``number``-th occurrence, Unix seconds; ``inf``: after 9999.

    Args:
        rule: How it repeats.
        zone: That of ``rule.zone``.
        first: The first time, Unix seconds.
        number: Counted from the first, which is 0.

    """
    if number == 0:
        return first
    steps = rule.value * number
    if rule.unit is Unit.HOUR:
        return first + 3600.0 * steps
    start = datetime.fromtimestamp(first, zone).replace(tzinfo=None, fold=0)
    try:
        return instant(start + _step(rule.unit, steps), zone)
    except (OverflowError, ValueError):  # the calendar ends
        return inf


def _step(unit: Unit, steps: int) -> timedelta | relativedelta:
    if unit is Unit.DAY:
        return timedelta(days=steps)
    if unit is Unit.WEEK:
        return timedelta(weeks=steps)
    return relativedelta(months=steps)


def instant(wall: datetime, zone: tzinfo) -> float:
    """Return Unix seconds of a wall-clock time, by the rules above."""
    # With fold 0 a time that comes twice is its first, and a skipped one has the
    # offset before the change, which moves it forward.
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC).timestamp()


def following(
    rule: Recurrence, zone: tzinfo, first: float, done: int, now: float
) -> tuple[int, float] | None:
    """
    Return the next occurrence after those that are done.

    Of missed occurrences only the last one remains: an order that repeats is sent once
    after a standstill, not once for each occurrence that it missed.

    Args:
        rule: How it repeats, and its ends.
        zone: That of ``rule.zone``.
        first: The first time, Unix seconds.
        done: Number (from 0) of the last occurrence that was sent.
        now: Unix seconds.

    Returns:
        The number and the time of the next one; ``None``: it has ended.

    """
    until = inf if rule.until is None else rule.until
    number = _last(rule, zone, first, done + 1, min(now, until))
    if rule.count is not None:
        number = min(number, rule.count - 1)
    if number <= done:
        return None
    due = occurrence(rule, zone, first, number)
    return (number, due) if due <= until and due < inf else None


def _last(
    rule: Recurrence, zone: tzinfo, first: float, lowest: int, horizon: float
) -> int:
    """Return the last occurrence not after the horizon, or else ``lowest``."""
    unit = rule.value * SECONDS[rule.unit]
    number = max(lowest, int((horizon - first) // unit))
    while number > lowest and occurrence(rule, zone, first, number) > horizon:
        number -= 1
    while occurrence(rule, zone, first, number + 1) <= horizon:
        number += 1
    return number
