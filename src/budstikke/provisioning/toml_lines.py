"""Finds the lines of keys and tables in a TOML file, which ``tomllib`` does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys and indexes from the top, as in the result of ``tomllib``."""

_header = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?").match
_key = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[\w"'-]+)*)\s*=""").match
_piece = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""").findall
_MULTI = ('"' * 3, "'" * 3)


def find_lines(text: str) -> Mapping[Path, int]:
    """
    Return the line, from 1, of each table and of each key at the beginning of a line.

    It has no keys of inline tables. The file is valid TOML.
    """
    lines: dict[Path, int] = {}
    counts: dict[Path, int] = {}
    section: Path = ()
    open_text = ""
    for number, line in enumerate(text.splitlines(), 1):
        if open_text:
            if open_text in line:
                open_text = ""
            continue
        if header := _header(line):
            section = _section(header[1] == "[[", _names(header[2]), counts)
            lines.setdefault(section, number)
            if header[1] == "[[":
                lines.setdefault(section[:-1], number)
        elif key := _key(line):
            lines.setdefault((*section, *_names(key[1])), number)
            open_text = next((m for m in _MULTI if line.count(m) % 2), "")
    return lines


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """Return the line of a path, or of the nearest table around it; 0: none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0


def _names(written: str) -> list[str]:
    return [piece.strip("\"'") for piece in _piece(written)]


def _section(many: bool, names: list[str], counts: dict[Path, int]) -> Path:  # noqa: FBT001 - one caller
    """Return a table's path: of an array, its latest entry."""
    path: Path = ()
    for depth, name in enumerate(names, 1):
        path = (*path, name)
        if many and depth == len(names):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
