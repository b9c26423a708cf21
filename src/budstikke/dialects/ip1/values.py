"""Reading single parameters."""

from __future__ import annotations

import re

from budstikke.dialects.bounds import LONGEST_TEXT

LARGEST_ID = 2**63 - 1

LONGEST_READ = 6 * (LONGEST_TEXT + 1)
"""Characters of a text in which to look for line breaks: ``%0d%0a`` has six."""

_line_break = re.compile("(?:%0d)?%0a|\r\n", re.IGNORECASE).sub
_number = re.compile(r"\+?([0-9]+)").fullmatch
_id = re.compile(r"[0-9]{1,19}").fullmatch


def breaks(text: str) -> str:
    """
    Read line breaks: ``%0a`` or ``%0d%0a`` in any case, and real ones.

    A text that is too long for any message is cut, and still is too long.
    """
    return _line_break("\n", text[:LONGEST_READ])


def dialled(written: str) -> str:
    """Put a plus sign in front of a number with a country code."""
    number = written.strip()
    return f"+{number}" if "1" <= number[:1] <= "9" else number


def digits_of(written: str) -> str:
    """Return the digits of a number, with or without plus sign; empty for a text."""
    found = _number(written)
    return found[1] if found else ""


def read_id(written: str) -> int:
    """Read the id of a message or a bundle; 0, which none has, for other text."""
    number = int(written) if written.isascii() and _id(written) else 0
    return number if number <= LARGEST_ID else 0
