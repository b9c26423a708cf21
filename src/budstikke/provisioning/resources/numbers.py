"""Numbers that phones write to, series of them, and keywords on shared numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

from msgspec import Meta

from budstikke.domain.number_inventory import NumberKind, overlapping_series
from budstikke.domain.text.word_matching import folded
from budstikke.provisioning.resource import (
    KEY,
    Draft,
    Entry,
    PlanView,
    Resource,
    Section,
    Source,
    Stored,
)
from budstikke.provisioning.resources.accesses import is_two_way
from budstikke.provisioning.values import Digits, Name, Reply, SeriesPrefix, Url, Word
from budstikke.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budstikke.provisioning.changes import Row
    from budstikke.provisioning.resource import Key


def _digits(written: str) -> str:
    return written.removeprefix("+")


DIGITS = replace(KEY, convert=_digits)
AccessName = Annotated[
    Name | None,
    Stored("access_id"),
    "Which of the account's accesses gets the messages: its dialect, or `dialect:id`. "
    "Not needed if there is only one.",
]
PushUrl = Annotated[
    Url, "URL for callbacks of these messages. Empty: the URL of the access."
]


class StockEntry(Entry, kw_only=True):
    """``[[number]]``: a number that belongs to no single account."""

    value: Annotated[
        Digits, DIGITS, "Digits, or `+` and digits. For a series, its first digits."
    ]
    kind: Annotated[
        Literal["shared", "owned", "series"],
        "`shared`: many accounts may have keywords on it. `owned`, `series`: in stock "
        "until an account gets it.",
    ] = "shared"
    remove: Annotated[bool, "Remove it, with the keywords on it."] = False


class NumberEntry(Entry, kw_only=True):
    """``[[account.number]]``: a number whose messages all go to the account."""

    value: Annotated[Digits, DIGITS, "Digits, or `+` and digits."]
    access: AccessName = None
    url: PushUrl = ""


class SeriesEntry(Entry, kw_only=True):
    """``[[account.series]]``: numbers of 14 digits with the same beginning."""

    prefix: Annotated[
        SeriesPrefix, KEY, "The digits that its numbers begin with: `26114123`."
    ]
    access: AccessName = None
    url: PushUrl = ""


class KeywordEntry(Entry, kw_only=True):
    """``[[account.keyword]]``: a word on a shared number."""

    number: Annotated[Digits, DIGITS, "The shared number."]
    word: Annotated[
        Word,
        replace(KEY, convert=lambda word: " ".join(word.split())),
        "One or more words, as callbacks show them. Empty: the default keyword.",
    ]
    aliases: Annotated[
        list[Annotated[Word, Meta(min_length=1)]],
        Stored(convert=lambda aliases: [" ".join(each.split()) for each in aliases]),
        "Other spellings. Upper and lower case are equal anyway.",
    ] = []
    access: AccessName = None
    url: PushUrl = ""
    receipt: Annotated[
        Reply,
        "The auto-reply to the phone. `%HTTP_PUSH_RESPONSE%` in it stands for the "
        "answer of your server. Empty: no auto-reply.",
    ] = ""


Owned = TypeVar("Owned", NumberEntry, SeriesEntry, KeywordEntry)

LONGEST_SERIES = 13
"""Digits of the longest beginning: the numbers have 14."""


def _check_stock(entry: StockEntry, _: Source) -> Iterator[str]:
    if entry.kind == "series" and len(_digits(entry.value)) > LONGEST_SERIES:
        yield "is too long for a series"


def _complete_stock(draft: Draft[StockEntry]) -> Iterator[str]:
    """Keep a number for the account that it was given to."""
    there = draft.there
    if there is None:
        draft.row |= {"access": None, "url": ""}
    elif there["access"] is not None and there["kind"] != draft.row["kind"]:
        yield "an account owns it"


def _allow_owner(draft: Draft[Owned]) -> Iterator[str]:
    there = draft.there
    account = None if there is None else account_of(there, draft.planning)
    if account not in (None, draft.owner):
        yield f"belongs to account {account}, not {draft.owner}"


def account_of(row: Row, planning: PlanView) -> str | None:
    """Return the account that has a number or keyword."""
    access = planning.state.rows["access"].get(row["access"])
    return None if access is None else str(access["account"])


def _complete_number(draft: Draft[NumberEntry]) -> Iterator[str]:
    draft.row["kind"] = NumberKind.OWNED.value
    yield from _choose_access(draft)


def _complete_series(draft: Draft[SeriesEntry]) -> Iterator[str]:
    draft.row["kind"] = NumberKind.SERIES.value
    yield from _choose_access(draft)


def _choose_access(draft: Draft[Owned]) -> Iterator[str]:
    """
    Choose the access of a number or keyword: by ``dialect``, ``dialect:id``, or none.

    It keeps the access that it has, if that may be meant: a second access of a dialect
    does not take over an account's numbers.
    """
    dialect, _, identifier = (draft.entry.access or "").partition(":")
    meant = [
        key
        for key in draft.planning.accesses.get(draft.owner or "", ())
        if dialect in ("", key[0]) and identifier in ("", key[1])
    ]
    present = draft.there and draft.there["access"]
    if present in meant or len(meant) == 1:
        draft.row["access"] = present if present in meant else meant[0]
    elif meant:
        named = ", ".join(sorted(":".join(key) for key in meant))
        yield f"access: say which of account {draft.owner} is meant: {named}"
    else:
        yield f"access: account {draft.owner} has no {draft.entry.access or 'access'}"


def _goes_with(key: Key, row: Row, planning: PlanView) -> Iterator[tuple[str, Key]]:
    if (account := account_of(row, planning)) is not None:
        yield "account", account
    if isinstance(key, tuple):
        yield "number", key[0]


def _two_way_faults(resource: str, planning: PlanView) -> Iterator[tuple[Key, str]]:
    """Find numbers or keywords of accesses that get no inbound messages."""
    accesses = planning.future["access"]
    for key, row in planning.future[resource].items():
        if access := accesses.get(row["access"]):
            dialect, identifier = row["access"]
            dialects = planning.source.dialects
            if not is_two_way(dialect, access["settings"], dialects):
                yield key, f"access {dialect}:{identifier} is not two_way"


def _number_faults(planning: PlanView) -> Iterator[tuple[Key, str]]:
    """Find numbers of the wrong accesses, and series of two accounts that overlap."""
    yield from _two_way_faults("number", planning)
    accesses = planning.future["access"]
    owners = {
        str(key): str(accesses[row["access"]]["account"])
        for key, row in planning.future["number"].items()
        if row["kind"] == NumberKind.SERIES and row["access"] in accesses
    }
    for inner, outer in overlapping_series(owners):
        yield inner, f"series {inner} overlaps {outer} of account {owners[outer]}"


def _keyword_faults(planning: PlanView) -> Iterator[tuple[Key, str]]:
    """Find keywords that cannot route messages."""
    yield from _two_way_faults("keyword", planning)
    numbers = planning.future["number"]
    first: dict[tuple[str, str], Key] = {}
    for key, row in planning.future["keyword"].items():
        number, word = key
        if number in numbers and numbers[number]["kind"] != NumberKind.SHARED:
            yield key, "the number is not shared"
        for each in (word, *row["aliases"]):
            other = first.setdefault((number, folded(each)), key)
            if other != key:
                yield key, f"{each or 'the default'} leads to {KEYWORD.label(other)}"


NUMBER = Resource(
    table=schema.number,
    key=("value",),
    label=lambda value: f"number {value}",
    sections=(
        Section(
            path="number",
            entry=StockEntry,
            check=_check_stock,
            complete=_complete_stock,
        ),
        Section(
            path="account.number",
            entry=NumberEntry,
            allow=_allow_owner,
            complete=_complete_number,
        ),
        Section(
            path="account.series",
            entry=SeriesEntry,
            allow=_allow_owner,
            complete=_complete_series,
        ),
    ),
    goes_with=_goes_with,
    whole=_number_faults,
)

KEYWORD = Resource(
    table=schema.keyword,
    key=("number_id", "word"),
    label=lambda key: f"keyword {key[1] or '(default)'} on {key[0]}",
    sections=(
        Section(
            path="account.keyword",
            entry=KeywordEntry,
            allow=_allow_owner,
            complete=_choose_access,
        ),
    ),
    goes_with=_goes_with,
    whole=_keyword_faults,
)
