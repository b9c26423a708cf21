"""
Senders: what kind a sender is, and whether an account may use it.

A sender is a text, an international number (MSISDN), a short number, or a reply number
(a short number and nine digits, which leads back to a message). Which short numbers
exist is not known here; a reply number is recognised by its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

LONGEST_TEXT = 11
"""Septets that fit in the 10 octets of an address (3GPP TS 23.040 § 9.1.2.5)."""

LONGEST_AS_WRITTEN = 40
"""Characters of the longest sender as written, with blanks."""

REPLY_NUMBER_DIGITS = 14
"""Digits of a reply number: a short number and its sub-number, 26114 and nine more."""

TEXT_CHARACTERS = frozenset(
    "@£$¥èéùìòÇØøÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""
The GSM default alphabet without its controls (3GPP TS 23.038 § 6.2.1).

The extension table is left out: many phones show it wrongly in a sender.
"""

ANY = "*"
"""The grant of any well-formed sender."""


class Kind(StrEnum):
    """The kind of a sender."""

    TEXT = "text"
    MSISDN = "msisdn"
    SHORT = "short"
    REPLY = "reply"


@dataclass(frozen=True, slots=True)
class Originator:
    """A well-formed sender; ``value`` as shown: the text, or digits alone."""

    kind: Kind
    value: str


@dataclass(frozen=True, slots=True)
class Grants:
    """
    An account's sender rights.

    Attributes:
        anything: Any well-formed sender is allowed.
        exact: Texts as they are, and numbers as digits.
        series: (prefix, digits after it; ``None``: any number of them).

    """

    anything: bool = False
    exact: frozenset[str] = frozenset()
    series: tuple[tuple[str, int | None], ...] = ()


_international = re.compile(r"(?:\+|00)([1-9][0-9]{6,14})").fullmatch
_digits = re.compile(r"[1-9][0-9]{2,14}").fullmatch
_series = re.compile(r"(?:\+|00)?([1-9][0-9]*)(?:\*|/([0-9]{1,2}))").fullmatch
_like_a_series = re.compile(r"[+0-9]+[*/][0-9]*").fullmatch


def classify(raw: str) -> Originator | None:
    """
    Return the sender that ``raw`` is; ``None``: it is not well-formed.

    Blanks around it, and within a number, do not count. With ``+`` or ``00`` a number
    is an MSISDN of 7 to 15 digits. Without, 14 digits are a reply number, 3 to 6 a
    short number, and other lengths up to 15 an MSISDN. Anything else is a text of at
    most ``LONGEST_TEXT`` of ``TEXT_CHARACTERS``, with at least one that is no digit.
    """
    return _classify(raw) if len(raw) <= LONGEST_AS_WRITTEN else None


@lru_cache(maxsize=16384)
def _classify(raw: str) -> Originator | None:
    text = raw.strip()
    dense = "".join(text.split())
    if match := _international(dense):
        return Originator(Kind.MSISDN, match[1])
    if _digits(dense):
        return Originator(_kind_by_length(len(dense)), dense)
    if not text or len(text) > LONGEST_TEXT or not TEXT_CHARACTERS.issuperset(text):
        return None
    if dense.removeprefix("+").isdigit():
        return None
    return Originator(Kind.TEXT, text)


def _kind_by_length(digits: int) -> Kind:
    if digits == REPLY_NUMBER_DIGITS:
        return Kind.REPLY
    return Kind.SHORT if digits < 7 else Kind.MSISDN


@lru_cache(maxsize=4096)
def read_grants(patterns: tuple[str, ...]) -> Grants:
    """
    Read an account's sender rights.

    Each is ``*`` (any well-formed sender), a series (``26114*``: any digits may follow;
    ``26114/9``: exactly nine), or a sender. Raises ValueError, with the pattern, for
    anything else.
    """
    exact: set[str] = set()
    series: list[tuple[str, int | None]] = []
    for pattern in patterns:
        if pattern == ANY:
            continue
        if match := _series(pattern):
            series.append((match[1], int(match[2]) if match[2] else None))
        elif not _like_a_series(pattern) and (originator := classify(pattern)):
            exact.add(originator.value)
        else:
            raise ValueError(f"not an originator or a number series: {pattern!r}")
    return Grants(ANY in patterns, frozenset(exact), tuple(series))


def allowed(originator: Originator, grants: Grants) -> bool:
    """Whether these rights cover a sender."""
    value = originator.value
    if grants.anything or value in grants.exact:
        return True
    if originator.kind is Kind.TEXT:
        return False
    return any(
        value.startswith(prefix) and count in (None, len(value) - len(prefix))
        for prefix, count in grants.series
    )
