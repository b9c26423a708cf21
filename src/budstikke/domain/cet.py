"""
Central European Time, that of Oslo and Stockholm. Pure: it reads no table of zones.

Summer time is from 01:00 UTC on the last Sunday of March until 01:00 UTC on the last
Sunday of October (Directive 2000/84/EC, articles 2 and 3; Norway does the same).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

WINTER = timezone(timedelta(hours=1), "CET")
SUMMER = timezone(timedelta(hours=2), "CEST")


def from_wall(wall: datetime) -> float:
    """
    Return Unix seconds of a wall-clock time (without zone, from 1996).

    A time that the change to summer time skips moves forward by an hour; of a time that
    comes twice it is the first.
    """
    # A skipped hour is read as winter time, which moves it, and one that comes twice as
    # summer time: so both changes are at three o'clock.
    begins = _last_sunday(wall.year, 3, 3)
    ends = _last_sunday(wall.year, 10, 3)
    zone = SUMMER if begins <= wall < ends else WINTER
    return wall.replace(tzinfo=zone).timestamp()


def to_wall(at: float) -> datetime:
    """Return the wall-clock time, without zone, at ``at`` Unix seconds."""
    return to_zone(at).replace(tzinfo=None)


def to_zone(at: float) -> datetime:
    """Return the wall-clock time, with its zone, at ``at`` Unix seconds."""
    moment = datetime.fromtimestamp(at, UTC)
    utc = moment.replace(tzinfo=None)
    begins, ends = _last_sunday(utc.year, 3, 1), _last_sunday(utc.year, 10, 1)
    return moment.astimezone(SUMMER if begins <= utc < ends else WINTER)


def _last_sunday(year: int, month: int, hour: int) -> datetime:
    """Return the last Sunday of a month of 31 days."""
    last = datetime(year, month, 31, hour)
    return last - timedelta(days=last.isoweekday() % 7)
