"""
Telephone numbers: from what customers write to E.164.

Most recipients are mobiles of a few countries, and a table recognises those in less
than a microsecond; everything else goes to phonenumberslite, remembered. What the
table takes is not asked of the library: a row says that all of it is mobile.

Policy: a number must have a length that mobiles of its country have. One that the
library knows as something else (fixed line, freephone, pager ...) is not a mobile;
one whose range it does not know is taken, since ranges are opened faster than the
library is upgraded, but for Norway, whose plan the table holds as a whole.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Iterable

MADE_UP = ("98", "[0-9]{9}")
"""Not in the Iranian plan (10 digits), but what load generators make up."""

MOBILE_RANGES: tuple[tuple[str, str], ...] = (
    # calling code, national numbers (a regular expression that matches all of one)
    ("47", "[49][0-9]{7}|5[89][0-9]{6}|5[89][0-9]{10}"),  # 12 digits: machines
    ("46", "7[02369][0-9]{7}"),
    ("45", "[2-7][0-9]{7}"),
    ("358", "(?:4[0-8]|50)[0-9]{7}"),
    ("44", "7[1-57-9][0-9]{8}"),
    ("49", "1(?:5[0-9]|6[023]|7[0-9])[0-9]{7,8}"),
    ("31", "6[1-58][0-9]{7}"),
    ("33", "6[0-9]{8}|7[3-9][0-9]{7}"),
    ("34", "6[0-9]{8}|7[1-48][0-9]{7}"),
    ("39", "3[2-9][0-9]{7,8}"),
    ("48", "(?:45|5[0137]|6[069]|7[2389]|88)[0-9]{7}"),
    ("98", "9[0-39][0-9]{8}"),
    MADE_UP,
)
"""What is taken as a mobile without further questions."""

WHOLE_PLANS = frozenset({47})
"""Calling codes whose mobiles all are in ``MOBILE_RANGES``."""

NOT_MOBILE_TYPES = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.TOLL_FREE,
        PhoneNumberType.PREMIUM_RATE,
        PhoneNumberType.SHARED_COST,
        PhoneNumberType.PAGER,
        PhoneNumberType.UAN,
        PhoneNumberType.VOICEMAIL,
    }
)

_RANGES = "|".join(f"{code}(?:{national})" for code, national in MOBILE_RANGES)
_fast = re.compile(rf"(?:\+|00| )({_RANGES})").fullmatch
_norwegian = re.compile(rf"(?:47)?({dict(MOBILE_RANGES)['47']})").fullmatch
_dialled = re.compile(r"\+?[0-9]{3,20}").fullmatch


class Length(Enum):
    """Whether a number has too few digits or too many; otherwise ``RIGHT``."""

    SHORT = -1
    RIGHT = 0
    LONG = 1


_UNREADABLE = {
    NumberParseException.TOO_SHORT_NSN: Length.SHORT,
    NumberParseException.TOO_SHORT_AFTER_IDD: Length.SHORT,
    NumberParseException.TOO_LONG: Length.LONG,
}
_IMPOSSIBLE = {
    ValidationResult.TOO_SHORT: Length.SHORT,
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: Length.SHORT,
    ValidationResult.TOO_LONG: Length.LONG,
}
"""What the library says of lengths; all else says nothing of them."""


def international(raw: str, default_country: str | None = None) -> str | None:
    """
    Turn a number into E.164 with ``+``; ``None`` when it can't be a mobile.

    ``raw`` begins with ``+`` or ``00`` and a country code; white space in it is
    ignored, and a leading blank is read as ``+`` (a client that forgot to escape it;
    Front v3.05 § 2.1). With ``default_country`` (ISO 3166, e.g. ``NO``) a number may
    also be national, or have that country's code without a prefix. ``not_mobile``
    says why ``None``.
    """
    if found := _fast(raw):
        return "+" + found[1]
    return _careful(raw, default_country)[0]


def international_many(
    raws: Iterable[str], default_country: str | None = None
) -> list[str | None]:
    """Do as ``international`` for many, in order."""
    fast = _fast
    return [
        "+" + found[1] if (found := fast(raw)) else _careful(raw, default_country)[0]
        for raw in raws
    ]


def why_not(raw: str, default_country: str | None = None) -> RefusalCode | None:
    """
    Say why ``international`` gave ``None``.

    ``NOT_MOBILE`` for a number of another kind, such as a fixed line; otherwise
    ``BAD_RECIPIENT``; ``None`` for a number that is good.
    """
    return None if _fast(raw) else _careful(raw, default_country)[1]


def length(raw: str, default_country: str | None = None) -> Length:
    """
    Say whether a number that ``international`` refused is too short or too long.

    Read as ``international`` does. ``RIGHT`` also where it can't be said, as for a
    country that there is none.
    """
    dialled = _as_dialled(raw)
    if len(dialled.removeprefix("+")) < 3:
        return Length.SHORT
    if not _dialled(dialled):
        digits = dialled.removeprefix("+")
        return Length.LONG if digits.isascii() and digits.isdigit() else Length.RIGHT
    try:
        number = phonenumbers.parse(dialled, default_country)
    except NumberParseException as error:
        return _UNREADABLE.get(error.error_type, Length.RIGHT)
    reason = phonenumbers.is_possible_number_for_type_with_reason(
        number, PhoneNumberType.MOBILE
    )
    return _IMPOSSIBLE.get(reason, Length.RIGHT)


def is_norwegian(e164: str) -> bool:
    """Tell whether a number (E.164 with ``+``) is Norwegian."""
    return e164.startswith("+47")


Found = tuple[str | None, RefusalCode | None]
"""A mobile in E.164, or else why not."""

_BAD: Found = (None, RefusalCode.BAD_RECIPIENT)


def _careful(raw: str, country: str | None) -> Found:
    """Read a number that is not written as the table has it."""
    dialled = _as_dialled(raw)
    if not _dialled(dialled):
        return _BAD
    if found := _fast(dialled):
        return "+" + found[1], None
    if country == "NO" and (found := _norwegian(dialled)):
        return "+47" + found[1], None
    return _look_up(dialled, country)


def _as_dialled(raw: str) -> str:
    """Leave out white space, and write ``+`` where the country code follows."""
    dialled = "".join(raw.split())
    if dialled.startswith("00"):
        return "+" + dialled[2:]
    if raw[:1].isspace() and not dialled.startswith("+"):
        return "+" + dialled
    return dialled


@lru_cache(maxsize=65536)
def _look_up(dialled: str, country: str | None) -> Found:
    """Ask the library; ``dialled`` is digits, with ``+`` when international."""
    try:
        number = phonenumbers.parse(dialled, country)
    except NumberParseException:
        return _BAD
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if _fast(e164):
        return e164, None
    if phonenumbers.number_type(number) in NOT_MOBILE_TYPES:
        return None, RefusalCode.NOT_MOBILE
    length = phonenumbers.is_possible_number_for_type_with_reason(
        number, PhoneNumberType.MOBILE
    )
    if length != ValidationResult.IS_POSSIBLE or number.country_code in WHOLE_PLANS:
        return _BAD
    return e164, None
