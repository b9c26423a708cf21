"""
From a method and a path to an operation of a dialect.

Most paths have no parameters and are found by one look-up; the case of letters does not
matter. Paths with parameters are compared piece by piece as they are on the wire, since
a parameter may hold an escaped slash (``%2F``); so are all below a prefix that one
dialect owns.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from budstikke.dialects.contract import UNROUTED, OwnsPrefix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budstikke.dialects.contract import HttpDialect

NO_PARAMETERS: Mapping[str, str] = {}


class Routed(NamedTuple):
    """
    Where a request goes.

    ``parameters`` are the path's, undecoded; ``allowed``: of a path that is a dialect's
    own without a route for the method, the methods that have one.
    """

    dialect: HttpDialect
    operation: str
    parameters: Mapping[str, str] = NO_PARAMETERS
    allowed: frozenset[str] = frozenset()


Found: TypeAlias = tuple[dict[str, Routed], Mapping[str, str]]
"""Handlers of a path, by method, and the values of the path's parameters."""


class _Paths:
    """Paths and their methods; ``exact``: letters of another case do not match."""

    def __init__(self, *, exact: bool) -> None:
        self._exact = exact
        self._plain: dict[str, dict[str, Routed]] = {}
        self._shaped: dict[tuple[str, ...], dict[str, Routed]] = {}

    def add(self, method: str, path: str, routed: Routed) -> None:
        pieces = tuple(path.split("/"))
        shape = tuple(piece if _name(piece) else self._cased(piece) for piece in pieces)
        methods = self._shaped.setdefault(shape, {})
        methods[method] = routed
        if not any(map(_name, pieces)):
            self._plain[self._cased(path)] = methods

    def find(self, path: str, raw: str) -> Found | None:
        """Find what can be done at a path, and the values of its parameters."""
        methods = self._plain.get(self._cased(path))
        if methods is not None:
            return methods, NO_PARAMETERS
        pieces = raw.split("/")
        for shape, its in self._shaped.items():
            values = self._match(shape, pieces)
            if values is not None:
                return its, values
        return None

    def _match(
        self, shape: tuple[str, ...], pieces: list[str]
    ) -> dict[str, str] | None:
        if len(shape) != len(pieces):
            return None
        values: dict[str, str] = {}
        for wanted, piece in zip(shape, pieces, strict=True):
            name = _name(wanted)
            if name:
                values[name] = piece
            elif wanted != self._cased(piece):
                return None
        return values

    def _cased(self, path: str) -> str:
        return path if self._exact else path.lower()


class Routes:
    """The routes of all dialects that are served."""

    def __init__(self, dialects: Iterable[HttpDialect]) -> None:
        self._plain: dict[tuple[str, str], Routed] = {}
        self._exact: dict[tuple[str, str], Routed] = {}
        self._common = _Paths(exact=False)
        self._owned: dict[str, tuple[HttpDialect, _Paths]] = {}
        for dialect in dialects:
            paths = self._common
            if isinstance(dialect, OwnsPrefix):
                paths = _Paths(exact=True)
                self._owned[dialect.prefix] = (dialect, paths)
            plain = self._plain if paths is self._common else self._exact
            for (method, path), operation in dialect.routes.items():
                routed = Routed(dialect, operation)
                paths.add(method, path, routed)
                if "{" not in path:
                    plain[method, path] = routed
        self.gets = {
            path.encode(): routed
            for (method, path), routed in self._plain.items()
            if method == "GET"
        }
        """Those of GET, by path in lower case, that have no parameters."""

    def find(self, method: str, path: str, raw: str) -> Routed | frozenset[str] | None:
        """
        Find who takes a request.

        Args:
            method: Upper case.
            path: Decoded.
            raw: The path as it is on the wire, its octets as Latin-1.

        Returns:
            The methods that its path has, if this is none of them; ``None``: no dialect
            has the path.

        """
        lower = path.lower()
        routed = self._plain.get((method, lower)) or self._exact.get((method, raw))
        if routed is not None:
            return routed
        for prefix, (dialect, paths) in self._owned.items():
            if path.startswith(prefix):
                return _owned(dialect, paths.find(raw, raw), method)
        found = self._common.find(path, raw)
        if found is None:
            return None
        methods, values = found
        routed = methods.get(method)
        if routed is None:
            return frozenset(methods)
        return routed._replace(parameters=values)


def _owned(dialect: HttpDialect, found: Found | None, method: str) -> Routed:
    """Route within a dialect's own prefix, where it answers whatever is asked."""
    methods, values = found or ({}, NO_PARAMETERS)
    routed = methods.get(method)
    if routed is None:
        return Routed(dialect, UNROUTED, allowed=frozenset(methods))
    return routed._replace(parameters=values) if values else routed


def _name(piece: str) -> str:
    """Name the parameter that a piece of a route's path is; empty: it is none."""
    return piece[1:-1] if piece[:1] == "{" and piece[-1:] == "}" else ""
