"""What is there and what changes, row by row; rows refer to each other by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from budstikke.provisioning.apply_entries import (
    access_label,
    of,
    route_label,
    suppression_label,
)
from budstikke.provisioning.apply_number_entries import keyword_label, number_label

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from budstikke.provisioning.apply_values import Said


class Verb(StrEnum):
    """What becomes of an entry."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


MARKS = {Verb.ADDED: "+", Verb.CHANGED: "~", Verb.REMOVED: "-"}


Row = Mapping[str, Any]
"""Columns and what they hold; references by name."""


@dataclass(frozen=True, slots=True)
class State:
    """
    What is there of all that a file may speak of, by what tells one from another.

    ``contact_group`` has a row for each group that the file names, and for each number
    in it its contact: (name, active). ``kept`` are the accounts with a ledger.
    """

    revision: int
    carrier: Mapping[str, Row]
    account: Mapping[str, Row]
    access: Mapping[tuple[str, str], Row]
    route: Mapping[tuple[str | None, str], Row]
    suppression: Mapping[tuple[str | None, str], Row]
    price_list: Mapping[str, Row]
    fee: Mapping[tuple[str, str], Row]
    number: Mapping[str, Row]
    keyword: Mapping[tuple[str, str], Row]
    contact_group: Mapping[tuple[str, str], Mapping[str, tuple[str, bool]]]
    kept: frozenset[str]


@dataclass(frozen=True, slots=True)
class Change:
    """
    What becomes of one row.

    Attributes:
        table: Its name.
        key: What tells it from others of its table.
        values: Columns as they shall be, references by name.
        fields: Names of what differs; never values, since some are secrets.

    """

    verb: Verb
    table: str
    key: Any
    values: Row
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name the row and what differs."""
        label = LABELS[self.table](self.key)
        return f"{label}: {', '.join(self.fields)}" if self.fields else label


LABELS: dict[str, Callable[[Any], str]] = {
    "carrier": lambda name: f"carrier {name}",
    "account": lambda name: f"account {name}",
    "access": access_label,
    "route": route_label,
    "suppression": suppression_label,
    "price_list": lambda name: f"price_list {name}",
    "number": number_label,
    "keyword": keyword_label,
    "fee": lambda key: f"fee {key[1]}{of(key[0])}",
    "contact_group": lambda key: f"group {key[1]}{of(key[0])}",
    "ledger": lambda key: f"{key[1]}{of(key[0])}",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes; ``revision`` is the state that they were made from."""

    revision: int
    changes: tuple[Change, ...]

    @property
    def effective(self) -> list[Change]:
        """Those that change something."""
        return [change for change in self.changes if change.verb is not Verb.UNCHANGED]

    def lines(self) -> list[str]:
        """Write what changes for a person, a line each, and a line of counts."""
        counts = Counter(change.verb for change in self.changes)
        total = ", ".join(f"{counts[verb]} {verb}" for verb in Verb)
        return [*(f"{MARKS[c.verb]} {c}" for c in self.effective), total]


def compare(
    table: str,
    key: Hashable,
    rows: Mapping[Any, Row],
    wanted: Row | None,
) -> Change:
    """Compare one row with what is wanted of it; ``None``: that it is not there."""
    there = rows.get(key)
    if wanted is None:
        verb = Verb.REMOVED if there else Verb.UNCHANGED
        return Change(verb, table, key, {})
    if there is None:
        return Change(Verb.ADDED, table, key, wanted)
    fields = tuple(_differing(there, wanted))
    return Change(
        Verb.CHANGED if fields else Verb.UNCHANGED, table, key, wanted, fields
    )


FIELD_NAMES = {
    "grants": "originators",
    "networks": "allow_from",
    "secret": "password",
    "prices": "price",
}
"""Columns that the file calls otherwise."""


def kept(wanted: Row, there: Row | None, said: Said) -> dict[str, Any]:
    """Say what a row becomes: what its entry does not say stays as it is there."""
    if there is None:
        return dict(wanted)
    return {
        column: value if FIELD_NAMES.get(column, column) in said.keys else there[column]
        for column, value in wanted.items()
    }


def _differing(there: Row, wanted: Row) -> list[str]:
    found = []
    for column, value in wanted.items():
        name = FIELD_NAMES.get(column, column)
        if column == "settings":
            keys = sorted({**there[column], **value})
            old, new = there[column], value
            found += [
                f"settings.{key}"
                for key in keys
                if (key in old, old.get(key)) != (key in new, new.get(key))
            ]
        elif there[column] != value:
            found.append(name)
    return found


def after(table: str, rows: Mapping[Any, Row], changes: list[Change]) -> dict[Any, Row]:
    """Say what there will be of a table."""
    found = dict(rows)
    for change in changes:
        if change.table == table and change.verb is Verb.REMOVED:
            del found[change.key]
        elif change.table == table and change.values:
            found[change.key] = {**found.get(change.key, {}), **change.values}
    return found
