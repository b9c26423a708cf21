"""
Reads the file of ``budstikke apply``, and checks it.

All that the file alone shows is checked here, before the database is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.provisioning.resource import Entry, Source, fields_of
from budstikke.provisioning.resources import RESOURCES, File
from budstikke.provisioning.toml_entries import Parser

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from msgspec import Struct

    from budstikke.provisioning.changes import Faults
    from budstikke.provisioning.resource import Resource

NONE: Mapping[str, Callable[[str], str]] = {}


def read_file(
    text: str,
    dialects: Mapping[str, type[Struct]],
    carriers: Mapping[str, type[Struct]],
    environ: Mapping[str, str],
    identify: Mapping[str, Callable[[str], str]] = NONE,
) -> File:
    """
    Read a TOML file and check it.

    Passwords of ``password_env`` are filled in, and the ids of accesses that have
    nothing but a password.

    Args:
        text: The file.
        dialects: The settings of an access, by dialect.
        carriers: The settings of a carrier, by kind.
        environ: The environment, for ``password_env``.
        identify: By dialect, the function that makes an access's id from its password.

    Raises:
        ApplyError: It is no TOML, or has unknown keys or bad values: all of them.

    """
    parser = Parser(text)
    file = parser.read(File)
    file.source = Source(dialects, carriers, environ, identify)
    for resource in RESOURCES:
        _check(resource, file, parser.faults)
    parser.faults.check()
    return file


def _check(resource: Resource, file: File, faults: Faults) -> None:
    """Note the faults of each entry, and entries that come twice."""
    seen = set()
    for section in resource.sections:
        for owner, entry in section.entries(file):
            line, label = entry.given.line, resource.label(section.key(owner, entry))
            owner_label = f"account {owner}: {label}" if owner else label
            faults.note(line, owner_label, section.fill(entry, file.source))
            key = section.key(owner, entry)
            label = resource.label(key)
            if not entry.remove:
                faults.note(line, label, section.check(entry, file.source))
            elif _lists(entry):
                faults.add(
                    line, f"{label}: is removed with all that it has: list nothing"
                )
            if key in seen:
                faults.add(line, f"{label} is there twice")
            seen.add(key)


def _lists(entry: Entry) -> bool:
    """Whether an entry has tables of its own."""
    return any(
        getattr(entry, field.name)
        for field in fields_of(type(entry))
        if field.nested is not None and issubclass(field.nested, Entry)
    )
