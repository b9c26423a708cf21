"""
What a resource of ``apply`` declares; the engine does the rest.

A resource is a table of the database with one or more tables of the TOML file (its
sections). A section's entry is a ``Struct`` whose fields have type, constraint, default
and description, and ``Stored`` where the column differs from the field. The engine
reads, checks, plans, writes and documents each field that is declared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Protocol,
    TypeVar,
    get_args,
    get_origin,
)

import msgspec
from msgspec import NODEFAULT, Meta, Struct, structs

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from budstikke.provisioning.changes import Change, Row, State
    from budstikke.provisioning.present import Reading

GIVEN = "(given)"
"""Key of ``Given`` in an entry; the file may not use it."""

ALL = "*"

Key = Any
"""The key of a row in its table: a name, or a tuple of them."""


class Given(Struct, frozen=True):
    """
    What the file gives of an entry; all else stays as it is.

    Attributes:
        keys: The entry's keys.
        reset: Keys of its settings that get their defaults; ``ALL``: all of them.
        line: Its line in the file, from 1; 0: unknown.

    """

    keys: frozenset[str] = frozenset()
    reset: frozenset[str] = frozenset()
    line: int = 0


class Entry(Struct, kw_only=True, forbid_unknown_fields=True):
    """One ``[[table]]`` of the file."""

    given: Given = msgspec.field(default=Given(), name=GIVEN)
    remove: Annotated[bool, "Remove it."] = False


E = TypeVar("E", bound=Entry)


def _as_it_is(value: Any) -> Any:
    return value


@dataclass(frozen=True, slots=True)
class Stored:
    """
    How a field is stored, if not as it is in a column of its name.

    Attributes:
        column: The column; ``None``: rows of another table, which hooks write.
        convert: From the file's value to the row's.
        each: The resource whose ids a list has; the row has their keys.
        kept: Whether the row has it, unlike a part of the key, or a value of new rows.
        literal: Whether the text ``"default"`` means itself.
        secret: Only a hash is stored; an empty text deletes it.
        merged: A table whose keys are stored one by one.
        in_key: Part of the row's key, in the order of declaration.

    """

    column: str | None = ""
    convert: Callable[[Any], Any] = _as_it_is
    each: str = ""
    kept: bool = True
    literal: bool = False
    secret: bool = False
    merged: bool = False
    in_key: bool = False


KEY = Stored(kept=False, literal=True, in_key=True)
"""Part of the row's key."""
ONCE = Stored(kept=False)
"""Only for a new row."""
BELOW = Stored(column=None)
"""Stored in rows of another table."""
SETTINGS = Stored(merged=True)
"""A table of settings."""

REFERENCES = {
    "account_id": "account",
    "access_id": "access",
    "number_id": "number",
    "price_list_id": "price_list",
}
"""Columns with the id of another row; the engine's rows have its key."""


@dataclass(frozen=True, slots=True)
class Field:
    """
    A field of an entry, as its ``Struct`` declares it.

    ``nested``: its tables, if it is a list of them.
    """

    name: str
    key: str
    type: Any
    default: Any
    description: str
    stored: Stored
    nested: type[Struct] | None

    @property
    def required(self) -> bool:
        """Whether each entry must have it."""
        return self.default is NODEFAULT

    @property
    def column(self) -> Column | None:
        """Return its column; ``None``: it has none of its own."""
        stored = self.stored
        if not stored.kept or stored.column is None:
            return None
        default = None if self.required else stored.convert(self.default)
        return Column(
            stored.column or self.key, isinstance(default, list | dict), stored.each
        )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a resource's table: whether it has JSON, and whose ids."""

    name: str
    json: bool = False
    each: str = ""

    @property
    def refers_to(self) -> str:
        """Return the resource whose ids it has; empty: it has none."""
        return self.each or REFERENCES.get(self.name, "")


@cache
def fields_of(kind: type[Struct]) -> tuple[Field, ...]:
    """List the fields that an entry declares, ``remove`` last."""
    found = [_field(each) for each in structs.fields(kind) if each.encode_name != GIVEN]
    return tuple(sorted(found, key=lambda field: field.key == "remove"))


@cache
def _key(kind: type[Struct]) -> list[Field]:
    return [field for field in fields_of(kind) if field.stored.in_key]


def _field(declared: structs.FieldInfo) -> Field:
    extra = get_args(declared.type)[1:] if _is_annotated(declared.type) else ()
    default = declared.default
    if declared.default_factory is not NODEFAULT:
        default = declared.default_factory()
    kind = get_args(declared.type)[0] if extra else declared.type
    (of,) = get_args(kind) if get_origin(kind) is list else (None,)
    nested = of if isinstance(of, type) and issubclass(of, Struct) else None
    stored = [each for each in extra if isinstance(each, Stored)]
    is_kept = nested is None and declared.encode_name != "remove"
    plain = Stored(kept=is_kept, literal=not is_kept)
    return Field(
        name=declared.name,
        key=declared.encode_name,
        type=declared.type,
        default=default,
        description="".join(each for each in extra if isinstance(each, str)),
        stored=stored[-1] if stored else plain,
        nested=nested,
    )


def _is_annotated(kind: Any) -> bool:
    return get_origin(kind) is Annotated


def metas(kind: Any) -> Iterable[Meta]:
    """List the constraints within a type."""
    for each in get_args(kind):
        if isinstance(each, Meta):
            yield each
        else:
            yield from metas(each)


