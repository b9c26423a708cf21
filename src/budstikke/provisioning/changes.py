"""The present state, the changes to it, and the plan that people read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from budstikke.provisioning.values import ApplyError

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = Mapping[str, Any]
"""
A row with the file's keys: amounts in micros, references to rows by their keys.

A row of the database has its ``id``, too.
"""


class Verb(StrEnum):
    """What happens to a row."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


MARKS = {Verb.ADDED: "+", Verb.CHANGED: "~", Verb.REMOVED: "-"}


@dataclass(frozen=True, slots=True)
class State:
    """The present rows, by resource and key, and the directory's revision."""

    revision: int
    rows: Mapping[str, Mapping[Any, Row]]


@dataclass(frozen=True, slots=True)
class Change:
    """
    The change of one row.

    Attributes:
        resource: Its name.
        key: The row's key in its table.
        label: Its name for people.
        there: The present row; ``None``: it is new.
        values: The row after the change.
        fields: Names of the fields that change, without values: some are secrets.

    """

    verb: Verb
    resource: str
    key: Any
    label: str
    there: Row | None
    values: Row
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Describe the row and its fields that change."""
        return f"{self.label}: {', '.join(self.fields)}" if self.fields else self.label


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes; ``revision`` is that of the state that they are made from."""

    revision: int
    changes: tuple[Change, ...]

    @property
    def effective(self) -> list[Change]:
        """List the changes that change something."""
        return [change for change in self.changes if change.verb is not Verb.UNCHANGED]

    def lines(self) -> list[str]:
        """Describe the changes for people, a line each, and a line of counts."""
        counts = Counter(change.verb for change in self.changes)
        total = ", ".join(f"{counts[verb]} {verb}" for verb in Verb)
        return [*(f"{MARKS[c.verb]} {c}" for c in self.effective), total]


@dataclass
class Faults:
    """Faults of a file: lines (0: unknown) and sentences."""

    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """Add a fault."""
        self.found.append((line, what))

    def note(self, line: int, label: str, faults: Iterable[str]) -> bool:
        """Add the faults of an entry; return whether there were any."""
        before = len(self.found)
        self.found += ((line, f"{label}: {what}") for what in faults)
        return len(self.found) > before

    def check(self) -> None:
        """Raise ApplyError with all faults, a line each, if there are any."""
        if self.found:
            faults = dict.fromkeys(sorted(self.found, key=lambda fault: fault[0]))
            raise ApplyError(
                "\n".join(f"line {at}: {what}" if at else what for at, what in faults)
            )
