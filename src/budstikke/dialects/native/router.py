"""
From a method and a path to an operation.

Paths are matched as they are on the wire and decoded piece by piece, so that a
group's name may hold a slash (``%2F``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from budstikke.dialects.native.contacts import checked_name
from budstikke.dialects.native.exchange import PathValues
from budstikke.dialects.native.problems import Fault, Problem
from budstikke.domain.number import international, why_not
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from budstikke.dialects.native.operation import Operation

    Methods = dict[str, Operation]

NO_VALUES = PathValues()


class Router:
    """Finds operations; ``prefix`` is what all paths begin with."""

    def __init__(self, operations: Iterable[Operation], prefix: str) -> None:
        self._fixed: dict[str, Methods] = {}
        self._shaped: dict[tuple[str, ...], Methods] = {}
        for operation in operations:
            path = prefix + operation.path
            pieces = tuple(path.split("/"))
            methods = self._shaped.setdefault(pieces, {})
            methods[operation.method] = operation
            if "{" not in path:
                self._fixed[path] = methods

    def find(self, method: str, path: str) -> tuple[Operation, PathValues]:
        """
        Find an operation and what the path names; raises Problem.

        ``path`` is undecoded, its octets as Latin-1.
        """
        methods = self._fixed.get(path)
        if methods is not None:
            return _of(methods, method), NO_VALUES
        pieces = path.split("/")
        for shape, methods in self._shaped.items():
            named = _match(shape, pieces)
            if named is not None:
                operation = _of(methods, method)
                return operation, PathValues(**_read(named))
        raise Problem(Fault.NOT_FOUND)


def _of(methods: Methods, method: str) -> Operation:
    found = methods.get(method)
    if found is None:
        allow = ", ".join(sorted(methods))
        raise Problem(Fault.METHOD_NOT_ALLOWED, detail=f"Only {allow}", allow=allow)
    return found


def _match(shape: tuple[str, ...], pieces: list[str]) -> dict[str, str] | None:
    """Compare a path with a shape; gives its values, ``None``: it is another one."""
    if len(shape) != len(pieces):
        return None
    named: dict[str, str] = {}
    for wanted, piece in zip(shape, pieces, strict=True):
        if wanted.startswith("{"):
            named[wanted[1:-1]] = piece
        elif wanted != piece:
            return None
    return named


def _read(named: Mapping[str, str]) -> dict[str, Any]:
    try:
        decoded = {
            name: unquote_to_bytes(raw.encode("latin-1")).decode()
            for name, raw in named.items()
        }
    except UnicodeDecodeError as error:
        raise Problem(Fault.NOT_FOUND) from error
    return {name: READ[name](text) for name, text in decoded.items()}


def _id(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise Problem(Fault.NOT_FOUND)
    return int(text)


def _number(text: str) -> str:
    number = international(text)
    if number is None:
        code = why_not(text) or RefusalCode.BAD_RECIPIENT
        raise Problem(code, param="number")
    return number


def _media(text: str) -> str:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise Problem(Fault.NOT_FOUND)
    return text


READ: Mapping[str, Callable[[str], object]] = {
    "id": _id,
    "number": _number,
    "name": checked_name,
    "media": _media,
}
"""What each name in a path is; all of them raise Problem."""
