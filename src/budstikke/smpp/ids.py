"""
Normal forms of message ids, for operators that write one id in two ways.

An id may be hexadecimal in submit_sm_resp and decimal in the delivery report, padded
with zeros in one of them, or change case. A carrier's setting names a rule, which gives
both spellings the same normal form. Ids are compared as written first, then by it.
With ``auto`` the rule is learned: ``learn`` finds it from ids of the same message.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


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


AUTO: Final = "auto"
AS_WRITTEN: Final = "as_written"

ENOUGH: Final = 5
"""Pairs of ids that a rule must join before it is learned."""

RULES: Final[Mapping[str, tuple[Callable[[str], str | None] | None, ...]]] = {
    AUTO: (None, None),
    AS_WRITTEN: (None, None),
    "caseless": (_caseless, _caseless),
    "unpadded": (_unpadded, _unpadded),
    "dec_dec": (_decimal, _decimal),
    "hex_hex": (_hexadecimal, _hexadecimal),
    "hex_dec": (_hexadecimal, _decimal),
    "dec_hex": (_decimal, _hexadecimal),
}
"""
By name of the rule: how to read an id in a response, and in a delivery report.

``as_written`` has no normal form, nor has ``auto``, which stands for the rule that is
learned; ``caseless`` ignores case; ``unpadded`` ignores case
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


def joins(rule: str, response: str, receipt: str) -> bool:
    """Whether two ids are one by a rule; raises KeyError: there is no such rule."""
    return rule != AUTO and _joined(rule, [(response, receipt)]) == 1


def learn(pairs: Sequence[tuple[str, str]]) -> str | None:
    """
    Find the rule that joins ids of responses with those of delivery reports.

    A pair is (id in the response, id in the report), probably of the same message; a
    few pairs may be of different ones. The rule must join ``ENOUGH`` pairs and more
    than half of them, and must not give two of the responses' ids one normal form. Of
    rules that join equally many, the first of ``RULES`` is the narrowest, and wins.

    ``None``: no rule does; ids stay as they are written.
    """
    best, most = None, max(ENOUGH - 1, len(pairs) // 2)
    for rule in RULES:
        if rule == AUTO:
            continue
        count = _joined(rule, pairs)
        if count > most:
            best, most = rule, count
    return best


def _joined(rule: str, pairs: Sequence[tuple[str, str]]) -> int:
    """Count the different pairs that a rule joins; 0 if it confuses two responses."""
    written = {response for response, _ in pairs}
    in_response, in_receipt = RULES[rule]
    if in_response is None or in_receipt is None:
        return len({response for response, receipt in pairs if response == receipt})
    forms = {response: in_response(response) for response in written}
    known = [form for form in forms.values() if form is not None]
    if len(set(known)) < len(known):
        return 0
    return len(
        {
            response
            for response, receipt in pairs
            if forms[response] is not None and forms[response] == in_receipt(receipt)
        }
    )