class Source(Struct, frozen=True):
    """
    What the reader of a file needs.

    Attributes:
        dialects: The settings of an access, by dialect.
        carriers: The settings of a carrier, by kind.
        environ: Environment variables, with secrets.
        identify: By dialect, the function that makes an access's id from its password.

    """

    dialects: Mapping[str, type[Struct]] = {}
    carriers: Mapping[str, type[Struct]] = {}
    environ: Mapping[str, str] = {}
    identify: Mapping[str, Callable[[str], str]] = {}


class PlanView(Protocol):
    """What hooks see of the plan in the making; ``plan.Planning`` has it."""

    state: State
    source: Source
    now: float
    future: dict[str, dict[Key, Row]]

    @property
    def accesses(self) -> dict[str, list[Key]]:
        """List each account's accesses after the plan."""


@dataclass(slots=True)
class Draft(Generic[E]):
    """
    A row in the plan.

    Attributes:
        owner: The account whose table has the entry; ``None``: the file itself.
        there: The present row; ``None``: it is new.
        row: The row after the plan; a section's ``complete`` may change it. Keys that
            no field declares are columns to write, and do not count as a change.

    """

    owner: str | None
    entry: E
    key: Key
    there: Row | None
    row: dict[str, Any]
    planning: PlanView


def _nothing(*_: Any) -> Iterable[Any]:
    return ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Section(Generic[E]):
    """
    A table of the file. Its hooks yield faults, without the entry's label.

    Attributes:
        path: Its path in the file, such as ``account.access``.
        entry: Its fields.
        of_account: Whether the key begins with the account that has it.
        fill: Fills in parts of the entry's key, before anything else.
        check: Faults of the entry alone; not called if it is to be removed.
        allow: Faults by the present row, also for a removal.
        complete: Fills in the row, and finds fields that contradict each other.
        along: Further changes with a new row.

    """

    path: str
    entry: type[E]
    of_account: bool = False
    fill: Callable[[E, Source], Iterable[str]] = _nothing
    check: Callable[[E, Source], Iterable[str]] = _nothing
    allow: Callable[[Draft[E]], Iterable[str]] = _nothing
    complete: Callable[[Draft[E]], Iterable[str]] = _nothing
    along: Callable[[Draft[E]], Iterable[Change]] = _nothing

    @property
    def fields(self) -> tuple[Field, ...]:
        """List the fields of an entry."""
        kind: type[Entry] = self.entry
        return fields_of(kind)

    def key(self, owner: str | None, entry: E) -> Key:
        """Make the key of an entry, which an account's table may have."""
        kind: type[Entry] = self.entry
        parts = [each.stored.convert(getattr(entry, each.name)) for each in _key(kind)]
        if self.of_account:
            parts.insert(0, owner)
        return tuple(parts) if len(parts) > 1 else parts[0]

    def entries(self, file: Any) -> list[tuple[str | None, E]]:
        """List a file's entries, each with the account that has it."""
        outer, _, inner = self.path.partition(".")
        if not inner:
            return [(None, entry) for entry in getattr(file, outer)]
        return [
            (owner.name, entry)
            for owner in getattr(file, outer)
            for entry in getattr(owner, inner)
        ]


@dataclass(frozen=True, kw_only=True, eq=False)
class Resource:
    """
    A table of the database that ``apply`` writes.

    Attributes:
        key: The columns of its key.
        label: Describes a row, by its key, in messages, plans and the audit.
        sections: The tables of the file for it.
        derived: What a row has beside the fields: its column; ``None``: none.
        read: Reads the present rows; ``None``: all of them.
        goes_with: The (resource, key) of rows with which it is removed.
        whole: Yields (key, fault) for faults among all rows after the plan.
        before_removal: Deletes rows of other tables that refer to those of changes, or
            raises ApplyError.
        write_below: Writes rows of other tables, for (id, change) of each row.

    """

    table: Table
    key: tuple[str, ...]
    label: Callable[[Key], str]
    sections: tuple[Section[Any], ...] = ()
    derived: Mapping[str, str | None] = field(default_factory=dict)
    read: Callable[[Reading], dict[Key, dict[str, Any]]] | None = None
    goes_with: Callable[[Key, Row, PlanView], Iterable[tuple[str, Key]]] = _nothing
    whole: Callable[[PlanView], Iterable[tuple[Key, str]]] = _nothing
    before_removal: Callable[[Connection, list[Change]], Any] = _nothing
    write_below: Callable[[Connection, list[tuple[int, Change]]], Any] = _nothing

    @property
    def name(self) -> str:
        """Its name in the engine."""
        return self.table.name

    def key_of(self, parts: Iterable[Any]) -> Key:
        """Make a key from the values of its columns."""
        values = tuple(parts)
        return values if len(values) > 1 else values[0]

    def parts_of(self, key: Key) -> tuple[Any, ...]:
        """Return the values of a key's columns."""
        return key if len(self.key) > 1 else (key,)


@cache
def columns_of(resource: Resource) -> Mapping[str, Column | None]:
    """Return the columns of a resource's rows by what may change in them."""
    found: dict[str, Column | None] = {
        each.key: each.column
        for section in resource.sections
        for each in section.fields
        if each.stored.kept
    }
    for key, column in resource.derived.items():
        found[key] = None if column is None else Column(column)
    return found


def of(account: str | None) -> str:
    """Return words for the account that something belongs to."""
    return f" of {account}" if account else ""
