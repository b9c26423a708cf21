"""
Reads TOML as the entries of ``apply``'s file, key by key.

One run finds all faults, each with its line.
"""

from __future__ import annotations

import tomllib
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from budstikke.provisioning.changes import Faults
from budstikke.provisioning.resource import ALL, Entry, Field, Given, fields_of
from budstikke.provisioning.toml_lines import find_lines, line_of
from budstikke.provisioning.values import DEFAULT, ApplyError, read_amount
from budstikke.provisioning.words import closest, in_words, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.provisioning.toml_lines import Path

Read = TypeVar("Read", bound=Struct)

FOREIGN = (
    "has none of the tables that `apply` reads ({tables}); the settings of a gateway "
    "(budstikke.toml) are no file for `apply`: `--config` names them"
)


class Parser:
    """Reads one file; ``faults`` has those that it found."""

    def __init__(self, text: str) -> None:
        self.faults = Faults()
        try:
            self._tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ApplyError(str(error)) from error
        self._lines = find_lines(text)

    def read(self, kind: type[Read]) -> Read:
        """Read the file; a faulty value counts as missing."""
        known = _by_key(kind)
        strange = [key for key in self._tree if not closest(key, known)]
        if strange and known.keys().isdisjoint(self._tree):
            tables = ", ".join(f"[[{key}]]" for key in known)
            raise ApplyError(FOREIGN.format(tables=tables))
        found = self._table(kind, self._tree, (), "")
        return kind() if found is None else found

    def _table(
        self, kind: type[Read], given: dict[str, Any], path: Path, label: str
    ) -> Read | None:
        """Read a table; ``None``: its key is missing."""
        fields = _by_key(kind)
        plain: dict[str, Any] = {}
        nested: dict[str, list[Any]] = {}
        for key, value in given.items():
            field = fields.get(key)
            if field is None:
                self._fault((*path, key), label, unknown(key, fields))
            elif field.nested is not None:
                found = self._tables(field.nested, value, (*path, key), label)
                nested[field.name] = found
            elif field.stored.literal or value != DEFAULT:
                plain[key] = value
        reset = _take_reset(given, plain)
        faulty = self._faulty(kind, plain, path, label)
        for key in [key for key, field in fields.items() if field.required]:
            if key not in given:
                self._fault(path, label, f"{key} is missing")
            if key not in plain or key in faulty:
                return None
        read = {key: value for key, value in plain.items() if key not in faulty}
        entry = msgspec.convert(read, kind, dec_hook=read_amount)
        for name, entries in nested.items():
            setattr(entry, name, entries)
        if isinstance(entry, Entry):
            keys = frozenset(given) - faulty
            entry.given = Given(keys, reset, line_of(path, self._lines))
        return entry

    def _faulty(
        self, kind: type[Struct], plain: Mapping[str, Any], path: Path, label: str
    ) -> set[str]:
        """Note bad values; return their keys."""
        try:
            msgspec.convert(plain, kind, dec_hook=read_amount)
        except msgspec.ValidationError:
            pass
        else:
            return set()
        faulty = set()
        for key, value in plain.items():
            what = _fault(_by_key(kind)[key].type, value)
            if what is not None:
                self._fault((*path, key), label, f"{key}{what}")
                faulty.add(key)
        return faulty

    def _tables(
        self, kind: type[Read], given: object, path: Path, label: str
    ) -> list[Read]:
        if not isinstance(given, list) or not all(isinstance(e, dict) for e in given):
            self._fault(path, label, f"{path[-1]}: expected tables: [[{path[-1]}]]")
            return []
        found = []
        for place, each in enumerate(given):
            name = f"{path[-1]} {_name(each, place)}"
            entry = self._table(kind, each, (*path, place), f"{label}{name}: ")
            if entry is not None:
                found.append(entry)
        return found

    def _fault(self, path: Path, label: str, what: str) -> None:
        self.faults.add(line_of(path, self._lines), f"{label}{what}")


@cache
def _by_key(kind: type[Struct]) -> Mapping[str, Field]:
    return {field.key: field for field in fields_of(kind)}


def _take_reset(given: Mapping[str, Any], plain: dict[str, Any]) -> frozenset[str]:
    """Take the settings with the value ``"default"`` out; return their keys."""
    settings = given.get("settings")
    if settings == DEFAULT:
        return frozenset({ALL})
    if not isinstance(settings, dict):
        return frozenset()
    reset = frozenset(key for key, value in settings.items() if value == DEFAULT)
    plain["settings"] = {k: v for k, v in settings.items() if k not in reset}
    return reset


def _fault(kind: Any, value: object) -> str | None:
    """Return the fault of a value, to be written after its key."""
    try:
        msgspec.convert(value, kind, dec_hook=read_amount)
    except msgspec.ValidationError as error:
        place, what = in_words(error, kind, value)
        number = place.removeprefix("[").partition("]")[0]
        where = f" no. {int(number) + 1}" if number.isdigit() else ""
        return f"{where}: {what}"
    return None


def _name(entry: Mapping[str, object], place: int) -> str:
    for key in ("name", "id", "prefix", "number", "value"):
        if isinstance(entry.get(key), str):
            return str(entry[key])
    return f"no. {place + 1}"
