"""
Reads addresses as operators write them: phones, and our own numbers. Pure.

An operator gives a number's type (SMPP 3.4 § 5.2.5, 3GPP TS 23.040 § 9.1.2.5), often a
wrong one: unknown for a national number, or national for an international one. A
carrier's ``home`` (``+47``) is the country that completes national numbers. Nothing is
guessed: digits that fit no numbering plan stay as they are.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from budstikke.domain.number import MOST_DIGITS, bare, calling_code, region, usual

PREFIX = r"\A(\+[1-9][0-9]{0,3})?\Z"
"""Regular expression of a country's prefix, or nothing."""

_number = re.compile(r"(\+?)([0-9]+)").fullmatch
_SHORT = 6
"""Digits of the longest short number; so short a national number must be known."""
_SURELY = 11
"""Digits from which on a number that fits a country code surely has it."""
REPLY_DIGITS = 14
"""Digits of a reply number: a short number and nine more."""


class Nature(Enum):
    """The operator's type of a number."""

    UNKNOWN = "unknown"
    INTERNATIONAL = "international"
    NATIONAL = "national"
    """Or a subscriber's number, without the area code."""
    AS_WRITTEN = "as_written"
    """Text (also one of digits), or an abbreviated number."""


BY_TON = {
    0: Nature.UNKNOWN,
    1: Nature.INTERNATIONAL,
    2: Nature.NATIONAL,
    3: Nature.UNKNOWN,  # network specific: usually short numbers
    4: Nature.NATIONAL,
    5: Nature.AS_WRITTEN,
    6: Nature.AS_WRITTEN,
}
"""By the type of number; reserved ones are unknown."""


def phone(written: str, nature: Nature, home: str = "") -> str:
    """
    Return a phone's number as E.164 with ``+``; another address stays as written.

    Args:
        written: By the operator.
        nature: The operator's type of it; ``+`` or ``00`` in front counts for more.
        home: Prefix of the operator's country; empty: only international numbers are
            recognised.

    """
    match = None if nature is Nature.AS_WRITTEN else _number(_plain(written))
    if match is None:
        return written
    plus, digits = match.groups()
    if plus or nature is Nature.INTERNATIONAL:
        return _international(digits, home)
    national = _national(digits, home, sure=nature is Nature.NATIONAL)
    if national:
        return national
    if nature is Nature.NATIONAL and not (home and digits.startswith(home[1:])):
        return digits
    return f"+{digits}" if _with_code(digits) else digits


def ours(written: str, nature: Nature, home: str = "") -> str:
    """
    Return one of our numbers, to which a phone wrote, as digits with the country code.

    ``0047…`` and ``+47…`` lose what stands before the code; a national number gets that
    of ``home``. Short numbers stay, and so do reply numbers, without a country code in
    front. What is no number stays, without blanks.
    """
    match = _number(_plain(written))
    if match is None:
        return written.strip().removeprefix("+")
    plus, digits = match.groups()
    if len(digits) > MOST_DIGITS:  # too long: a code in front of a reply number
        code = calling_code(digits)
        return (
            digits[len(code) :] if len(digits) - len(code) == REPLY_DIGITS else digits
        )
    if plus or len(digits) <= _SHORT:
        return digits
    if nature is Nature.INTERNATIONAL and _possible(f"+{digits}"):
        return digits
    if home and digits.startswith(home[1:]) and len(digits) < len(home) + _SHORT:
        return digits  # perhaps a code before a short number: the inventory finds out
    sure = nature in (Nature.NATIONAL, Nature.INTERNATIONAL)
    return _national(digits, home, sure=sure).removeprefix("+") or digits


def country_of(number: str) -> str:
    """Return the prefix (``+47``) of an international number's country; empty: none."""
    if len(number) < _SURELY - 1:
        return ""
    digits = _plain(number).removeprefix("+")
    if len(digits) < _SURELY - 1 or not _possible(f"+{digits}"):
        return ""
    return f"+{calling_code(digits)}"


def _plain(written: str) -> str:
    """Return ``bare(written)``; faster for digits only, as nearly all numbers are."""
    if written.isascii() and written.isdigit() and written[:2] != "00":
        return written
    return bare(written)


def _international(digits: str, home: str) -> str:
    """Read a number of the international type, which may be national all the same."""
    number = _possible(f"+{digits}") or _national(digits, home, sure=False)
    if number:
        return number
    none = digits[:1] == "0" or not _SHORT < len(digits) <= MOST_DIGITS
    return digits if none else f"+{digits}"


@lru_cache(maxsize=16384)
def _national(digits: str, home: str, *, sure: bool) -> str:
    """
    Complete a national number; empty: the country has no such number.

    ``sure``: the operator says that it is national, so that the library need not know
    its range. A short one must then be a mobile; any other number must be known.
    """
    country = region(home) if home else ""
    if not country or len(digits) > MOST_DIGITS:
        return ""
    try:
        number = phonenumbers.parse(digits, country)
    except NumberParseException:
        return ""
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if usual(e164):
        return e164
    if len(digits) <= _SHORT:
        mobile = phonenumbers.number_type(number) == PhoneNumberType.MOBILE
        return e164 if sure and mobile else ""
    if phonenumbers.is_valid_number(number):
        return e164
    return e164 if sure and _has_length(number) else ""


@lru_cache(maxsize=16384)
def _with_code(digits: str) -> bool:
    """Whether digits without a sign begin with their country code."""
    number = f"+{digits}"
    if usual(number):
        return True
    if len(digits) >= _SURELY:
        return bool(_possible(number))
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except NumberParseException:
        return False


@lru_cache(maxsize=16384)
def _possible(number: str) -> str:
    """
    Return an international number as E.164; empty: it cannot be one.

    Remove a national zero behind the country code.
    """
    if usual(number):
        return number
    try:
        parsed = phonenumbers.parse(number)
    except NumberParseException:
        return ""
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    return e164 if _has_length(parsed) else ""


def _has_length(number: phonenumbers.PhoneNumber) -> bool:
    """Whether a whole number of its country may have this length."""
    reason = phonenumbers.is_possible_number_with_reason(number)
    return reason == ValidationResult.IS_POSSIBLE
