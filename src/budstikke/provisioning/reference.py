"""Prints the keys of ``apply``'s file as in docs/configure.md."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from budstikke.provisioning.resource import fields_of
from budstikke.provisioning.resources import File

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Struct

    from budstikke.provisioning.resource import Field


def table() -> str:
    """Write the keys of the file as a Markdown table."""
    lines = ["| entry | key | default | what it is |", "|---|---|---|---|"]
    for entry, kind in _tables(File, ""):
        for field in fields_of(kind):
            if field.nested is None:
                cells = (f"`[[{entry}]]`", f"`{field.key}`", _default(field))
                lines.append(f"| {' | '.join((*cells, field.description))} |")
    return "\n".join(lines)


def _tables(kind: type[Struct], path: str) -> Iterator[tuple[str, type[Struct]]]:
    """List the tables within a table, each before those within it."""
    for field in fields_of(kind):
        if field.nested is not None:
            inner = f"{path}.{field.key}" if path else field.key
            yield inner, field.nested
            yield from _tables(field.nested, inner)


def _default(field: Field) -> str:
    if field.required:
        return "required"
    return "" if field.default is None else f"`{json.dumps(field.default)}`"


if __name__ == "__main__":
    import sys

    sys.stdout.write(table() + "\n")
