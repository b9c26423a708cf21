"""
What operators write, as values by path: JSON, XML, forms and plain text. Pure.

A path is ``messages.0.id`` in JSON, ``response/ids/id`` or ``result/@code`` in XML
(from the root element, without namespaces), and a field's name in a form. In every
format, ``~`` and a regular expression finds its first group in the body. What cannot be
read has no values.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

Format = Literal["json", "xml", "form", "text"]

MOST_FIELDS: Final = 200
"""Fields of a form; one with more is not read."""

LONGEST: Final = 10_000
"""Characters of a value; the rest is dropped."""

_declaration = re.compile(rb"<!(?!--|\[CDATA\[)").search
"""A document type or an entity, which no answer needs."""


@lru_cache(maxsize=512)
def pattern(path: str) -> re.Pattern[str]:
    """Compile the expression of a path that begins with ``~``; raises re.error."""
    return re.compile(path[1:], re.DOTALL)


class Document:
    """A body, or one item of it; ``text`` is the whole as written."""

    __slots__ = ("_root", "text")

    def __init__(self, root: object, text: str) -> None:
        self._root = root
        self.text = text

    def find(self, path: str) -> str | None:
        """Return the value at a path as text; ``None``: there is none."""
        if not path:
            return None
        if path.startswith("~"):
            match = pattern(path).search(self.text)
            found = match and match[1 if match.re.groups else 0]
        else:
            found = _written(_at(self._root, path))
        return None if found is None else found.strip()[:LONGEST]

    def words(self, paths: Sequence[str]) -> str:
        """Join the values at some paths, without absent and empty ones."""
        return " ".join(filter(None, (self.find(path) for path in paths)))

    def items(self, path: str) -> list[Document]:
        """Return the items of the list at a path; without a path, the document."""
        if not path:
            return [self]
        if isinstance(self._root, ET.Element):
            return [Document(each, self.text) for each in _elements(self._root, path)]
        found = _at(self._root, path)
        items = found if isinstance(found, list) else [found]
        return [Document(each, self.text) for each in items if each is not None]


def read(body: bytes, form: Format, query: bytes = b"") -> Document:
    """
    Read a body; never raises.

    Args:
        body: As it came.
        form: What it should be.
        query: Of the request's URL: fields of a form, which those of the body replace.

    """
    text = body.decode("utf-8", "replace")
    if form == "json":
        return Document(_json(body), text)
    if form == "xml":
        return Document(_xml(body), text)
    if form == "form":
        return Document({**_form(query), **_form(body)}, text)
    return Document(text, text)


def _json(body: bytes) -> object:
    try:
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        return None


def _xml(body: bytes) -> ET.Element | None:
    if b"\0" in body or _declaration(body):
        return None
    try:
        return ET.fromstring(body)  # noqa: S314 - without document types and entities
    except (ET.ParseError, ValueError, LookupError, RecursionError):
        return None


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(
            body.decode("latin-1"),
            keep_blank_values=True,
            encoding="utf-8",
            errors="replace",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        return {}
    return dict(pairs)


def _at(root: object, path: str) -> object:
    """Return what is at a path; ``None``: nothing."""
    if isinstance(root, ET.Element):
        above, _, attribute = path.rpartition("@")
        if attribute != path:
            elements = _elements(root, above.strip("/"))
            return next(
                (each.get(attribute) for each in elements if attribute in each.attrib),
                None,
            )
        return next(iter(_elements(root, path)), None)
    if isinstance(root, dict) and path in root:
        return root[path]
    found: Any = root
    for step in path.split("."):
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isascii() and step.isdigit():
            found = (
                found[int(step)] if len(step) < 6 and int(step) < len(found) else None
            )
        else:
            return None
    return found


def _elements(root: ET.Element, path: str) -> list[ET.Element]:
    """Return the elements at a path below the root, whatever their namespace."""
    found = [root]
    for step in filter(None, path.split("/")):
        found = [
            child
            for each in found
            for child in each
            if child.tag.rpartition("}")[2] == step
        ]
    return found


def _written(value: object) -> str | None:
    if isinstance(value, ET.Element):
        return "".join(value.itertext())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    return None
