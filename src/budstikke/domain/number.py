"""
Telephone numbers: from what customers write to E.164.

Most recipients are mobiles of a few countries; a table recognises those in less than a
microsecond. All other numbers go to phonenumberslite, and the result is cached. Numbers
in the table do not go to the library: each row has only mobile ranges.

A number that may be a mobile is accepted, since countries open ranges faster than we
upgrade the library. Refused is only a number that surely is none: of an unknown
country, with more than E.164's 15 digits (ITU-T E.164 § 6.2.1), of another kind to the
library (fixed line, freephone, pager ...), with fewer digits than its country's
mobiles, or with digits beyond the end of a number of a known range. The table has all
of Norway's plan; in the plans of ``EXACT`` every number has the same length.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from budstikke.domain.refusal import RefusalCode
from budstikke.domain.text.ignorable import visible

if TYPE_CHECKING:
    from collections.abc import Iterable

MADE_UP = ("98", "[0-9]{9}")
"""Not in the Iranian plan (10 digits), but what load generators make up."""

MOBILE_RANGES: tuple[tuple[str, str], ...] = (
    # calling code, national numbers (a regular expression that matches all of one)
    ("47", "[49][0-9]{7}|5[89][0-9]{6}|5[89][0-9]{10}"),  # 12 digits: machines
    ("46", "7[02369][0-9]{7}|71[0-9]{11}"),  # 13 digits: machines
    ("45", "[2-7][0-9]{7}|37[0-9]{10}"),  # 12 digits: machines
    ("32", "77[0-9]{7,11}"),  # machines
    ("358", "(?:4[0-8]|50)[0-9]{7}"),
    ("44", "7[1-57-9][0-9]{8}"),
    ("49", "1(?:5[0-9]|6[023]|7[0-9])[0-9]{7,8}"),
    ("31", "6[1-58][0-9]{7}|97[0-9]{9}"),  # 11 digits: machines
    ("33", "6[0-9]{8}|7[3-9][0-9]{7}|700[0-9]{10}"),  # 13 digits: machines
    ("34", "6[0-9]{8}|7[1-48][0-9]{7}|590[0-9]{10}"),  # 13 digits: machines
    ("39", "3[2-9][0-9]{7,8}"),
    ("48", "(?:45|5[0137]|6[069]|7[2389]|88)[0-9]{7}"),
    ("98", "9[0-39][0-9]{8}"),
    ("86", "106[45][0-9]{9}|144[0-9]{10}"),  # 13 digits: machines
    ("91", "5[0-9]{12}"),  # 13 digits: machines
    ("81", "200[0-9]{10}"),  # 13 digits: machines
    MADE_UP,
)
"""Ranges that are accepted as mobiles without asking the library."""

WHOLE_PLANS = frozenset({47})
"""Calling codes with all their mobile ranges in ``MOBILE_RANGES``."""

EXACT = {1: 10, 7: 10, 98: 10}
"""By calling code: digits after it, where all numbers have the same length."""

MOST_DIGITS = 15
"""Digits of the longest number with its calling code (ITU-T E.164 § 6.2.1)."""

LONGEST_WRITTEN = 200
"""Characters of the longest text that is read as a number."""

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
_at_home = {
    code: re.compile(rf"(?:{code})?({national})").fullmatch
    for code, national in MOBILE_RANGES
    if (code, national) != MADE_UP
}
_dialled = re.compile(r"\+?[0-9]{3,20}").fullmatch

_PLAIN = str.maketrans(
    "\uff0b\uff08\uff09\uff0e\uff0f"
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d"
    "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19",
    "+()./---------0123456789",
)
"""Full-width characters, and all characters that look like a hyphen."""

_hyphens = re.compile(r"(?<=[0-9)])[-./]+(?=[0-9(])").sub
_trunk_zero = re.compile(r"(?<=[0-9])\(0\)").sub
_brackets = re.compile(r"\((\+?[0-9]+)\)").sub


def load_plans() -> None:
    """
    Load the numbering plans of all countries (0.2 s).

    The library loads a plan when it first reads a number of the country: a request with
    numbers of every country would block all others once.
    """
    phonenumbers.PhoneMetadata.load_all()


class Length(Enum):
    """Whether a number has too few or too many digits; otherwise ``RIGHT``."""

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
"""What the library's results say of the length; others say nothing of it."""


def international(raw: str, default_country: str | None = None) -> str | None:
    """
    Return a number as E.164 with ``+``; ``None`` if it cannot be a mobile.

    ``raw`` begins with ``+`` or ``00`` and a country code. Characters that ``bare``
    removes are ignored, and a leading blank is read as ``+`` (a client that did not
    escape it; Front v3.05 § 2.1). With ``default_country`` (ISO 3166, such as ``NO``) a
    number may also be national, or have that country's code without a prefix.
    ``why_not`` gives the reason of ``None``.
    """
    if match := _fast(raw):
        return "+" + match[1]
    return _careful(raw, default_country)[0]


def international_many(
    raws: Iterable[str], default_country: str | None = None
) -> list[str | None]:
    """Apply ``international`` to many numbers, in order."""
    fast = _fast
    return [
        "+" + match[1] if (match := fast(raw)) else _careful(raw, default_country)[0]
        for raw in raws
    ]


