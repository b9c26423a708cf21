"""Describes the fault of a value or a key in words."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from budstikke.provisioning.resource import GIVEN, metas

if TYPE_CHECKING:
    from collections.abc import Iterable

    import msgspec

TYPES = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "`true` or `false`",
    "array": "a list",
    "object": "a table",
    "date": "a date, such as 2026-01-31",
    "null": "nothing",
}
"""By msgspec's name of a type: its name in TOML."""

_types = re.compile(r"`([a-z]+(?: \| [a-z]+)*)`")
_pattern = re.compile(r"expected `str` matching regex .*", re.DOTALL)


def in_words(
    error: msgspec.ValidationError, kind: Any, value: object = None
) -> tuple[str, str]:
    """
    Return where within a value the fault is (empty: the value itself), and what it is.

    Args:
        error: msgspec's.
        kind: The type as which the value was read.
        value: The value, to suggest a similar one.

    """
    what, _, place = str(error).partition(" - at `$")
    what = what[:1].lower() + what[1:]
    place = place.removesuffix("`").removeprefix(".")
    if words := _expected(kind):
        what = _pattern.sub(lambda _: f"expected {words}", what)
    what = _types.sub(_type_in_words, what)
    return place, what + meant(value, kind)


def _type_in_words(names: re.Match[str]) -> str:
    found = [TYPES.get(name, "") for name in names[1].split(" | ")]
    return " or ".join(found) if all(found) else names[0]


def _expected(kind: Any) -> str:
    """Return the words for what a type's pattern allows; empty: none."""
    for meta in metas(kind):
        if meta.pattern and meta.extra:
            return str(meta.extra["expected"])
    return ""


def meant(value: object, kind: Any) -> str:
    """Suggest a similar text, or list the allowed ones; empty: any text is allowed."""
    choices = _choices(kind)
    if not choices or not isinstance(value, str):
        return ""
    return closest(value, choices) or f": it is one of {', '.join(choices)}"


def _choices(kind: Any) -> list[str]:
    """List the allowed texts, if they are few."""
    if get_origin(kind) is Literal:
        return [str(each) for each in get_args(kind)]
    return [name for each in get_args(kind) for name in _choices(each)]


def unknown(key: str, known: Iterable[str]) -> str:
    """Say that a key is unknown, and suggest a similar one."""
    return f"there is no key `{key}`{closest(key, known)}"


def closest(given: str, known: Iterable[str]) -> str:
    """Suggest a similar key; empty: none is similar."""
    names = [name for name in known if name != GIVEN]
    found = get_close_matches(given.lower(), names, 1, 0.6)
    return f": did you mean `{found[0]}`?" if found else ""
