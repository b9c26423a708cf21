"""Compares a file with the present rows, and makes the plan."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from budstikke.provisioning.changes import Change, Faults, Plan, Row, State, Verb
from budstikke.provisioning.resource import (
    REFERENCES,
    Draft,
    Field,
    Key,
    Resource,
    Section,
    Source,
    columns_of,
    fields_of,
)
from budstikke.provisioning.resources import RESOURCES
from budstikke.provisioning.settings import merged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from budstikke.provisioning.resource import Entry
    from budstikke.provisioning.resources import File


@dataclass(frozen=True, slots=True)
class Secrets:
    """
    How to store secrets; ``servers.auth`` has the functions.

    ``alone`` are the dialects whose callers give nothing but a key.
    """

    hash: Callable[[str], str]
    verify: Callable[[str, str], bool]
    alone: Collection[str] = ()

    def stored(self, given: str | None, there: str | None) -> str | None:
        """Return the secret to store; ``None`` given: the stored one."""
        if given is None or (given and there and self.verify(given, there)):
            return there
        return self.hash(given) if given else None


@dataclass
class Planning:
    """
    A plan in the making.

    Attributes:
        state: The present state.
        now: Unix seconds.
        future: The rows after the plan, by resource and key, so far.
        lines: Lines of the file by resource and key.
        faulty: Rows with faults, which are missing in ``future``.

    """

    state: State
    source: Source
    secrets: Secrets
    now: float
    faults: Faults = field(default_factory=Faults)
    future: dict[str, dict[Key, Row]] = field(default_factory=dict)
    lines: dict[tuple[str, Key], int] = field(default_factory=dict)
    faulty: set[tuple[str, Key]] = field(default_factory=set)
    removed: set[tuple[str, Key]] = field(default_factory=set)

    @cached_property
    def accesses(self) -> dict[str, list[Key]]:
        """List each account's accesses after the plan."""
        found: dict[str, list[Key]] = {}
        for key, row in self.future["access"].items():
            found.setdefault(row["account"], []).append(key)
        return found

    def change(self, resource: Resource, file: File) -> Iterator[Change]:
        """Compare the rows of a resource with the file's entries."""
        rows = self.state.rows[resource.name]
        future = self.future[resource.name] = dict(rows)
        for section in resource.sections:
            for owner, entry in section.entries(file):
                for change in self._entry(resource, section, owner, entry):
                    if change.resource == resource.name:
                        future.pop(change.key, None)
                        if change.values:
                            there = rows.get(change.key, {})
                            future[change.key] = {**there, **change.values}
                    yield change
        if self.removed:
            for key, row in rows.items():
                with_it = resource.goes_with(key, row, self)
                if (
                    resource.name,
                    key,
                ) not in self.lines and not self.removed.isdisjoint(with_it):
                    del future[key]
                    yield self._removal(resource, key, row)

    def _entry(
        self, resource: Resource, section: Section[Any], owner: str | None, entry: Entry
    ) -> Iterator[Change]:
        key = section.key(owner, entry)
        name = resource.name, key
        there = self.state.rows[resource.name].get(key)
        label, line = resource.label(key), entry.given.line
        self.lines[name] = line
        draft = Draft(owner, entry, key, there, {}, self)
        if self.faults.note(line, label, section.allow(draft)):
            self.faulty.add(name)
        elif entry.remove:
            yield self._removal(resource, key, there)
        else:
            draft.row = _merged(entry, there, self.secrets)
            if self.faults.note(line, label, section.complete(draft)):
                self.faulty.add(name)
                return
            fields = (
                () if there is None else tuple(_differing(resource, there, draft.row))
            )
            verb = Verb.CHANGED if fields else Verb.UNCHANGED
            if there is None:
                verb = Verb.ADDED
            yield Change(verb, resource.name, key, label, there, draft.row, fields)
            if there is None:
                yield from section.along(draft)

    def _removal(self, resource: Resource, key: Key, there: Row | None) -> Change:
        self.removed.add((resource.name, key))
        verb = Verb.UNCHANGED if there is None else Verb.REMOVED
        return Change(verb, resource.name, key, resource.label(key), there, {})

    def check_references(self, resource: Resource) -> None:
        """Note rows that would refer to rows that will not exist."""
        columns = columns_of(resource).items()
        refer = [(key, c.refers_to) for key, c in columns if c and c.refers_to]
        for key, row in self.future[resource.name].items():
            names = []
            if (resource.name, key) in self.lines:  # others go with their owner
                parts = zip(resource.key, resource.parts_of(key), strict=True)
                names += [(REFERENCES[c], name) for c, name in parts if c in REFERENCES]
            for column, table in refer:
                there = row.get(column)
                several = there if isinstance(there, list) else [there]
                names += [(table, name) for name in several]
            for table, name in names:
                if name is not None and name not in self.future[table]:
                    self._missing(resource, key, table, name)

    def _missing(self, resource: Resource, key: Key, table: str, name: Key) -> None:
        if (table, name) not in self.faulty:
            what = next(each for each in RESOURCES if each.name == table).label(name)
            self.note(resource, key, f"there is no {what}")

    def note(self, resource: Resource, key: Key, what: str) -> None:
        """Note a fault of a row, at its line in the file."""
        line = self.lines.get((resource.name, key), 0)
        self.faults.add(line, f"{resource.label(key)}: {what}")


def make_plan(file: File, state: State, secrets: Secrets, now: float) -> Plan:
    """
    Compare a file with the present state.

    Rows without an entry stay, and so do the fields that an entry leaves out; a new row
    gets defaults for them. Raises ApplyError with all entries that are incomplete or
    refer to rows that will not exist.
    """
    planning = Planning(state, file.source, secrets, now)
    changes = [change for each in RESOURCES for change in planning.change(each, file)]
    for resource in RESOURCES:
        planning.check_references(resource)
        for key, what in resource.whole(planning):
            planning.note(resource, key, what)
    planning.faults.check()
    return Plan(state.revision, tuple(changes))


def _merged(entry: Entry, there: Row | None, secrets: Secrets) -> dict[str, Any]:
    """Merge an entry of the file into its row: keys that it lacks keep their values."""
    return {
        field.key: _value(field, entry, there, secrets)
        for field in fields_of(type(entry))
        if field.stored.kept
    }


def _value(field: Field, entry: Entry, there: Row | None, secrets: Secrets) -> Any:
    value = getattr(entry, field.name)
    present: Any = None if there is None else there[field.key]
    if field.stored.secret:
        return secrets.stored(value, present)
    if field.stored.merged:
        return merged(present or {}, value, entry.given)
    if there is not None and field.key not in entry.given.keys:
        return present
    return field.stored.convert(value)


def _differing(resource: Resource, there: Row, wanted: Row) -> Iterator[str]:
    for key in columns_of(resource):
        if key not in wanted or there[key] == wanted[key]:
            continue
        if key != "settings":
            yield key
            continue
        old, new = there[key], wanted[key]
        for name in sorted({**old, **new}):
            if (name in old, old.get(name)) != (name in new, new.get(name)):
                yield f"settings.{name}"
