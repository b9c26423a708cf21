"""
Normal forms of message ids, for operators that write one id in two ways.

An id may be hexadecimal in submit_sm_resp and decimal in the delivery report, padded
with zeros in one of them, or change case. A carrier's setting names a rule, which gives
both spellings the same normal form. Ids are compared as written first, then by it.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Side(Enum):
    """Where an id was read: they index the columns of ``RULES``."""

    RESPONSE = 0
    RECEIPT = 1


def _caseless(text: str) -> str | None:
    return text.lower() or None


def _unpadded(text: str) -> str | None:
    return text.lower().lstrip("0") or None


def _decimal(text: str) -> str | None:
    if not (text.isascii() and text.isdigit()):
        return None
    return text.lstrip("0") or "0"


def _hexadecimal(text: str) -> str | None:
    digits = text[2:] if text[:2] in {"0x", "0X"} else text
    if not digits or digits.strip("0123456789abcdefABCDEF"):
        return None
    return str(int(digits[:64], 16))


RULES: Final[Mapping[str, tuple[Callable[[str], str | None] | None, ...]]] = {
    "as_written": (None, None),
    "caseless": (_caseless, _caseless),
    "unpadded": (_unpadded, _unpadded),
    "dec_dec": (_decimal, _decimal),
    "hex_hex": (_hexadecimal, _hexadecimal),
    "hex_dec": (_hexadecimal, _decimal),
    "dec_hex": (_decimal, _hexadecimal),
}
"""
By name of the rule: how to read an id in a response, and in a delivery report.

``as_written`` has no normal form; ``caseless`` ignores case; ``unpadded`` ignores case
and leading zeros; the others name the number's base in responses, then in reports.
"""


def normal_form(rule: str, side: Side, text: str) -> str | None:
    """
    Return an id's normal form by a rule; decimal digits for the rules of numbers.

    ``None`` if the rule has none, or the id is not of the form that the rule expects.

    Raises:
        KeyError: No such rule.

    """
    form = RULES[rule][side.value]
    return None if form is None else form(text)
