"""
From TOML to the entries of ``apply``'s file, key by key.

All that is wrong is found in one run, each fault with its line.
"""

from __future__ import annotations

import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin

import msgspec
from msgspec import Struct, structs

from budstikke.provisioning.apply_lines import find_lines, line_of
from budstikke.provisioning.apply_values import (
    ALL,
    DEFAULT,
    LITERAL,
    SAID,
    ApplyError,
    Said,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from budstikke.provisioning.apply_lines import Path

Entry = TypeVar("Entry", bound=Struct)


@dataclass
class Faults:
    """What is wrong with a file: lines (0: unknown) and sentences."""

    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """Note a fault."""
        self.found.append((line, what))

    @contextmanager
    def at(self, line: int) -> Iterator[None]:
        """Note the fault that is raised within, and go on."""
        try:
            yield
        except ApplyError as error:
            for what in str(error).splitlines():
                self.add(line, what)

    def check(self) -> None:
        """Raise ApplyError with all of them, a line each, if there are any."""
        if self.found:
            said = dict.fromkeys(sorted(self.found, key=lambda fault: fault[0]))
            raise ApplyError(
                "\n".join(f"line {at}: {what}" if at else what for at, what in said)
            )


class Parser:
    """Reads one file; ``faults`` are those that were found."""

    def __init__(self, text: str) -> None:
        self.faults = Faults()
        try:
            self._tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ApplyError(str(error)) from error
        self._lines = find_lines(text)

    def read(self, kind: type[Entry]) -> Entry:
        """Read all of it; what is faulty is read as if it were not said."""
        found = self._entry(kind, self._tree, (), "")
        return kind() if found is None else found

    def _entry(
        self, kind: type[Entry], given: dict[str, Any], path: Path, label: str
    ) -> Entry | None:
        """Read a table; ``None``: it lacks what names it."""
        fields = {each.encode_name: each for each in structs.fields(kind)}
        values: dict[str, Any] = {}
        faulty: set[str] = set()
        for key, value in given.items():
            place = (*path, key)
            if key not in fields or key == SAID:
                self._fault(place, label, unknown(key, fields))
                continue
            of = _nested(fields[key].type)
            try:
                if of is not None:
                    values[fields[key].name] = self._entries(of, value, place, label)
                elif key in LITERAL or value != DEFAULT:
                    values[fields[key].name] = _value(value, fields[key].type)
            except ApplyError as error:
                self._fault(place, label, f"{key}{error}")
                faulty.add(key)
        for name, each in fields.items():
            if each.required and name not in given:
                self._fault(path, label, f"{name} is missing")
                faulty.add(name)
        if "said" in kind.__struct_fields__:
            said = {key: value for key, value in given.items() if key not in faulty}
            values["said"] = self._said(said, values, path)
        if any(fields[name].required for name in faulty):
            return None
        return kind(**values)

    def _entries(
        self, kind: type[Entry], given: object, path: Path, label: str
    ) -> list[Entry]:
        if not isinstance(given, list) or not all(isinstance(e, dict) for e in given):
            raise ApplyError(f": expected tables: [[{path[-1]}]]")
        found = []
        for place, each in enumerate(given):
            name = f"{path[-1]} {_name(each, place)}"
            entry = self._entry(kind, each, (*path, place), f"{label}{name}: ")
            if entry is not None:
                found.append(entry)
        return found

    def _said(
        self, given: Mapping[str, Any], values: dict[str, Any], path: Path
    ) -> Said:
        reset: frozenset[str] = frozenset()
        if given.get("settings") == DEFAULT:
            reset = frozenset({ALL})
        elif isinstance(given.get("settings"), dict) and "settings" in values:
            settings = values["settings"]
            reset = frozenset(key for key in settings if settings[key] == DEFAULT)
            values["settings"] = {k: v for k, v in settings.items() if k not in reset}
        return Said(frozenset(given), reset, line_of(path, self._lines))

    def _fault(self, path: Path, label: str, what: str) -> None:
        self.faults.add(line_of(path, self._lines), f"{label}{what}")


def _nested(kind: Any) -> type[Struct] | None:
    """Find the entries that a field lists; ``None``: it is a value."""
    (of,) = get_args(kind) if get_origin(kind) is list else (None,)
    return of if isinstance(of, type) and issubclass(of, Struct) else None


def _value(value: object, kind: Any) -> Any:
    """Read a value; raises ApplyError, which begins behind the key."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$")
        number = place.removeprefix("[").partition("]")[0]
        where = f" no. {int(number) + 1}" if number.isdigit() else ""
        said = f"{where}: {what[:1].lower()}{what[1:]}{meant(value, kind)}"
        raise ApplyError(said) from error


def meant(value: object, kind: Any) -> str:
    """Say which text may be meant, or which there are; empty: any text may be."""
    choices = _choices(kind)
    if not choices or not isinstance(value, str):
        return ""
    return closest(value, choices) or f": it is one of {', '.join(choices)}"


def _choices(kind: Any) -> list[str]:
    """List the texts that a value may be, if they are few."""
    if get_origin(kind) is Literal:
        return [str(each) for each in get_args(kind)]
    return [name for each in get_args(kind) for name in _choices(each)]


def unknown(key: str, known: Iterable[str]) -> str:
    """Say that there is no such key, and which may be meant."""
    return f"there is no key `{key}`{closest(key, known)}"


def closest(given: str, known: Iterable[str]) -> str:
    """Ask whether something else is meant; empty: nothing is like it."""
    names = [name for name in known if name != SAID]
    found = get_close_matches(given.lower(), names, 1, 0.6)
    return f": did you mean `{found[0]}`?" if found else ""


def _name(entry: Mapping[str, object], place: int) -> str:
    for key in ("name", "id", "prefix", "number", "value"):
        if isinstance(entry.get(key), str):
            return str(entry[key])
    return f"no. {place + 1}"
