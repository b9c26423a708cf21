"""
Numbers that phones write to, keywords on them, and whose they are. Pure.

A shared number is routed by its keywords, an owned one and a series to one access.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


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


class Place(NamedTuple):
    """Where a message leads: ``number`` ``None``: a number nobody knows."""

    number: Number | None
    keyword: Keyword | None = None

    @property
    def access_id(self) -> int | None:
        """Whose it is; ``None``: nobody's."""
        if self.keyword is not None:
            return self.keyword.access_id
        return self.number.access_id if self.number is not None else None


@dataclass(frozen=True, slots=True)
class Inventory:
    """All numbers and keywords, by id, and indexed for look-ups."""

    numbers: Mapping[int, Number] = field(default_factory=dict)
    keywords: Mapping[int, Keyword] = field(default_factory=dict)
