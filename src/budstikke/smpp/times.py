"""
Times as SMPP writes them (SMPP 3.4 § 7.1.1): ``YYMMDDhhmmsstnnp``.

Relative times count a year as 365 days and a month as 30.
"""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache
from typing import Final

from budstikke.smpp.errors import PduError

_QUARTER: Final = 900
_DAY: Final = 86_400
_ABSOLUTE: Final = re.compile(r"(\d{12})(?:(\d)(\d\d)([+-]))?", re.ASCII)
_RELATIVE: Final = re.compile(
    r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\d{3})?R", re.ASCII
)


def absolute(at: float) -> str:
    """Write a time (Unix seconds) in UTC; 16 characters."""
    return time.strftime("%y%m%d%H%M%S000+", time.gmtime(at))


@lru_cache(maxsize=4096)
def relative(seconds: int) -> str:
    """Write a duration of 0 seconds to just under 100 years; 16 characters."""
    days, rest = divmod(max(0, seconds), _DAY)
    years, days = divmod(days, 365)
    months, days = divmod(days, 30)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{min(years, 99):02}{months:02}{days:02}{hours:02}{minutes:02}{rest:02}000R"


def parse_time(text: str, now: float, fault: int) -> float | None:
    """
    Read validity_period, schedule_delivery_time or final_date as Unix seconds.

    An empty one is ``None``. A time without an offset is in UTC.

    Args:
        text: As the peer wrote it.
        now: Unix seconds from which a relative time counts.
        fault: The command status of the error (RINVEXPIRY, RINVSCHED).

    Raises:
        PduError: Not fatal: it has neither form, or no such date exists.

    """
    if not text:
        return None
    if match := _RELATIVE.fullmatch(text):
        years, months, days, hours, minutes, seconds = map(int, match.groups())
        days += years * 365 + months * 30
        return now + days * _DAY + hours * 3600 + minutes * 60 + seconds
    if match := _ABSOLUTE.fullmatch(text):
        at = instant("20" + match[1])
        if at is not None:
            quarters = int(match[3] or 0) * _QUARTER
            ahead = quarters if match[4] == "+" else -quarters
            return at + int(match[2] or 0) / 10 - ahead
    raise PduError(f"time {text[:20]!r}", fault)


def instant(digits: str) -> float | None:
    """Read ``YYYYMMDDhhmmss`` in UTC as Unix seconds; ``None``: no such time exists."""
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, second = int(digits[8:10]), int(digits[10:12]), int(digits[12:14])
    if not (year >= 1970 and 1 <= month <= 12 and hour < 24 and minute < 60):
        return None
    if second > 60 or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return float(calendar.timegm((year, month, day, hour, minute, second)))


@lru_cache(maxsize=4096)
def receipt_date(text: str) -> float | None:
    """
    Read a date in a receipt's text, in UTC, as Unix seconds; ``None``: it is no date.

    Operators write ``YYMMDDhhmm`` (SMPP 3.4 appendix B), ``YYMMDDhhmmss``,
    ``YYYYMMDDhhmm`` or ``YYYYMMDDhhmmss``.
    """
    if not (text.isascii() and text.isdigit()):
        return None
    match len(text):
        case 10:
            return instant(f"20{text}00")
        case 12:
            short = instant(f"20{text}")
            return instant(f"{text}00") if short is None else short
        case 14:
            return instant(text)
    return None
