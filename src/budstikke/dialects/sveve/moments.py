"""Reads when a message is sent, and when again; in Norwegian local time."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING

from budstikke.dialects.sveve.values import bad, given, integer
from budstikke.domain.cet import from_wall
from budstikke.domain.message import Recurrence, Unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.sveve.values import Fields

ZONE = "Europe/Oslo"

UNITS: Mapping[str, Unit] = {
    "11": Unit.HOUR,
    "5": Unit.DAY,
    "99": Unit.WEEK,
    "2": Unit.MONTH,
}
"""By the letter after the bar in ``reoccurrence``: the unit."""

LATEST = 100 * 365 * 86400
"""Seconds ahead that a message may be due at most."""

_date_time = re.compile(r"([0-9]{4})" + r"([0-9]{2})" * 4).fullmatch
_date = re.compile(r"([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})").fullmatch
_reoccurrence = re.compile(r"0*([1-9][0-9]{0,2})\s*\|\s*([0-9]+)").fullmatch


def read_date_time(fields: Fields, now: float) -> float | None:
    """
    Read the time to send, Unix seconds; ``None``: at once.

    The past and the present minute mean at once. Raises Refusal.
    """
    text = given(fields, "date_time")
    if text is None:
        return None
    found = _date_time(text.strip())
    due = _unix(*map(int, found.groups())) if found else None
    if due is None or due > now + LATEST:
        raise bad("date_time", text)
    return due if due // 60 > now // 60 else None


def read_recurrence(fields: Fields, first: float) -> Recurrence | None:
    """
    Read how an order repeats; ``first`` is the first time, Unix seconds.

    Raises Refusal, also for an end before the first time.
    """
    text = given(fields, "reoccurrence")
    if text is None:
        return None
    found = _reoccurrence(text.strip())
    unit = UNITS.get(found[2]) if found else None
    if found is None or unit is None:
        raise bad("reoccurrence", text)
    return Recurrence(
        value=int(found[1]),
        unit=unit,
        zone=ZONE,
        count=_ends_after(fields),
        until=_ends_on(fields, first),
    )


def _ends(fields: Fields) -> str:
    """Read ``reoccurrence_ends``; without it, an end that is given decides."""
    text = given(fields, "reoccurrence_ends")
    if text is None:
        if given(fields, "ends_after") is not None:
            return "after"
        return "never" if given(fields, "ends_on") is None else "on"
    word = text.strip().lower()
    if word not in ("never", "after", "on"):
        raise bad("reoccurrence_ends", text)
    return word


def _ends_after(fields: Fields) -> int | None:
    if _ends(fields) != "after":
        return None
    text = given(fields, "ends_after") or ""
    count = integer(text)
    if not count:
        raise bad("ends_after", text)
    return count


def _ends_on(fields: Fields, first: float) -> float | None:
    """Read the last day, as its last second."""
    if _ends(fields) != "on":
        return None
    text = given(fields, "ends_on") or ""
    found = _date(text.strip())
    until = (
        _unix(int(found[3]), int(found[2]), int(found[1]), 23, 59) if found else None
    )
    if until is None or until + 59 < first:
        raise bad("ends_on", text)
    return until + 59


def _unix(year: int, month: int, day: int, hour: int, minute: int) -> float | None:
    """Return a local time as Unix seconds; ``None``: there is no such time."""
    try:
        return from_wall(datetime(year, month, day, hour, minute))
    except ValueError:
        return None
