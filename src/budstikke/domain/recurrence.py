"""
When an order that repeats is due again. Pure.

Hours are elapsed time. Days, weeks and months keep the wall clock of the zone over
changes of daylight saving; a wall-clock time that a change leaves out is moved forward
by the change, one that comes twice is the first. Months count from the first time, so
that the 31st becomes the last of February and then the 31st of March again.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

from budstikke.domain.message import Unit

if TYPE_CHECKING:
    from budstikke.domain.message import Recurrence


def occurrence(rule: Recurrence, first: float, number: int) -> float:
    """
    Tell when the ``number``-th time is (the first is 0), Unix seconds.

    Args:
        rule: How it repeats.
        first: The first time, Unix seconds.
        number: Counted from the first.

    """
    steps = rule.value * number
    if rule.unit is Unit.HOUR:
        return first + 3600.0 * steps
    zone = ZoneInfo(rule.zone)
    start = datetime.fromtimestamp(first, zone).replace(tzinfo=None, fold=0)
    wall = start + _step(rule.unit, steps)
    return instant(wall, zone)


def _step(unit: Unit, steps: int) -> timedelta | relativedelta:
    if unit is Unit.DAY:
        return timedelta(days=steps)
    if unit is Unit.WEEK:
        return timedelta(weeks=steps)
    return relativedelta(months=steps)


def instant(wall: datetime, zone: ZoneInfo) -> float:
    """Turn a wall-clock time without zone into Unix seconds, as said above."""
    # With fold 0 a time that comes twice is its first, and one that is left out is
    # read with the offset before the change, which moves it forward.
    local = wall.replace(tzinfo=zone, fold=0)
    return local.astimezone(UTC).timestamp()


def following(
    rule: Recurrence, first: float, done: int, now: float
) -> tuple[int, float] | None:
    """
    Find the next time after those that were done.

    Times that were missed are skipped but for the last of them: an order that repeats
    goes once after a standstill, not once for each time it missed.

    Args:
        rule: How it repeats, and its ends.
        first: The first time, Unix seconds.
        done: The number (0 is the first) of the last time it went.
        now: Unix seconds.

    Returns:
        The number and the time of the next one; ``None``: it has ended.

    """
    number = done + 1
    while not _ended(rule, first, number):
        due = occurrence(rule, first, number)
        if due > now or _ended(rule, first, number + 1):
            return number, due
        if occurrence(rule, first, number + 1) > now:
            return number, due
        number += 1
    return None


def _ended(rule: Recurrence, first: float, number: int) -> bool:
    if rule.count is not None and number >= rule.count:
        return True
    return rule.until is not None and occurrence(rule, first, number) > rule.until
