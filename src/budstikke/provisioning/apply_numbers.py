"""What a file changes of the numbers that phones write to, and of keywords on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.number_inventory import NumberKind
from budstikke.domain.text.word_matching import folded
from budstikke.provisioning.apply_number_entries import keyword_label, number_label
from budstikke.provisioning.apply_state import (
    Change,
    Row,
    State,
    Verb,
    after,
    compare,
    kept,
)
from budstikke.provisioning.apply_values import ApplyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from budstikke.provisioning.apply_entries import AccountEntry, File
    from budstikke.provisioning.apply_number_entries import (
        KeywordEntry,
        NumberEntry,
        OwnNumberEntry,
        SeriesEntry,
    )
    from budstikke.provisioning.apply_parse import Faults

    Dialects = Mapping[str, type[msgspec.Struct]]
    Accesses = Mapping[tuple[str, str], Row]
    """Those that there will be."""

LONGEST_SERIES = 13
"""Digits that one may begin with: its numbers have 14."""


def check_numbers(file: File, faults: Faults) -> None:
    """Note what a file alone shows to be wrong."""
    for number in file.number:
        if number.kind == "series" and len(number.key) > LONGEST_SERIES:
            what = f"{number_label(number.key)}: is too long for a series"
            faults.add(number.said.line, what)
    for account in file.account:
        if account.remove and (account.number or account.series or account.keyword):
            what = "is removed with all that it has: list nothing"
            faults.add(account.said.line, f"account {account.name}: {what}")
    seen: set[str] = set()
    names = [(each.said.line, number_label(each.key)) for each in _numbers(file)]
    names += [(e.said.line, keyword_label(e.key)) for _, e in _keywords(file)]
    for line, name in names:
        if name in seen:
            faults.add(line, f"{name} is there twice")
        seen.add(name)


def _owned(
    file: File,
) -> Iterator[tuple[AccountEntry, OwnNumberEntry | SeriesEntry, NumberKind]]:
    for account in file.account:
        yield from ((account, entry, NumberKind.OWNED) for entry in account.number)
        yield from ((account, entry, NumberKind.SERIES) for entry in account.series)


def _numbers(file: File) -> list[NumberEntry | OwnNumberEntry | SeriesEntry]:
    return [*file.number, *(entry for _, entry, _ in _owned(file))]


def _keywords(file: File) -> list[tuple[AccountEntry, KeywordEntry]]:
    return [(owner, entry) for owner in file.account for entry in owner.keyword]


def plan_numbers(
    file: File, state: State, accesses: Accesses, faults: Faults
) -> list[Change]:
    """Compare numbers, then keywords."""
    gone = {entry.name for entry in file.account if entry.remove}
    numbers: list[Change] = []
    keywords: list[Change] = []
    for entry in file.number:
        with faults.at(entry.said.line):
            numbers.append(_in_stock(entry, state))
    for each in _owned(file):
        with faults.at(each[1].said.line):
            numbers.append(_own(*each, state, accesses))
    for owner, word in _keywords(file):
        with faults.at(word.said.line):
            keywords.append(_keyword(owner, word, state, accesses))
    numbers += _left("number", state.number, numbers, state, gone)
    keywords += _left("keyword", state.keyword, keywords, state, gone)
    lost = {change.key for change in numbers if change.verb is Verb.REMOVED}
    known = {change.key for change in keywords}
    keywords += [
        Change(Verb.REMOVED, "keyword", key, {})
        for key in state.keyword
        if key[0] in lost and key not in known
    ]
    return [*numbers, *keywords]


def _left(
    table: str,
    rows: Mapping[Any, Row],
    changes: list[Change],
    state: State,
    gone: set[str],
) -> list[Change]:
    """Remove what accounts have that are removed."""
    named = {change.key for change in changes}
    return [
        Change(Verb.REMOVED, table, key, {})
        for key, row in rows.items()
        if key not in named and _owner(row, state) in gone
    ]


def _in_stock(entry: NumberEntry, state: State) -> Change:
    """Compare a number that is nobody's; an account that was given it keeps it."""
    if entry.remove:
        return compare("number", entry.key, state.number, None)
    there = state.number.get(entry.key)
    wanted = kept({"kind": entry.kind}, there, entry.said)
    if there is None or there["access"] is None:
        wanted |= {"access": None, "url": ""}
    elif there["kind"] != wanted["kind"]:
        raise ApplyError(f"{number_label(entry.key)}: an account has it")
    return compare("number", entry.key, state.number, wanted)


