"""
When fees are due: at midnight in Oslo, monthly ones on the same day each month. Pure.

In a month that is too short they are due on its last day.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime

from budstikke.domain.cet import from_wall, to_wall


def midnight(day: date) -> float:
    """Return when a day begins in Oslo, Unix seconds."""
    return from_wall(datetime(day.year, day.month, day.day))


def day_of(at: float) -> date:
    """Return the day in Oslo at ``at`` Unix seconds."""
    return to_wall(at).date()


def next_month(due: float, day: int) -> float:
    """
    Return when a monthly fee is due again, Unix seconds.

    Args:
        due: When it was due last, Unix seconds.
        day: Day of the month, 1 to 31.

    """
    was = day_of(due)
    year, month = divmod(was.year * 12 + was.month, 12)
    length = monthrange(year, month + 1)[1]
    return midnight(date(year, month + 1, min(day, length)))
