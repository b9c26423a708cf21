"""
Numbers that phones write to, their keywords, and the accesses they belong to. Pure.

A shared number is routed by its keywords; an owned one or a series goes to one access.
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
    from collections.abc import Collection, Iterator, Mapping


class NumberKind(StrEnum):
    """How a message to a number finds its access."""

    SHARED = "shared"
    """By keyword: the longest that the text begins with, or the number's default."""
    OWNED = "owned"
    """All messages go to one access."""
    SERIES = "series"
    """So do those to any number that begins with it and has 14 digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """
    A number, or a series of them.

    Attributes:
        value: Digits; of a series, those that its numbers begin with.
        access_id: The access it goes to; ``None``: it is shared, or nobody has it.
        url: Where its callbacks go; empty: to the access's URL.

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
        word: As reported to customers: one or more words; empty: the number's default.
        aliases: Other spellings.
        access_id: The access it goes to.
        url: Where its callbacks go; empty: to the access's URL.
        receipt: The auto-reply; ``%HTTP_PUSH_RESPONSE%`` in it stands for the
            customer's answer. Empty: none.

    """

    id: int
    number_id: int
    word: str
    aliases: tuple[str, ...] = ()
    access_id: int
    url: str = ""
    receipt: str = ""


class NumberMatch(NamedTuple):
    """The number and keyword that a message matches; ``None``: none."""

    number: Number | None
    keyword: Keyword | None = None

    @property
    def access_id(self) -> int | None:
        """The access it goes to; ``None``: none."""
        if self.keyword is not None:
            return self.keyword.access_id
        return self.number.access_id if self.number is not None else None


_SHORTEST_WITH_CODE = 8
"""Digits of the shortest number with a country code; short numbers have fewer."""

_REPLY_DIGITS = 14
_AFTER = "".join(AFTER_A_WORD)
_MARKS = 8
"""Quotation marks and brackets around words to allow for in the text's beginning."""

_UNFOLDED = 4
"""Characters as written that become one folded character, at most."""


def overlapping_series(owners: Mapping[str, int | str]) -> Iterator[tuple[str, str]]:
    """
    Find series that have numbers in common and different owners: (inner, outer).

    ``owners``: by the beginning of a series, the account that has it.
    """
    outer: list[str] = []
    for series in sorted(owners):  # one that begins with another comes after it
        while outer and not series.startswith(outer[-1]):
            outer.pop()
        yield from ((series, each) for each in outer if owners[each] != owners[series])
        outer.append(series)


def is_reply_number(recipient: str) -> bool:
    """Whether digits are a short number with nine more: 14 of them."""
    return (
        len(recipient) == _REPLY_DIGITS and recipient.isascii() and recipient.isdigit()
    )


@dataclass(frozen=True, slots=True)
class _Words:
    """The keywords of one number: at most ``most`` words, ``longest`` characters."""

    by_word: dict[str, Keyword] = field(default_factory=dict)
    most: int = 0
    longest: int = 0

    def find(self, text: str) -> Keyword | None:
        """Return the longest keyword that a text begins with, or else the default."""
        head = self._head(text)
        bare = unquoted(head)
        longest = self._longest(head)
        if bare != head:
            longest = max(longest, self._longest(bare), key=len)
        return self.by_word.get(longest) if longest else self.by_word.get("")

    def _longest(self, head: str) -> str:
        """Return the longest word that a folded text begins with; empty: none."""
        for end in range(min(len(head), self.longest), 0, -1):
            if (end == len(head) or ends_word(head[end])) and (
                head[:end] in self.by_word
            ):
                return head[:end]
        return ""

    def _head(self, text: str) -> str:
        """Fold the beginning of a text: enough for the longest keyword."""
        room = _UNFOLDED * (self.longest + 1) + _MARKS
        words = visible(text).split(maxsplit=self.most + _MARKS)
        return folded(" ".join(words[: self.most + _MARKS])[:room])


def _index(keywords: Collection[Keyword]) -> dict[int, _Words]:
    by_number: dict[int, dict[str, Keyword]] = {}
    for keyword in keywords:
        words = by_number.setdefault(keyword.number_id, {})
        for alias in filter(None, map(folded, keyword.aliases)):
            words.setdefault(alias, keyword)
    for keyword in keywords:  # a word takes precedence over another keyword's alias
        word = folded(keyword.word)
        if word or not keyword.word.strip():  # skip a word of invisible characters
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
    """Index numbers by the digits after their country code; ``None``: not unique."""
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
        """Index numbers and keywords."""
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

    def find(self, recipient: str, text: str) -> NumberMatch:
        """
        Find the number and keyword of a message.

        First the number itself: owned, it goes to its access; shared, the longest
        keyword that the text begins with decides, or else the number's default. Then
        the series with the longest beginning of ``recipient``, if that has 14 digits.
        Then the same for ``_spelled``. ``domain.text.word_matching`` compares words;
        punctuation right after a word, and quotation marks and brackets around it, do
        not count, unless a keyword has them.

        Args:
            recipient: Digits.
            text: The message's.

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
        Find one of our numbers that the operator wrote in another way.

        That is without its country code, if only one of our numbers ends so, or with a
        country code that it does not have: ``472229`` is ``2229``.
        """
        code = calling_code(recipient)
        number = self._exact.get(recipient[len(code) :]) if code else None
        return number or self._national.get(recipient.lstrip("0"))

    def named(self, recipient: str, text: str) -> NumberMatch | None:
        """Return a shared number's keyword that equals the text; ``None``: none."""
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
