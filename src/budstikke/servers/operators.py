"""
HTTP in from MMSCs: ``POST /mm7/{carrier}``.

Who asks, and what, is the carrier's to tell; this moves octets, and takes a body from
nobody else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.mm7 import Status, write_error
from budstikke.servers.asgi import read_body, read_head, send_response
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.servers.addresses import Network
    from budstikke.servers.asgi import App, Receive, Scope, Send
    from budstikke.wire import WireRequest

_path = re.compile(r"/mm7/([^/]{1,100})").fullmatch

NOBODY = WireResponse(404, b"There is no such carrier\n")
ONLY_POST = WireResponse(405, b"Only POST\n", headers={"allow": "POST"})


class Mmsc(Protocol):
    """Answers the MMSC of one carrier."""

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Refuse a request by its head alone; ``None``: it is authenticated."""

    async def take(self, request: WireRequest) -> WireResponse:
        """Answer a request; never raises."""


class Mm7Server:
    """
    The ASGI application of everything below ``/mm7``.

    Args:
        mmsc: Finds who answers for a carrier, by its name; ``None``: nobody.
        rest: The application for all other paths.
        max_body: Octets of a request's body.
        trusted: Networks of proxies that are believed.

    """

    def __init__(
        self,
        *,
        mmsc: Callable[[str], Mmsc | None],
        rest: App,
        max_body: int,
        trusted: tuple[Network, ...],
    ) -> None:
        self._mmsc = mmsc
        self._rest = rest
        self._max_body = max_body
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Work one request."""
        match = _path(scope.get("path", "")) if scope["type"] == "http" else None
        if match is None:
            await self._rest(scope, receive, send)
            return
        await send_response(send, await self._answer(match[1], scope, receive))

    async def _answer(self, name: str, scope: Scope, receive: Receive) -> WireResponse:
        mmsc = self._mmsc(name)
        if mmsc is None:
            return NOBODY
        if scope["method"] != "POST":
            return ONLY_POST
        request = read_head(scope, self._trusted)
        refused = mmsc.refuses(request)
        if refused is not None:
            return refused
        try:
            request.body = await read_body(receive, self._max_body)
        except Refusal as refusal:
            large = refusal.code is RefusalCode.TOO_LARGE
            detail = "it is too large" if large else "it was cut short"
            written = write_error("", Status.CLIENT_ERROR, detail)
            status = 413 if large else 400
            return WireResponse(status, written.body, written.content_type)
        return await mmsc.take(request)
