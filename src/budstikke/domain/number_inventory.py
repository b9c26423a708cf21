"""
Numbers that phones write to, keywords on them, and whose they are. Pure.

A shared number is routed by its keywords, an owned one and a series to one access.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from budstikke.domain.number import calling_code
from budstikke.domain.text.ignorable import visible
from budstikke.domain.text.word_matching import (
    AFTER_A_WORD,
    ends_word,
    folded,
    unquoted,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class NumberKind(StrEnum):
    """How messages to a number find their customer."""

    SHARED = "shared"
    """By keyword: the longest that the text begins with, or else the default."""
    OWNED = "owned"
    """All of them are one access's."""
    SERIES = "series"
    """So are those to any number that begins with it and has 14 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """
    A number, or a series of them.

    Attributes:
        value: Digits; of a series what its numbers begin with.
        access_id: Whose it is; ``None``: shared, or nobody's.
        url: Where its messages are told; empty: where the access's are.

    """

    id: int
    value: str
    kind: NumberKind
    access_id: int | None = None
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """
    A keyword on a shared number.

    Attributes:
        word: As it is reported: one or more words; empty: the number's default.
        aliases: Other spellings that lead here.
        access_id: Whose it is.
        url: Where its messages are told; empty: where the access's are.
        receipt: What is sent back; ``%HTTP_PUSH_RESPONSE%`` in it stands for what the
            customer's server answers. Empty: nothing.

    """

    id: int
    number_id: int
    word: str
    aliases: tuple[str, ...] = ()
    access_id: int
    url: str = ""
    receipt: str = ""


class NumberMatch(NamedTuple):
    """Where a message leads: ``number`` ``None``: a number nobody knows."""

    number: Number | None
    keyword: Keyword | None = None

    @property
    def access_id(self) -> int | None:
        """Whose it is; ``None``: nobody's."""
        if self.keyword is not None:
            return self.keyword.access_id
        return self.number.access_id if self.number is not None else None


_SHORTEST_WITH_CODE = 8
"""Digits of a number that begins with a country code; short ones have fewer."""

_REPLY_DIGITS = 14
_AFTER = "".join(AFTER_A_WORD)
_MARKS = 8
"""Quotation marks and brackets around words, of those that are read."""

_UNFOLDED = 4
"""A character as it is compared comes of so many at most, as they were written."""


