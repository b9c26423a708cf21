"""
The limits of a request, in one table; beyond them it is refused as ``TOO_LARGE``.

Octets are checked before a body is read, and separators are counted before it is
parsed, so that a request costs no more than it may have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from budstikke.dialects.contract import Call

SMALL = 256 * 1024
"""Octets of a body with one message or one query."""

LARGE = 8 * 1024 * 1024
"""Octets of a body with many recipients or messages; ``http.max_body`` limits, too."""

MOST_PARAMETERS = 1000
"""Parameters of a query or a form."""

MOST_RECIPIENTS = 300_000
"""Recipients of one order, as written."""

MOST_GROUPS = 1000
"""Different groups of one order."""

MOST_MESSAGES = 10_000
"""Messages with their own texts in one request."""

MOST_VALUES, OCTETS_OF_A_VALUE = 100_000, 9
"""
Values of a JSON document: so many, and one more for each so many octets.

With few containers a value costs at most 72 octets, so that a document costs eight
times its octets.
"""

MOST_NAMES = 300_000
"""
Colons in a JSON document: one for each name, and those in texts. ``MOST_MESSAGES``
messages have thirty each. Skipping a name takes three times as long as copying it.
"""

SLICE = 64 * 1024
"""Octets that are counted in one call, which takes 0.03 ms."""

MOST_CONTAINERS = 1000
"""Objects and arrays in a JSON document that may hold anything."""

LONGEST_TEXT = 40_000
"""
Characters of a text that are looked at: 255 segments, the most that one message may
have (3GPP TS 23.040 § 9.2.3.24.1), hold 39,015 septets. What is longer is too long.
"""

LONGEST_SHOWN = 200
"""Characters of a customer's value that an error text repeats."""


def too_large(field: str) -> Refusal:
    """Make the refusal of a parameter that is too large."""
    return Refusal(RefusalCode.TOO_LARGE, field=field)


def more_than(octets: bytes, mark: bytes, most: int) -> bool:
    """
    Tell whether a mark of one octet stands more than so many times in octets.

    It is looked for in slices, so that no call holds the interpreter for long, and no
    further than it takes to know.
    """
    if len(octets) <= most:
        return False
    count = start = 0
    while count <= most and (start := octets.find(mark, start)) >= 0:
        count += octets.count(mark, start, start + SLICE)
        start += SLICE
    return count > most


def check_body(call: Call, most: int) -> None:
    """Refuse (``TOO_LARGE``) a body with more octets than ``most``."""
    if len(call.request.body) > most:
        raise too_large("body")


def cut(text: str) -> str:
    """Cut a text that is too long for any message; it is still too long then."""
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT + 1]


def shown(text: str) -> str:
    """Cut a customer's value to ``LONGEST_SHOWN`` characters."""
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
