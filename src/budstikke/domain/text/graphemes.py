"""
Where a text may be cut without breaking what a person sees as one character.

The rules are those of Unicode Standard Annex 29 for extended grapheme clusters, seen
from one place in the text: nothing is scanned but the neighbours (and a run of flag
letters), so that cutting a text costs the same however long it is. Python lacks some
of the annex's tables. Where that matters we keep more together than it asks; less only
for Hangul letters written one by one, a few prepended signs, and marks that are newer
than this Python's Unicode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from unicodedata import category, combining

if TYPE_CHECKING:
    from collections.abc import Iterator

_JOINER = "\u200d"
_VIRAMA = 9
"""Combining class of the signs that join two consonants of an Indic script."""

# No character below this one joins what is before it, but for LF after CR.
_FIRST_MARK = "\u0300"

_ALWAYS_EXTEND = frozenset(
    [
        "\u200c",
        _JOINER,
        "\u0e33",  # Thai and Lao vowels that are letters to Unicode
        "\u0eb3",
        "\uff9e",
        "\uff9f",
        *map(chr, range(0x1F3FB, 0x1F400)),  # skin tones
        *map(chr, range(0xE0020, 0xE0080)),  # tags, as in the flag of Scotland
    ]
)


def is_boundary(text: str, at: int, start: int = 0) -> bool:
    """
    Say whether a text may be cut before index ``at``.

    ``start`` is a known boundary: nothing before it is looked at.
    """
    if at <= start or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if after < _FIRST_MARK:
        return not (after == "\n" and before == "\r")
    if before == _JOINER or _extends(after):
        return False
    if _is_flag_letter(after):
        return not _is_odd_flag_letter(text, at, start)
    return not (combining(before) == _VIRAMA and category(after) == "Lo")


def last_boundary(text: str, start: int, end: int) -> int:
    """
    Return the last place after ``start`` and not after ``end`` where to cut.

    ``start`` must be a boundary. If all between is one character, ``end`` itself is
    returned: what does not fit anywhere must be cut somewhere.
    """
    for at in range(end, start, -1):
        if is_boundary(text, at, start):
            return at
    return end


def graphemes(text: str) -> Iterator[str]:
    """Yield what a person sees as characters, in order."""
    start = 0
    for at in range(1, len(text) + 1):
        if is_boundary(text, at, start):
            yield text[start:at]
            start = at


def grapheme_at(text: str, index: int) -> str:
    """Return the grapheme which the character at ``index`` belongs to."""
    start = index
    while not is_boundary(text, start):
        start -= 1
    end = index + 1
    while not is_boundary(text, end, start):
        end += 1
    return text[start:end]


def _extends(char: str) -> bool:
    return category(char)[0] == "M" or char in _ALWAYS_EXTEND


def _is_flag_letter(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def _is_odd_flag_letter(text: str, at: int, start: int) -> bool:
    """Say whether the flag letter at ``at`` is the second of a pair."""
    first = at
    while first > start and _is_flag_letter(text[first - 1]):
        first -= 1
    return (at - first) % 2 == 1
