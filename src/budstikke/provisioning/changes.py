"""What is there, what becomes of it, and the plan that a person reads."""

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
A row as the file's keys have it: amounts in micros, other rows by their keys.

A row that is there has its ``id``, too.
"""


class Verb(StrEnum):
    """What becomes of an entry."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    UNCHANGED = "unchanged"


MARKS = {Verb.ADDED: "+", Verb.CHANGED: "~", Verb.REMOVED: "-"}


@dataclass(frozen=True, slots=True)
class State:
    """What is there: rows by resource and key, and the revision of the directory."""

    revision: int
    rows: Mapping[str, Mapping[Any, Row]]


@dataclass(frozen=True, slots=True)
class Change:
    """
    What becomes of one row.

    Attributes:
        resource: Its name.
        key: What tells it from others of its table.
        label: Names it for people.
        there: The row as it is; ``None``: it is new.
        values: As it will be.
        fields: Names of what differs; never values, since some are secrets.

    """

    verb: Verb
    resource: str
    key: Any
    label: str
    there: Row | None
    values: Row
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name the row and what differs."""
        return f"{self.label}: {', '.join(self.fields)}" if self.fields else self.label


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


@dataclass
class Faults:
    """What is wrong with a file: lines (0: unknown) and sentences."""

    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """Note a fault."""
        self.found.append((line, what))

    def note(self, line: int, label: str, faults: Iterable[str]) -> bool:
        """Note faults of one entry; tells whether there were any."""
        before = len(self.found)
        self.found += ((line, f"{label}: {what}") for what in faults)
        return len(self.found) > before

    def check(self) -> None:
        """Raise ApplyError with all of them, a line each, if there are any."""
        if self.found:
            faults = dict.fromkeys(sorted(self.found, key=lambda fault: fault[0]))
            raise ApplyError(
                "\n".join(f"line {at}: {what}" if at else what for at, what in faults)
            )