def _own(
    owner: AccountEntry,
    entry: OwnNumberEntry | SeriesEntry,
    kind: NumberKind,
    state: State,
    accesses: Accesses,
) -> Change:
    label = f"{number_label(entry.key)} of {owner.name}"
    there = state.number.get(entry.key)
    _check_owner(label, owner, there, state)
    wanted = None
    if not entry.remove:
        access = _choose(label, owner.name, entry.access, there, accesses)
        wanted = kept({"url": entry.url}, there, entry.said)
        wanted |= {"kind": kind.value, "access": access}
    return compare("number", entry.key, state.number, wanted)


def _keyword(
    owner: AccountEntry,
    entry: KeywordEntry,
    state: State,
    accesses: Accesses,
) -> Change:
    label = f"{keyword_label(entry.key)} of {owner.name}"
    there = state.keyword.get(entry.key)
    _check_owner(label, owner, there, state)
    wanted = None
    if not entry.remove:
        said = {
            "aliases": [" ".join(alias.split()) for alias in entry.aliases],
            "url": entry.url,
            "receipt": entry.receipt,
        }
        access = _choose(label, owner.name, entry.access, there, accesses)
        wanted = kept(said, there, entry.said) | {"access": access}
    return compare("keyword", entry.key, state.keyword, wanted)


def _owner(row: Row, state: State) -> str | None:
    """Find whose a number or keyword is."""
    access = state.access.get(row["access"])
    return None if access is None else str(access["account"])


def _check_owner(
    label: str, owner: AccountEntry, there: Row | None, state: State
) -> None:
    whose = _owner(there, state) if there is not None else None
    if whose not in (None, owner.name):
        raise ApplyError(f"{label}: is of account {whose}")


def _choose(
    label: str, account: str, given: str | None, there: Row | None, accesses: Accesses
) -> tuple[str, str]:
    """
    Find the access of a number or keyword; raises ApplyError.

    One that it has already, and that may be meant, it keeps: an account that gets a
    second access of a dialect has its numbers where they were.
    """
    found = _meant(account, given, accesses)
    if there is not None and there["access"] in found:
        now: tuple[str, str] = there["access"]
        return now
    return find_access(label, account, given, accesses)


def find_access(
    label: str, account: str, given: str | None, accesses: Accesses
) -> tuple[str, str]:
    """Find an access by its dialect, or ``dialect:id``; raises ApplyError."""
    found = _meant(account, given, accesses)
    if len(found) == 1:
        return found[0]
    if not found:
        raise ApplyError(f"{label}: access: it has no {given or 'access'}")
    named = ", ".join(sorted(":".join(key) for key in found))
    raise ApplyError(f"{label}: access: say which: {named}")


def _meant(
    account: str, given: str | None, accesses: Accesses
) -> list[tuple[str, str]]:
    """Find the accesses that are meant by a dialect, ``dialect:id``, or nothing."""
    dialect, _, identifier = (given or "").partition(":")
    return [
        key
        for key, row in accesses.items()
        if row["account"] == account
        and (not dialect or key[0] == dialect)
        and (not identifier or key[1] == identifier)
    ]


def check_inventory(
    changes: list[Change], state: State, accesses: Accesses, dialects: Dialects
) -> None:
    """Refuse an inventory that could not be routed by; raises ApplyError."""
    numbers = after("number", state.number, changes)
    keywords = after("keyword", state.keyword, changes)
    for value, row in numbers.items():
        if row["access"] is not None:
            _check_access(number_label(value), row["access"], accesses, dialects)
    taken: dict[tuple[str, str], str] = {}
    for (value, word), row in keywords.items():
        label = keyword_label((value, word))
        _check_access(label, row["access"], accesses, dialects)
        if value not in numbers:
            raise ApplyError(f"{label}: there is no {number_label(value)}")
        if numbers[value]["kind"] != NumberKind.SHARED:
            raise ApplyError(f"{label}: the number is not shared")
        for each in (word, *row["aliases"]):
            other = taken.setdefault((value, folded(each)), label)
            if other != label:
                raise ApplyError(f"{label}: {each or 'the default'} leads to {other}")


def _check_access(
    label: str, key: tuple[str, str], accesses: Accesses, dialects: Dialects
) -> None:
    row = accesses.get(key)
    name = ":".join(key)
    if row is None:
        raise ApplyError(f"{label}: there is no access {name}")
    if not two_way(key[0], row["settings"], dialects):
        raise ApplyError(f"{label}: access {name} is not two_way")


def two_way(dialect: str, settings: dict[str, Any], dialects: Dialects) -> bool:
    """Tell whether an access may get messages from phones, by its settings as JSON."""
    kind = dialects.get(dialect)
    if kind is None:
        return bool(settings.get("two_way", True))
    try:
        return bool(getattr(msgspec.convert(settings, kind), "two_way", True))
    except msgspec.ValidationError:  # of another access, which no gateway can use
        return False
