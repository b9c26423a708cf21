"""The form in which words are compared. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final
from unicodedata import category, normalize

from budstikke.domain.text.ignorable import visible

AFTER_A_WORD: Final = frozenset(",.:;!?…")
"""Characters that may follow a word without being part of it, as emoji may."""

_QUOTES: Final = frozenset("\"'`´<>")
_around = re.compile(r"""["'`<>()\[\]{}]""").search
"""The same of ASCII."""
_AROUND: Final = frozenset({"Ps", "Pe", "Pi", "Pf"})
_PICTURES: Final = frozenset({"So", "Sk"})
_FIRST_PICTURE: Final = 0x2000


def folded(text: str) -> str:
    """
    Return words in the form that is compared.

    Invisible characters are removed; compatible characters (full-width letters,
    ligatures) and composed ones are equal (NFKC), as are capitals, also Turkish ones;
    any blanks are a single one.
    """
    if text.isascii():
        return " ".join(text.lower().split())
    plain = normalize("NFKC", visible(text).translate(_PLAIN)).casefold()
    return " ".join(normalize("NFKC", plain.replace("i̇", "i")).split())


_PLAIN = dict.fromkeys(map(ord, "´\u1ffd"), "'") | {0x2010: "-", 0x2011: "-"}
"""NFKC would make blanks with accents of the former; the latter are hyphens."""


@lru_cache(maxsize=4096)
def is_around(character: str) -> bool:
    """Whether a character is a quotation mark or a bracket."""
    return character in _QUOTES or category(character) in _AROUND


@lru_cache(maxsize=4096)
def ends_word(character: str) -> bool:
    """Whether a word ends before this character, which is not part of it."""
    if character == " " or character in AFTER_A_WORD:
        return True
    return ord(character) >= _FIRST_PICTURE and category(character) in _PICTURES


def unquoted(text: str) -> str:
    """
    Remove quotation marks and brackets around the words of a folded text.

    ``«news», hello`` is ``news, hello``; within a word they stay.
    """
    if not (_around(text) if text.isascii() else any(map(is_around, text))):
        return text
    return " ".join(filter(None, map(_bare, text.split(" "))))


def _bare(word: str) -> str:
    first, last = 0, len(word)
    while first < last and is_around(word[first]):
        first += 1
    while last > first and (is_around(word[last - 1]) or ends_word(word[last - 1])):
        last -= 1
    tail = "".join(each for each in word[last:] if not is_around(each))
    return word[first:last] + tail
