"""
Telephone numbers: from what customers write to E.164.

Most recipients are mobiles of a few countries, and a table recognises those in less
than a microsecond; everything else goes to phonenumberslite, remembered. What the
table takes is not asked of the library: a row says that all of it is mobile.

Policy: what may be a mobile is taken, since ranges are opened faster than the library
is upgraded. Refused is only what surely is none: a country that there is not, more
than E.164's 15 digits (ITU-T E.164 § 6.2.1), what the library knows as something else
(fixed line, freephone, pager ...), fewer digits than a mobile of its country has, and
a number that goes on where another one ends (the range is known then, and has no
room for more digits). Norway's plan the table holds as a whole, and in the plans of
``EXACT`` every number has the same length.
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
"""What is taken as a mobile without further questions."""

WHOLE_PLANS = frozenset({47})
"""Calling codes whose mobiles all are in ``MOBILE_RANGES``."""

EXACT = {1: 10, 7: 10, 98: 10}
"""Digits after the calling code where all numbers have equally many."""

MOST_DIGITS = 15
"""Of a number with its calling code (ITU-T E.164 § 6.2.1)."""

LONGEST_WRITTEN = 200
"""Characters; no number is longer, whatever people write between its digits."""

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
"""Full-width forms, and everything that looks like a hyphen."""

_hyphens = re.compile(r"(?<=[0-9)])[-./]+(?=[0-9(])").sub
_trunk_zero = re.compile(r"(?<=[0-9])\(0\)").sub
_brackets = re.compile(r"\((\+?[0-9]+)\)").sub


def load_plans() -> None:
    """
    Load the numbering plans of all countries (0.2 s).

    The library loads each when the first number of its country is read: a request with
    numbers of every country would hold up all others once.
    """
    phonenumbers.PhoneMetadata.load_all()


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

    ``raw`` begins with ``+`` or ``00`` and a country code. What ``bare`` leaves out is
    ignored, and a leading blank is read as ``+`` (a client that forgot to escape it;
    Front v3.05 § 2.1). With ``default_country`` (ISO 3166, e.g. ``NO``) a number may
    also be national, or have that country's code without a prefix. ``why_not`` says
    why ``None``.
    """
    if match := _fast(raw):
        return "+" + match[1]
    return _careful(raw, default_country)[0]


def international_many(
    raws: Iterable[str], default_country: str | None = None
) -> list[str | None]:
    """Do as ``international`` for many, in order."""
    fast = _fast
    return [
        "+" + match[1] if (match := fast(raw)) else _careful(raw, default_country)[0]
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
    """Tell whether a number (E.164 with ``+``) is on the table of mobiles."""
    return _fast(e164) is not None


def is_norwegian(e164: str) -> bool:
    """Tell whether a number (E.164 with ``+``) is Norwegian."""
    return e164.startswith("+47")


Found = tuple[str | None, RefusalCode | None]
"""A mobile in E.164, or else why not."""

_BAD: Found = (None, RefusalCode.BAD_RECIPIENT)


@lru_cache(maxsize=256)
def region(home: str) -> str:
    """
    Find the country of a prefix such as ``+47`` or ``+4670``, as ISO 3166.

    Of a code that several countries share it is the largest. Empty: there is none.
    """
    code = calling_code(home.removeprefix("+"))
    return phonenumbers.region_code_for_country_code(int(code)) if code else ""


def calling_code(digits: str) -> str:
    """Find the calling code that digits begin with; empty: they begin with none."""
    for size in (1, 2, 3):  # none is the beginning of another
        if digits[:size] in _CALLING_CODES:
            return digits[:size]
    return ""


_CALLING_CODES = frozenset(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE))


def bare(raw: str) -> str:
    """
    Leave out what people write between digits, and write ``+`` for a leading ``00``.

    That is blanks, hyphens, dots, slashes and brackets between digits, the ``(0)``
    after a country code, and what is not seen (marks of direction); full-width digits
    become plain ones. What else there is stays, and makes it no number.
    """
    plain = raw if raw.isascii() else visible(raw).translate(_PLAIN)
    text = "".join(plain.split())
    if not text.removeprefix("+").isdigit():
        text = _brackets(r"\1", _trunk_zero("", _hyphens("", text)))
    return "+" + text[2:] if text.startswith("00") else text


def _careful(raw: str, country: str | None) -> Found:
    """Read a number that is not written as the table has it."""
    if len(raw) > LONGEST_WRITTEN:
        return _BAD
    dialled = _as_dialled(raw)
    if not _dialled(dialled):
        return _BAD
    result = _read(dialled, country)
    if result[0] is None and country and raw[:1].isspace() and dialled[:1] == "+":
        national = bare(raw)
        if national[:1] != "+":  # the blank was none that stood for a plus
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
    """Write a number without what does not count, and with ``+`` where a blank is."""
    dialled = bare(raw)
    blank = raw[:1].isspace() or (not raw.isascii() and visible(raw)[:1].isspace())
    return "+" + dialled if blank and not dialled.startswith("+") else dialled


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
    return (e164, None) if _may_be(number, e164) else _BAD


def _may_be(number: phonenumbers.PhoneNumber, e164: str) -> bool:
    """Tell whether a number of a range that nobody knows may be a mobile."""
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
    """Tell whether another number ends before this one does."""
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
