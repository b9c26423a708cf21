"""
Addresses as operators write them: phones, and our own numbers. Pure.

An operator says what kind of number one is (SMPP 3.4 § 5.2.5, 3GPP TS 23.040
§ 9.1.2.5), often wrongly: a national number is written as unknown, or an international
one as national. A carrier's ``home`` (``+47``) is the country that completes national
numbers. Nothing is guessed: digits that are no number anywhere stay as they are.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType, ValidationResult

from budstikke.domain.number import MOST_DIGITS, bare, calling_code, region, usual

PREFIX = r"\A(\+[1-9][0-9]{0,3})?\Z"
"""A country's prefix, or nothing (a regular expression)."""

_number = re.compile(r"(\+?)([0-9]+)").fullmatch
_SHORT = 6
"""Digits of a short number at most; national numbers so short are taken if known."""
_SURELY = 11
"""Digits that begin with a country code, if there is a number that is so long."""
REPLY_DIGITS = 14
"""A short number and nine digits of its own."""


class Nature(Enum):
    """What the operator says of a number."""

    UNKNOWN = "unknown"
    INTERNATIONAL = "international"
    NATIONAL = "national"
    """Also a subscriber's number, without the area's code."""
    AS_WRITTEN = "as_written"
    """Text (also of digits), or an abbreviated number."""


BY_TON = {
    0: Nature.UNKNOWN,
    1: Nature.INTERNATIONAL,
    2: Nature.NATIONAL,
    3: Nature.UNKNOWN,  # network specific: short numbers, mostly
    4: Nature.NATIONAL,
    5: Nature.AS_WRITTEN,
    6: Nature.AS_WRITTEN,
}
"""By the type of number; a reserved one is unknown."""


def phone(written: str, nature: Nature, home: str = "") -> str:
    """
    Write a phone's number as E.164 with ``+``; what is none stays as it was written.

    Args:
        written: By the operator.
        nature: What it says of it; ``+`` or ``00`` in front count for more.
        home: Prefix of the operator's country; empty: only international numbers can be
            told.

    """
    match = None if nature is Nature.AS_WRITTEN else _number(bare(written))
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
    Write a number of ours that a phone wrote to as digits, with its country code.

    ``0047…`` and ``+47…`` lose what stands before the code; a national number gets
    ``home``'s. Short numbers stay, and so do reply numbers, which lose a country code
    that was put before them. What is no number is left as it is, but for blanks.
    """
    match = _number(bare(written))
    if match is None:
        return written.strip().removeprefix("+")
    plus, digits = match.groups()
    if len(digits) > MOST_DIGITS:  # no number is so long: a code before a reply number
        code = calling_code(digits)
        return (
            digits[len(code) :] if len(digits) - len(code) == REPLY_DIGITS else digits
        )
    if plus or len(digits) <= _SHORT:
        return digits
    if nature is Nature.INTERNATIONAL and _possible(f"+{digits}"):
        return digits
    if home and digits.startswith(home[1:]) and len(digits) < len(home) + _SHORT:
        return digits  # a code before a short number: who has them all knows it
    sure = nature in (Nature.NATIONAL, Nature.INTERNATIONAL)
    return _national(digits, home, sure=sure).removeprefix("+") or digits


def country_of(number: str) -> str:
    """Find the prefix (``+47``) of an international number's country; empty: none."""
    digits = bare(number).removeprefix("+")
    if len(digits) < _SURELY - 1 or not _possible(f"+{digits}"):
        return ""
    return f"+{calling_code(digits)}"


def _international(digits: str, home: str) -> str:
    """Read what is said to be international; it may be national all the same."""
    number = _possible(f"+{digits}") or _national(digits, home, sure=False)
    if number:
        return number
    none = digits[:1] == "0" or not _SHORT < len(digits) <= MOST_DIGITS
    return digits if none else f"+{digits}"


@lru_cache(maxsize=16384)
def _national(digits: str, home: str, *, sure: bool) -> str:
    """
    Complete a national number; empty: it is none of that country.

    ``sure``: the operator says that it is national, so that a range which the library
    does not know is good enough. Short ones must be mobiles then, all others known.
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
    """Tell whether digits without a sign begin with their country code."""
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
    Write an international number as E.164; empty: it cannot be one.

    A zero of national numbers that was left behind the country code is none of it.
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
    """Tell whether a whole number of its country may be so long."""
    reason = phonenumbers.is_possible_number_with_reason(number)
    return reason == ValidationResult.IS_POSSIBLE
