"""The declaration of an operation of the REST API; ``operations`` lists them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from budstikke.dialects.native.problems import PROBLEMS, Fault
from budstikke.domain.refusal import RefusalCode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import msgspec

    from budstikke.dialects.native.exchange import Exchange, Reply, Work

    Handler = Callable[[Exchange], Work[Reply]]
    Code = RefusalCode | Fault


GONE = ((204, "Gone"),)
"""The statuses of an operation without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """
    An operation.

    Attributes:
        name: For programs that are generated from the description.
        path: Below ``/v1``; ``{id}``, ``{number}``, ``{name}`` and ``{media}`` are its
            values.
        handler: Its docstring is the summary.
        detail: More about it, in Markdown.
        query: The struct of its query.
        body: The struct of its body.
        body_optional: Whether the body may be missing.
        large: Whether the body is limited by ``http.max_body``, instead of 64 kB.
        example: A body.
        answer: The struct of its answer; ``None``: it has none.
        octets: A description of an answer that is no JSON.
        statuses: Its HTTP statuses, and when they come.
        keyed: Whether it takes an idempotency key.
        problems: Its own codes, beside those of all operations.
        links: Operations that take an id from its answer, and where that is.

    """

    name: str
    tag: str
    method: str
    path: str
    handler: Handler
    detail: str = ""
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    large: bool = False
    example: Mapping[str, object] | None = None
    answer: type[msgspec.Struct] | None = None
    octets: str = ""
    statuses: Sequence[tuple[int, str]] = ((200, "Done"),)
    keyed: bool = False
    problems: tuple[Code, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @property
    def summary(self) -> str:
        """Its summary: a sentence."""
        return (self.handler.__doc__ or self.name).strip().rstrip(".")


_R = RefusalCode

COMMON: tuple[Code, ...] = (
    *(_R.MISSING_LOGIN, _R.UNKNOWN_LOGIN, _R.WRONG_PASSWORD, _R.HTTPS_REQUIRED),
    *(_R.ADDRESS_NOT_ALLOWED, _R.ACCOUNT_BLOCKED, _R.TOO_MANY_REQUESTS),
    *(_R.BAD_FIELD, _R.STORAGE_DOWN, _R.INTERNAL),
)
"""Codes of all operations."""


def problems_of(operation: Operation) -> list[Code]:
    """List all codes that an operation may answer, in the order of their table."""
    codes: set[Code] = {*COMMON, *operation.problems}
    if operation.body is not None:
        codes |= {_R.MALFORMED, _R.TOO_LARGE, Fault.UNSUPPORTED_MEDIA_TYPE}
        codes |= {_R.MISSING_FIELD}
    if "{id}" in operation.path or "{media}" in operation.path:
        codes |= {Fault.NOT_FOUND}
    if "{number}" in operation.path:
        codes |= {_R.BAD_RECIPIENT, _R.NOT_MOBILE}
    return [code for code in PROBLEMS if code in codes]
