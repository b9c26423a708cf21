"""
ASGI messages from and to values, for whatever answers on plain ASGI.

Reading a request here costs a few microseconds; Starlette's would be tens.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from budstikke import metrics
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.addresses import client_of
from budstikke.wire import WireRequest, WireResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, MutableMapping

    from budstikke.servers.addresses import Network

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    App = Callable[[Scope, Receive, Send], Awaitable[None]]


def read_head(scope: Scope, trusted: tuple[Network, ...]) -> WireRequest:
    """Read all but the body; ``trusted``: networks of trusted proxies."""
    headers = joined(
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in scope["headers"]
    )
    peer = scope["client"]
    client, secure = (peer[0] if peer else ""), scope["scheme"] == "https"
    if trusted:
        client, secure = client_of(client, headers, trusted, secure=secure)
    return WireRequest(
        scope["method"],
        scope["path"],
        scope["query_string"],
        headers,
        b"",
        client,
        secure,
    )


def joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """
    Read headers, with lower-case names.

    Values of one that is there several times are joined by commas (RFC 9110 § 5.3):
    each proxy may add a line of its own, and of two passwords none counts.
    """
    merged: dict[str, str] = {}
    for name, value in headers:
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return merged


LARGE = 1024 * 1024
"""
Octets of a body that is put together in a thread.

From here on CPython's ``bytes.join`` lets go of the GIL, and the memory that it fills
is new: 8 MB take the kernel 10 ms.
"""


async def read_body(receive: Receive, most: int, said: str = "") -> bytes:
    """
    Read a body of at most so many octets.

    Raises Refusal when it is larger (``TOO_LARGE``) or the client is gone. ``said`` is
    its Content-Length, if there is one: what says that it is larger is not read.
    """
    if said.isdecimal() and (len(said) > 18 or int(said) > most):
        raise Refusal(RefusalCode.TOO_LARGE)
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Refusal(RefusalCode.MALFORMED)
    body: bytes = message.get("body", b"")
    if not message.get("more_body"):
        if len(body) > most:
            raise Refusal(RefusalCode.TOO_LARGE)
        return body
    pieces = [body]
    size = len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(RefusalCode.MALFORMED)
        piece = message.get("body", b"")
        size += len(piece)
        if size > most:
            raise Refusal(RefusalCode.TOO_LARGE)
        pieces.append(piece)
    if size <= LARGE:
        return b"".join(pieces)
    return await asyncio.to_thread(b"".join, pieces)


async def send_response(send: Send, response: WireResponse) -> None:
    """Write a whole response."""
    headers = [
        (b"content-type", response.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(response.body)),
    ]
    for name, value in response.headers.items():
        headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
    await send(
        {"type": "http.response.start", "status": response.status, "headers": headers}
    )
    await send({"type": "http.response.body", "body": response.body})


class Tally:
    """Counts requests and their time in the metrics; caches the labels."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], Any] = {}

    def count(self, dialect: str, result: str, seconds: float) -> None:
        """Count an answered request."""
        key = (dialect, result)
        counted = self._counted.get(key)
        if counted is None:
            counted = self._counted[key] = metrics.requests.labels(dialect, result)
        counted.inc()
        metrics.accept_seconds.note(dialect, seconds)
