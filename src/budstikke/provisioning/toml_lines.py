"""In which line of a TOML file something stands: what ``tomllib`` does not tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Path = tuple[str | int, ...]
"""Keys and indexes from the top, as in what ``tomllib`` returns."""

_header = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?").match
_key = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*[\w"'-]+)*)\s*=""").match
_piece = re.compile(r"""[\w-]+|"[^"]*"|'[^']*'""").findall
_MULTI = ('"' * 3, "'" * 3)


def find_lines(text: str) -> Mapping[Path, int]:
    """
    Find the line, from 1, of each table and key that begins one.

    What stands within another's line (inline tables) is not found. The file is TOML.
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
    """Find the line of something, or of the nearest that it stands within; 0: none."""
    while path:
        if path in lines:
            return lines[path]
        path = path[:-1]
    return 0


def _names(written: str) -> list[str]:
    return [piece.strip("\"'") for piece in _piece(written)]


def _section(many: bool, names: list[str], counts: dict[Path, int]) -> Path:  # noqa: FBT001 - one caller
    """Name a table by its place: of an array, the latest entry that was begun."""
    path: Path = ()
    for depth, name in enumerate(names, 1):
        path = (*path, name)
        if many and depth == len(names):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