def is_reply_number(recipient: str) -> bool:
    """Tell whether digits are a short number with a sub-number: 14 of them."""
    return (
        len(recipient) == _REPLY_DIGITS and recipient.isascii() and recipient.isdigit()
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """The keywords of one number; ``most`` words and ``longest`` characters in one."""

    by_word: dict[str, Keyword] = field(default_factory=dict)
    most: int = 0
    longest: int = 0

    def find(self, text: str) -> Keyword | None:
        """Find the longest that a text begins with, or else the default."""
        head = self._head(text)
        bare = unquoted(head)
        longest = self._longest(head)
        if bare != head:
            longest = max(longest, self._longest(bare), key=len)
        return self.by_word.get(longest) if longest else self.by_word.get("")

    def _longest(self, head: str) -> str:
        """Find the longest word that a folded text begins with; empty: none."""
        for end in range(min(len(head), self.longest), 0, -1):
            if (end == len(head) or ends_word(head[end])) and (
                head[:end] in self.by_word
            ):
                return head[:end]
        return ""

    def _head(self, text: str) -> str:
        """Fold the beginning of a text: more than the longest keyword takes."""
        room = _UNFOLDED * (self.longest + 1) + _MARKS
        words = visible(text).split(maxsplit=self.most + _MARKS)
        return folded(" ".join(words[: self.most + _MARKS])[:room])


def _index(keywords: Collection[Keyword]) -> dict[int, _Words]:
    by_number: dict[int, dict[str, Keyword]] = {}
    for keyword in keywords:
        words = by_number.setdefault(keyword.number_id, {})
        for alias in filter(None, map(folded, keyword.aliases)):
            words.setdefault(alias, keyword)
    for keyword in keywords:  # a word wins over another keyword's alias
        word = folded(keyword.word)
        if word or not keyword.word.strip():  # of what is not seen alone there is none
            by_number[keyword.number_id][word] = keyword
    return {
        number_id: _Words(
            words,
            max((word.count(" ") + 1 for word in words), default=0),
            max(map(len, words), default=0),
        )
        for number_id, words in by_number.items()
    }


def _without_codes(exact: Mapping[str, Number]) -> dict[str, Number | None]:
    """Index numbers by what follows their country code; ``None``: several have it."""
    by_rest: dict[str, Number | None] = {}
    for value, number in exact.items():
        code = calling_code(value)
        if code and len(value) >= _SHORTEST_WITH_CODE:
            rest = value[len(code) :]
            by_rest[rest] = None if rest in by_rest else number
    return by_rest


@dataclass(frozen=True, slots=True)
class NumberInventory:
    """All numbers and keywords, by id, and indexed for look-ups."""

    numbers: Mapping[int, Number] = field(default_factory=dict)
    keywords: Mapping[int, Keyword] = field(default_factory=dict)
    _exact: dict[str, Number] = field(init=False, repr=False, compare=False)
    _series: dict[str, Number] = field(init=False, repr=False, compare=False)
    _lengths: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _national: dict[str, Number | None] = field(init=False, repr=False, compare=False)
    _words: dict[int, _Words] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index what is looked up."""
        exact: dict[str, Number] = {}
        series: dict[str, Number] = {}
        for number in self.numbers.values():
            kept = series if number.kind is NumberKind.SERIES else exact
            kept[number.value] = number
        lengths = tuple(sorted({len(value) for value in series}, reverse=True))
        object.__setattr__(self, "_exact", exact)
        object.__setattr__(self, "_series", series)
        object.__setattr__(self, "_lengths", lengths)
        object.__setattr__(self, "_national", _without_codes(exact))
        object.__setattr__(self, "_words", _index(self.keywords.values()))

    def place(self, recipient: str, text: str) -> NumberMatch:
        """
        Find where a message leads.

        The number itself comes first: owned, it is its access's; shared, the longest
        keyword that the text begins with decides, or else the number's default. Then
        the series with the longest beginning of ``recipient``, if that has 14 digits.
        A recipient that is none of these is looked for as ``_spelled`` has it.
        Words are compared as ``domain.text.word_matching`` has it; punctuation right
        after one, and quotation marks and brackets around it, are not part of it,
        unless a keyword has them.

        Args:
            recipient: Digits.
            text: Of the message, as it came.

        """
        number = self._exact.get(recipient)
        if number is None:
            series = self._series_of(recipient)
            if series is not None:
                return NumberMatch(series)
            number = self._spelled(recipient)
        if number is None or number.kind is NumberKind.OWNED:
            return NumberMatch(number)
        words = self._words.get(number.id)
        return NumberMatch(number, words.find(text) if words is not None else None)

    def _series_of(self, recipient: str) -> Number | None:
        if is_reply_number(recipient):
            for length in self._lengths:
                number = self._series.get(recipient[:length])
                if number is not None:
                    return number
        return None

    def _spelled(self, recipient: str) -> Number | None:
        """
        Find a number of ours that the operator wrote in another way.

        That is without its country code, if no other number of ours ends so, or with
        one that it has not: ``472229`` is ``2229``.
        """
        code = calling_code(recipient)
        number = self._exact.get(recipient[len(code) :]) if code else None
        return number or self._national.get(recipient.lstrip("0"))

    def named(self, recipient: str, text: str) -> NumberMatch | None:
        """Find the keyword of a shared number that a whole text is; ``None``: none."""
        number = self._exact.get(recipient) or self._spelled(recipient)
        if number is None or number.kind is not NumberKind.SHARED or not text.strip():
            return None
        words = self._words.get(number.id)
        text = visible(text)
        if words is None or len(text) > _UNFOLDED * (words.longest + 2) + _MARKS:
            return None
        whole = folded(text)
        for each in (whole, unquoted(whole)):
            bare = each.rstrip(_AFTER).rstrip()
            keyword = words.by_word.get(each) or (bare and words.by_word.get(bare))
            if keyword:
                return NumberMatch(number, keyword)
        return None
