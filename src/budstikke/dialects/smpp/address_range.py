"""
Reads the ``address_range`` of a bind (SMPP 3.4 § 5.2.7 and appendix A).

It is a UNIX regular expression. Of these it takes what appendix A shows: characters,
``.``, sets in brackets, ``*``, ``+`` and ``?`` behind one of them, ``^``, ``$`` and
``|``. Groups and more than ``MOST_REPEATS`` repetitions are refused, so that no range
can take long to compare with an address.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

MOST_REPEATS: Final = 3
"""Repetitions in one range."""

LONGEST: Final = 40
"""Characters of the longest range (SMPP 3.4 § 4.1.1)."""

_piece = r"(?:[0-9A-Za-z+ _-]|\.|\\[.+*?|$^]|\[\^?[0-9A-Za-z]+(?:-[0-9A-Za-z]+)*\])"
_readable = re.compile(rf"\^?(?:{_piece}[*+?]?|\$?\|\^?)*\$?").fullmatch
_ALL: Final = frozenset({"", "*", "."})
"""Ranges that clients write for every address."""


@lru_cache(maxsize=1024)
def _pattern(address_range: str) -> re.Pattern[str] | None:
    """Compile a range; ``None``: it covers every address. Raises ValueError."""
    if address_range in _ALL:
        return None
    repeats = sum(address_range.count(mark) for mark in "*+?")
    if (
        len(address_range) > LONGEST
        or repeats > MOST_REPEATS
        or not _readable(address_range)
    ):
        raise ValueError("not a range of addresses")
    try:
        return re.compile(rf"\A(?:{address_range})")
    except re.error as error:
        raise ValueError("not a range of addresses") from error


def is_range(address_range: str) -> bool:
    """Whether a bind's address_range can be read."""
    try:
        _pattern(address_range)
    except ValueError:
        return False
    return True


def serves(address_range: str, address: str) -> bool:
    """
    Tell whether a range, which can be read, covers an address.

    An address has its digits or its text, without a plus sign. A range without ``^``
    and ``$`` covers the addresses that begin with it: clients write prefixes.
    """
    pattern = _pattern(address_range)
    return pattern is None or pattern.match(address.removeprefix("+")) is not None
