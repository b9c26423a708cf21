"""
HTTP in from operators: ``POST /mm7/{carrier}`` and ``/carriers/{carrier}/{what}``.

The carrier says who may ask, and answers; this moves octets, and reads the body of a
request only if the carrier lets the caller in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.asgi import read_body, read_head, send_response
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.servers.addresses import Network
    from budstikke.servers.asgi import App, Receive, Scope, Send
    from budstikke.wire import WireRequest

_path = re.compile(
    r"/(?:(mm7)/([^/]{1,100})|(carriers)/([^/]{1,100})/(?:receipts|inbound))"
).fullmatch

NOBODY = WireResponse(404, b"There is no such carrier\n")


class Operator(Protocol):
    """Answers the operator of one carrier."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods that the operator may use."""

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Refuse a request by its head alone; ``None``: it is authenticated."""

    async def take(self, request: WireRequest) -> WireResponse:
        """Answer a request; never raises."""

    def unreadable(self, status: int, detail: str) -> WireResponse:
        """Answer a request whose body is too large (413) or was cut short (400)."""


class OperatorServer:
    """
    The ASGI application of everything that operators ask.

    Args:
        operator: Finds who answers for a carrier, by the first word of the path and the
            carrier's name; ``None``: nobody.
        rest: The application for all other paths.
        max_body: Octets of a request's body.
        trusted: Networks of proxies that are believed.

    """

    def __init__(
        self,
        *,
        operator: Callable[[str, str], Operator | None],
        rest: App,
        max_body: int,
        trusted: tuple[Network, ...],
    ) -> None:
        self._operator = operator
        self._rest = rest
        self._max_body = max_body
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        match = _path(scope.get("path", "")) if scope["type"] == "http" else None
        if match is None:
            await self._rest(scope, receive, send)
            return
        kind, name = filter(None, match.groups())
        operator = self._operator(kind, name)
        await send_response(send, await self._answer(operator, scope, receive))

    async def _answer(
        self, operator: Operator | None, scope: Scope, receive: Receive
    ) -> WireResponse:
        if operator is None:
            return NOBODY
        if scope["method"] not in operator.methods:
            allowed = ", ".join(operator.methods)
            body = f"Only {allowed}\n".encode()
            return WireResponse(405, body, headers={"allow": allowed})
        request = read_head(scope, self._trusted)
        refused = operator.refuses(request)
        if refused is not None:
            return refused
        try:
            request.body = await read_body(receive, self._max_body)
        except Refusal as refusal:
            if refusal.code is RefusalCode.TOO_LARGE:
                return operator.unreadable(413, "it is too large")
            return operator.unreadable(400, "it was cut short")
        return await operator.take(request)
