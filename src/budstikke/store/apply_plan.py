"""
What a file changes: the rows that are there against the rows that it wants.

Rows refer to each other by name here; ``store.apply`` turns names into ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.store.apply_file import ApplyError, access_label, route_label

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from budstikke.store.apply_file import AccessEntry, AccountEntry, File


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
    """What is there of all that a file may speak of, by what tells one from another."""

    revision: int
    carrier: Mapping[str, Row]
    account: Mapping[str, Row]
    access: Mapping[tuple[str, str], Row]
    route: Mapping[tuple[str | None, str], Row]
    suppression: Mapping[str, Row]


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
    "suppression": lambda number: f"suppression {number}",
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


@dataclass(frozen=True, slots=True)
class Secrets:
    """How secrets are stored: ``servers.auth`` has both."""

    hash: Callable[[str], str]
    verify: Callable[[str, str], bool]


def make_plan(file: File, state: State, secrets: Secrets) -> Plan:
    """
    Compare a file with what is there.

    What the file does not name stays. An entry that it names becomes as it says,
    with defaults for what it leaves out; but a password that it leaves out stays.

    Raises ApplyError when an entry refers to what there will not be.
    """
    changes = [
        *_carriers(file, state),
        *_accounts(file, state),
        *_accesses(file, state, secrets),
        *_routes(file, state),
        *_suppressions(file, state),
    ]
    _check_references(changes, state)
    return Plan(state.revision, tuple(changes))


def _carriers(file: File, state: State) -> list[Change]:
    return [
        _change(
            "carrier",
            entry.name,
            state.carrier,
            None
            if entry.remove
            else {"kind": entry.kind, "settings": _plain(entry.settings)},
        )
        for entry in file.carrier
    ]


def _accounts(file: File, state: State) -> list[Change]:
    changes = []
    for entry in file.account:
        wanted = {
            "blocked": entry.blocked,
            "grants": entry.originators,
            "unsure": entry.unsure,
            "unsure_after": entry.unsure_after,
        }
        gone = None if entry.remove else wanted
        changes.append(_change("account", entry.name, state.account, gone))
        if entry.remove:
            changes += _belongings(entry.name, state, file)
    return changes


def _belongings(account: str, state: State, file: File) -> list[Change]:
    """Remove what a removed account has, but for what the file names itself."""
    named = {access.key for _, access in file.accesses} | {r.key for r in file.route}
    return [
        Change(Verb.REMOVED, table, key, {})
        for table, rows in (("access", state.access), ("route", state.route))
        for key, row in rows.items()
        if row["account"] == account and key not in named
    ]


def _accesses(file: File, state: State, secrets: Secrets) -> list[Change]:
    changes = []
    for owner, entry in file.accesses:
        label = access_label(entry.key)
        there = state.access.get(entry.key)
        if there and there["account"] != owner.name:
            raise ApplyError(f"{label}: is of account {there['account']}")
        wanted = None if entry.remove else _access(owner, entry, there, secrets)
        if wanted and not wanted["secret"] and not wanted["networks"]:
            raise ApplyError(f"{label}: needs password, password_env or allow_from")
        changes.append(_change("access", entry.key, state.access, wanted))
    return changes


def _access(
    owner: AccountEntry, entry: AccessEntry, there: Row | None, secrets: Secrets
) -> dict[str, Any]:
    stored = there["secret"] if there else None
    if entry.password == "":
        stored = None
    elif entry.password and not (stored and secrets.verify(entry.password, stored)):
        stored = secrets.hash(entry.password)
    return {
        "account": owner.name,
        "secret": stored,
        "networks": entry.allow_from,
        "require_https": entry.require_https,
        "blocked": entry.blocked,
        "settings": _plain(entry.settings),
    }


def _plain(settings: dict[str, Any]) -> Any:
    """Turn settings into what JSON has: TOML has dates."""
    return msgspec.json.decode(msgspec.json.encode(settings))


def _routes(file: File, state: State) -> list[Change]:
    return [
        _change(
            "route",
            entry.key,
            state.route,
            None
            if entry.remove
            else {"account": entry.account, "carriers": entry.carriers},
        )
        for entry in file.route
    ]


def _suppressions(file: File, state: State) -> list[Change]:
    return [
        _change(
            "suppression",
            entry.number,
            state.suppression,
            None if entry.remove else {"reason": entry.reason},
        )
        for entry in file.suppression
    ]


def _change(
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
}
"""Columns that the file calls otherwise."""


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


def _check_references(changes: list[Change], state: State) -> None:
    """Refuse routes whose carriers or account there will not be."""
    carriers, accounts = set(state.carrier), set(state.account)
    routes = dict(state.route)
    for change in changes:
        if change.table == "carrier":
            _follow(carriers, change)
        elif change.table == "account":
            _follow(accounts, change)
        elif change.table == "route" and change.verb is Verb.REMOVED:
            del routes[change.key]
        elif change.table == "route" and change.values:
            routes[change.key] = change.values
    for key, values in routes.items():
        for name in values["carriers"]:
            if name not in carriers:
                raise ApplyError(f"{route_label(key)}: there is no carrier {name}")
        if key[0] is not None and key[0] not in accounts:
            raise ApplyError(f"{route_label(key)}: there is no account {key[0]}")


def _follow(names: set[str], change: Change) -> None:
    if change.verb is Verb.REMOVED:
        names.discard(change.key)
    elif change.values:
        names.add(change.key)
