"""Addresses as customers get them: type of number and numbering plan."""

from __future__ import annotations

from typing import Final

from budstikke.dialects.smpp.submission import Address

LONGEST_SHORT_NUMBER: Final = 6
"""Digits of the longest short number."""


def number_address(number: str) -> Address:
    """
    Write a phone's or one of our numbers as an address (SMPP 3.4 § 5.2.5, § 5.2.6).

    A number in E.164 is international (1, 1), without the plus sign; a short number is
    network specific (3, 0); text is alphanumeric (5, 0).
    """
    digits = number.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        return Address(5, 0, digits)
    if len(digits) <= LONGEST_SHORT_NUMBER:
        return Address(3, 0, digits)
    return Address(1, 1, digits)
