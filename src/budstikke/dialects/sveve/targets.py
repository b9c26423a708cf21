"""The recipients of a message: numbers and groups, in the order written."""

from __future__ import annotations

import re
from typing import NamedTuple

_number = re.compile(r"[0-9+\s]+").fullmatch
_dense_numbers = re.compile(r"[0-9+,]*").fullmatch

MACHINE = re.compile(r"5[89][0-9]{10}").fullmatch
"""The only Norwegian numbers of more than eight digits (3rd series of the plan)."""


class Target(NamedTuple):
    """A recipient as written, or the name of a group."""

    text: str
    group: bool


def read_targets(to: str) -> list[Target]:
    """Split ``to``; a piece of only digits, ``+`` and white space is a number."""
    if _dense_numbers(to):
        return [Target(item, False) for item in to.split(",") if item]
    return [
        Target(_read_number(item), False)
        if _number(item)
        else Target(item.strip(), True)
        for item in to.split(",")
        if item and not item.isspace()
    ]


def _read_number(item: str) -> str:
    """
    Remove the blanks around a number.

    A blank in front of a foreign number is a ``+`` that was not escaped in a query;
    Norwegian numbers need none.
    """
    number = item.strip()
    if number == item or not item[:1].isspace():
        return number
    digits = "".join(number.split())
    if len(digits) <= 8 or digits.startswith(("+", "00", "47")) or MACHINE(digits):
        return number
    return "+" + number