def why_not(raw: str, default_country: str | None = None) -> RefusalCode | None:
    """
    Return why ``international`` gave ``None``; ``None`` for a good number.

    ``NOT_MOBILE`` for a number of another kind, such as a fixed line; otherwise
    ``BAD_RECIPIENT``.
    """
    return None if _fast(raw) else _careful(raw, default_country)[1]


def length(raw: str, default_country: str | None = None) -> Length:
    """
    Return whether a number that ``international`` refused is too short or too long.

    ``RIGHT`` also if that is unknown, as for a country that does not exist.
    """
    dialled = _as_dialled(raw[: LONGEST_WRITTEN + 1])
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


def usual(e164: str) -> bool:
    """Whether a number (E.164 with ``+``) is in the table of mobiles."""
    return _fast(e164) is not None


def is_norwegian(e164: str) -> bool:
    """Whether a number (E.164 with ``+``) is Norwegian."""
    return e164.startswith("+47")


Found = tuple[str | None, RefusalCode | None]
"""A mobile in E.164, or the reason why it is none."""

_BAD: Found = (None, RefusalCode.BAD_RECIPIENT)


@lru_cache(maxsize=256)
def region(home: str) -> str:
    """
    Return the country of a prefix such as ``+47`` or ``+4670``, as ISO 3166.

    If several countries share a code it is the largest one. Empty: there is none.
    """
    code = calling_code(home.removeprefix("+"))
    return phonenumbers.region_code_for_country_code(int(code)) if code else ""


def calling_code(digits: str) -> str:
    """Return the calling code that digits begin with; empty: there is none."""
    for size in (1, 2, 3):  # no code is the beginning of another
        if digits[:size] in _CALLING_CODES:
            return digits[:size]
    return ""


_CALLING_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


def bare(raw: str) -> str:
    """
    Remove what people write between digits; write ``+`` for a leading ``00``.

    That is blanks, hyphens, dots, slashes and brackets between digits, the ``(0)``
    after a country code, and invisible characters (marks of direction). Full-width
    digits become plain ones. Other characters stay, and so it is no number.
    """
    plain = raw if raw.isascii() else visible(raw).translate(_PLAIN)
    text = "".join(plain.split())
    if not text.removeprefix("+").isdigit():
        text = _brackets(r"\1", _trunk_zero("", _hyphens("", text)))
    return "+" + text[2:] if text.startswith("00") else text


def _careful(raw: str, country: str | None) -> Found:
    """Read a number that is not in the table's form."""
    if len(raw) > LONGEST_WRITTEN:
        return _BAD
    dialled = _as_dialled(raw)
    if not _dialled(dialled):
        return _BAD
    result = _read(dialled, country)
    if result[0] is None and country and raw[:1].isspace() and dialled[:1] == "+":
        national = bare(raw)
        if national[:1] != "+":  # the blank did not stand for a plus
            return _read(national, country)
    return result


def _read(dialled: str, country: str | None) -> Found:
    if match := _fast(dialled):
        return "+" + match[1], None
    if country and dialled[:1] != "+":
        code = str(phonenumbers.country_code_for_region(country))
        matches = _at_home.get(code)
        if matches is not None and (match := matches(dialled)):
            return f"+{code}{match[1]}", None
    return _look_up(dialled, country)


def _as_dialled(raw: str) -> str:
    """Remove characters that do not count; write ``+`` for a leading blank."""
    dialled = bare(raw)
    blank = raw[:1].isspace() or (not raw.isascii() and visible(raw)[:1].isspace())
    return "+" + dialled if blank and not dialled.startswith("+") else dialled


@lru_cache(maxsize=65536)
def _look_up(dialled: str, country: str | None) -> Found:
    """Look a number up in the library; ``dialled`` is digits, perhaps after ``+``."""
    try:
        number = phonenumbers.parse(dialled, country)
    except NumberParseException:
        return _BAD
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if _fast(e164):
        return e164, None
    if phonenumbers.number_type(number) in NOT_MOBILE_TYPES:
        return None, RefusalCode.NOT_MOBILE
    return (e164, None) if _may_be(number, e164) else _BAD


def _may_be(number: phonenumbers.PhoneNumber, e164: str) -> bool:
    """Whether a number of an unknown range may be a mobile."""
    code, digits = number.country_code, len(e164) - 1
    if code in WHOLE_PLANS or digits > MOST_DIGITS:
        return False
    if code in EXACT:
        return digits == len(str(code)) + EXACT[code]
    reason = phonenumbers.is_possible_number_for_type_with_reason(
        number, PhoneNumberType.MOBILE
    )
    if reason in _IMPOSSIBLE and _IMPOSSIBLE[reason] is Length.SHORT:
        return False
    return reason == ValidationResult.IS_POSSIBLE or not _goes_on(number)


def _goes_on(number: phonenumbers.PhoneNumber) -> bool:
    """Whether a number has digits beyond the end of a known one."""
    whole = phonenumbers.national_significant_number(number)
    return any(
        phonenumbers.is_valid_number(
            phonenumbers.PhoneNumber(
                country_code=number.country_code,
                national_number=int(whole[:end]),
                italian_leading_zero=number.italian_leading_zero,
            )
        )
        for end in range(5, len(whole))
    )
