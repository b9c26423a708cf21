"""
Types of values in ``apply``'s file, with words for what they allow.

A pattern's ``extra["expected"]`` is what a fault says. ``"default"`` as a value gives a
key its default.
"""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from budstikke.domain import url
from budstikke.domain.money import MOST, micros


def _text(pattern: str, expected: str, longest: int | None = None) -> Meta:
    """Make the constraint of a text that matches a pattern as a whole."""
    words = {"expected": expected}
    return Meta(pattern=rf"\A(?:{pattern})\Z", max_length=longest, extra=words)


Name = Annotated[str, Meta(min_length=1, max_length=100)]
E164 = Annotated[
    str,
    _text(
        r"\+[1-9][0-9]{6,14}", "`+` and 7 to 15 digits, the first of them not 0 (E.164)"
    ),
]
Prefix = Annotated[
    str,
    _text(
        r"(\+([1-9][0-9]{0,14})?)?", "`+` and up to 15 digits, the first of them not 0"
    ),
]
E164Prefix = Annotated[
    str,
    _text(r"\+[1-9][0-9]{0,14}", "`+` and up to 15 digits, the first of them not 0"),
]
HomePrefix = Annotated[
    str,
    _text(r"\+[1-9][0-9]{0,3}", "`+` and a country's calling code, such as `+47`"),
]
HoursText = Annotated[
    str,
    _text(
        r"(([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9])?",
        "two times of day, such as `22:00-06:00`",
    ),
]
Currency = Annotated[
    str, _text(r"([A-Z]{3})?", "three capital letters (ISO 4217), or `SMS`")
]
Address = Annotated[
    str, _text(r"[^@\s,]+@[^@\s,]+", "a mail address, such as `ops@example.com`")
]
Digits = Annotated[str, _text(r"\+?[0-9]{3,15}", "3 to 15 digits, perhaps after `+`")]
SeriesPrefix = Annotated[str, _text(r"[0-9]{5,13}", "5 to 13 digits")]
ReplyNumber = Annotated[
    str,
    _text(r"([1-9][0-9]{4})?", "five digits, the first of them not 0, or nothing"),
]
Word = Annotated[
    str,
    _text(r"[^\x00-\x1f\x7f]*", "one line of text, without control characters", 100),
]
Reply = Annotated[str, Meta(max_length=1530)]
"""A text of at most ten segments."""
Url = Annotated[url.Url, Meta(max_length=2000)]


class Amount(int):
    """Micros, not negative; in the file a decimal number as text, or an integer."""


class FeeAmount(int):
    """Micros, at least one."""


class SignedAmount(int):
    """Micros that may be negative."""


LEAST = {Amount: 0, FeeAmount: 1, SignedAmount: -MOST}


def read_amount(kind: type, value: object) -> Any:
    """Read an amount (msgspec's ``dec_hook``); raises ValueError."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError('expected a whole number, or a decimal one as text: "0.05"')  # noqa: TRY004 - msgspec places it
    amount = micros(str(value))
    if amount < LEAST[kind]:
        raise ValueError(f"is too small: {value}")
    return kind(amount)


DEFAULT = "default"
"""The value of a key that is to get its default."""


class ApplyError(Exception):
    """
    A file that cannot be applied.

    The message names the entries, a line for each fault, and has no secrets.
    """
