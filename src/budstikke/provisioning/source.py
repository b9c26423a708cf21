"""
The file of ``budstikke apply``: how it is read, and what is wrong with it.

Everything that a file alone can say is checked here, before the database is asked.
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

    Passwords named by ``password_env`` are filled in, and the ids of accesses that
    are known by their password alone.

    Args:
        text: The file.
        dialects: The settings of an access, by dialect.
        carriers: The settings of a carrier, by kind.
        environ: Where ``password_env`` is looked up.
        identify: By dialect, what makes an access's id of its password.

    Raises:
        ApplyError: It is no TOML, keys are unknown, or values do not fit: all of them.

    """
    parser = Parser(text)
    file = parser.read(File)
    file.source = Source(dialects, carriers, environ, identify)
    for resource in RESOURCES:
        _check(resource, file, parser.faults)
    parser.faults.check()
    return file


def _check(resource: Resource, file: File, faults: Faults) -> None:
    """Note what is wrong with each entry, and those that are there twice."""
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
    """Tell whether an entry lists others."""
    return any(
        getattr(entry, field.name)
        for field in fields_of(type(entry))
        if field.nested is not None and issubclass(field.nested, Entry)
    )
