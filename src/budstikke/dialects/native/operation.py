"""The declaration of an operation of the REST API; ``operations`` lists them."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from functools import cached_property
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


TAGS: Mapping[str, str] = {
    **dict.fromkeys(("messages", "quote", "mms"), "Messages"),
    "orders": "Orders",
    "templates": "Templates",
    "routes": "Routes",
    **dict.fromkeys(("groups", "contacts"), "Groups and contacts"),
    "opt-outs": "Opt-outs",
    **dict.fromkeys(("balance", "ledger"), "Money"),
    **dict.fromkeys(("numbers", "number-requests"), "Numbers"),
    **dict.fromkeys(("inbound", "media"), "Messages from phones"),
    "events": "Events",
    **dict.fromkeys(("callbacks", "queues"), "Delivery log"),
}
"""The chapter of the description in which an operation is, by how its path begins."""


@dataclass(frozen=True)
class Operation:
    """
    An operation.

    Attributes:
        route: HTTP method and path below ``/v1``; ``{id}``, ``{number}``, ``{name}``
            and ``{media}`` are its values.
        handler: Answers its requests. Its docstring is the summary; its name, in camel
            case, is the ``operationId``.
        answer: The struct of its answer; ``None``: it has none.
        detail: More about it, in Markdown.
        query: The struct of its query.
        body: The struct of its body.
        body_optional: Whether the body may be missing.
        large: Whether the body is limited by ``http.max_body``, instead of 64 kB.
        example: A body.
        octets: A description of an answer that is no JSON.
        statuses: Its HTTP statuses, and when they come.
        keyed: Whether it takes an idempotency key.
        problems: Its own codes, beside those of all operations.
        links: Operations that take an id from its answer, and where that is.

    """

    route: str
    handler: Handler
    answer: type[msgspec.Struct] | None = None
    _: KW_ONLY
    detail: str = ""
    query: type[msgspec.Struct] | None = None
    body: type[msgspec.Struct] | None = None
    body_optional: bool = False
    large: bool = False
    example: Mapping[str, object] | None = None
    octets: str = ""
    statuses: Sequence[tuple[int, str]] = ((200, "Done"),)
    keyed: bool = False
    problems: tuple[Code, ...] = ()
    links: tuple[tuple[str, str], ...] = ()

    @cached_property
    def method(self) -> str:
        """The HTTP method."""
        return self.route.partition(" ")[0]

    @cached_property
    def path(self) -> str:
        """The path below ``/v1``."""
        return self.route.partition(" ")[2]

    @cached_property
    def name(self) -> str:
        """The ``operationId``, for programs made from the description."""
        first, *more = self.handler.__name__.split("_")
        return first + "".join(map(str.capitalize, more))

    @property
    def tag(self) -> str:
        """The chapter of the description; raises KeyError if ``TAGS`` has none."""
        return TAGS[self.path.split("/")[1]]

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
