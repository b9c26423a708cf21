"""Reads the present state, as resources declare it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, select

from budstikke.provisioning.changes import State
from budstikke.provisioning.resource import (
    REFERENCES,
    Column,
    Key,
    Resource,
    columns_of,
)
from budstikke.store.admin import read_revision

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from budstikke.provisioning.resources import File

AT_A_TIME = 500
"""Values to look up in one statement."""


@dataclass(slots=True)
class Reading:
    """A state that is being read; ``names`` are keys by resource and id, so far."""

    connection: Connection
    file: File
    names: dict[str, dict[int, Key]] = field(default_factory=dict)

    def rows(
        self, resource: Resource, *only: ColumnElement[bool]
    ) -> dict[Key, dict[str, Any]]:
        """Read the rows of a resource that match ``only``."""
        columns = [Column(name) for name in resource.key]
        fields = [""] * len(columns)
        for field_key, column in columns_of(resource).items():
            if column is not None:
                columns.append(column)
                fields.append(field_key)
        if "id" in resource.table.c:
            columns.append(Column("id"))
            fields.append("id")
        load, size = [self._loader(column) for column in columns], len(resource.key)
        found: dict[Key, dict[str, Any]] = {}
        statement = select(*(resource.table.c[each.name] for each in columns))
        for stored in self.connection.execute(statement.where(*only)):
            values = [
                loaded(value) if loaded else value
                for loaded, value in zip(load, stored, strict=True)
            ]
            row = dict(zip(fields[size:], values[size:], strict=True))
            found[resource.key_of(values[:size])] = row
        return found

    def _loader(self, column: Column) -> Callable[[Any], Any] | None:
        """Return the function that reads a column's value: JSON, or an id as a key."""
        if column.name in REFERENCES:
            return self.names[REFERENCES[column.name]].get
        if column.each:
            names = self.names[column.each]
            return lambda text: [
                names.get(id_, f"no. {id_}") for id_ in msgspec.json.decode(text)
            ]
        return msgspec.json.decode if column.json else None


def read_state(
    connection: Connection, file: File, resources: Iterable[Resource]
) -> State:
    """Read the rows of all resources that a file may name."""
    reading = Reading(connection, file)
    found: dict[str, Mapping[Key, Mapping[str, Any]]] = {}
    for resource in resources:
        rows = resource.read(reading) if resource.read else reading.rows(resource)
        found[resource.name] = rows
        reading.names[resource.name] = {
            row["id"]: key for key, row in rows.items() if "id" in row
        }
    return State(read_revision(connection), found)


def slices(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Split values into as many as one statement looks up."""
    for start in range(0, len(values), AT_A_TIME):
        yield values[start : start + AT_A_TIME]
