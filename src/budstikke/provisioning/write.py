"""Writes a plan, as resources declare it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from budstikke.provisioning.acts import touch_directory, write_audit
from budstikke.provisioning.changes import Change, Plan, State, Verb
from budstikke.provisioning.resource import (
    REFERENCES,
    Column,
    Key,
    Resource,
    columns_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Ids:
    """The ids of rows by resource and key: present ones, and new ones."""

    def __init__(self, connection: Connection, state: State) -> None:
        self._connection = connection
        self._found = {
            name: {key: row.get("id") for key, row in rows.items()}
            for name, rows in state.rows.items()
        }

    def of(self, resource: str, key: Key) -> int | None:
        """Return an id; without a key, ``None``."""
        return None if key is None else self._found[resource][key]

    def refresh(self, resource: Resource) -> None:
        """Read the ids again: rows were added."""
        table = resource.table
        if "id" not in table.c:
            return
        names = {
            column: {id_: key for key, id_ in self._found[REFERENCES[column]].items()}
            for column in resource.key
            if column in REFERENCES
        }
        rows = self._connection.execute(
            select(table.c.id, *(table.c[column] for column in resource.key))
        )
        for id_, *values in rows:
            parts = zip(resource.key, values, strict=True)
            key = resource.key_of(
                names[c].get(v) if c in names else v for c, v in parts
            )
            self._found[resource.name][key] = id_


def write(
    connection: Connection,
    plan: Plan,
    state: State,
    resources: Sequence[Resource],
    *,
    actor: str,
    now: float,
) -> None:
    """
    Carry a plan out within a transaction; ``state`` is what it was made from.

    Each of ``resources`` refers only to those before it.
    """
    ids = Ids(connection, state)
    changes = plan.effective
    for resource in reversed(resources):
        _remove(connection, resource, _those(changes, resource, Verb.REMOVED), ids)
    for resource in resources:
        _change(connection, resource, _those(changes, resource, Verb.CHANGED), ids)
        _add(connection, resource, _those(changes, resource, Verb.ADDED), ids)
    acts = [f"{change.verb} {change}" for change in changes]
    write_audit(connection, actor, acts, now)
    touch_directory(connection)


def _those(changes: list[Change], resource: Resource, verb: Verb) -> list[Change]:
    return [c for c in changes if c.resource == resource.name and c.verb is verb]


def _remove(
    connection: Connection, resource: Resource, changes: list[Change], ids: Ids
) -> None:
    if changes:
        resource.before_removal(connection, changes)
        connection.execute(
            delete(resource.table).where(*_this_row(resource)),
            [_marked(resource, change, ids) for change in changes],
        )


def _change(
    connection: Connection, resource: Resource, changes: list[Change], ids: Ids
) -> None:
    rows: dict[frozenset[str], list[dict[str, Any]]] = {}
    for change in changes:
        columns = _columns(resource, change, ids)
        if columns:
            row = columns | _marked(resource, change, ids)
            rows.setdefault(frozenset(columns), []).append(row)
    for same in rows.values():
        connection.execute(update(resource.table).where(*_this_row(resource)), same)
    _write_below(connection, resource, changes, ids)


def _add(
    connection: Connection, resource: Resource, changes: list[Change], ids: Ids
) -> None:
    if changes:
        connection.execute(
            insert(resource.table),
            [
                _columns(resource, change, ids) | _key_columns(resource, change, ids)
                for change in changes
            ],
        )
        ids.refresh(resource)
        _write_below(connection, resource, changes, ids)


def _write_below(
    connection: Connection, resource: Resource, changes: list[Change], ids: Ids
) -> None:
    if changes and "id" in resource.table.c:
        found = [(ids.of(resource.name, change.key) or 0, change) for change in changes]
        resource.write_below(connection, found)


def _this_row(resource: Resource) -> list[ColumnElement[bool]]:
    """Select a row by its id, if it has one, and its key."""
    columns = resource.table.c
    return [
        columns[name].is_not_distinct_from(bindparam(f"the_{name}"))
        if columns[name].nullable
        else columns[name] == bindparam(f"the_{name}")
        for name in (*(["id"] if "id" in columns else []), *resource.key)
    ]


def _marked(resource: Resource, change: Change, ids: Ids) -> dict[str, Any]:
    row = _key_columns(resource, change, ids)
    if "id" in resource.table.c:
        row["id"] = ids.of(resource.name, change.key)
    return {f"the_{name}": value for name, value in row.items()}


def _key_columns(resource: Resource, change: Change, ids: Ids) -> dict[str, Any]:
    parts = zip(resource.key, resource.parts_of(change.key), strict=True)
    found = {}
    for name, value in parts:
        found[name] = ids.of(REFERENCES[name], value) if name in REFERENCES else value
        if found[name] is None and not resource.table.c[name].nullable:
            found[name] = 0  # the account_id of a common row
    return found


def _columns(resource: Resource, change: Change, ids: Ids) -> dict[str, Any]:
    """Return the columns of a row; a key without a field is a column's name."""
    known = columns_of(resource)
    columns = {key: known.get(key, Column(key)) for key in change.values}
    return {
        column.name: _stored(column, change.values[key], ids)
        for key, column in columns.items()
        if column is not None
    }


def _stored(column: Column, value: Any, ids: Ids) -> Any:
    """Write keys of other rows as ids, and lists and tables as JSON."""
    if column.each:
        value = [ids.of(column.each, key) for key in value]
    elif column.refers_to:
        return ids.of(column.refers_to, value)
    return msgspec.json.encode(value).decode() if column.json else value
