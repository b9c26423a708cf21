"""
One connection to a customer's HTTP server, for one request after another.

With a general client, nearly half of a status push's cost was sessions, redirects,
cookies and objects for each request. This has what callbacks need, over the HTTP parser
of the server side; docs/why/http-client.md has the figures.
"""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

MOST_ANSWER = 64 * 1024
"""Octets of an answer's body to keep; the rest is dropped."""

MOST_HEAD = 64 * 1024
"""Octets of the longest head of an answer."""

MOST_READ = 4 * 1024 * 1024
"""Octets of the longest answer."""


class Broken(Exception):  # noqa: N818 - the customer's server did it, not we
    """The connection broke before an answer; ``silent``: before its first octet."""

    def __init__(self, message: str, *, silent: bool) -> None:
        super().__init__(message)
        self.silent = silent


class Connection(asyncio.Protocol):
    """
    A connection that carries one request at a time.

    Args:
        loop: The running loop.

    """

    def __init__(self, loop: AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._answer: Future[WireResponse] | None = None
        self._end = math.inf
        self.usable = False
        """Whether it can carry another request."""
        self.served = 0
        """Answers so far: at a second request the server may just have closed."""
        self.idle_since = 0.0
        self._begin()

    def _begin(self) -> None:
        self._parser = HttpResponseParser(self)
        self._body: list[bytes] = []
        self._kept = 0
        self._size = 0
        self._type = ""
        self._headers: dict[str, str] = {}
        self._headers_done = False
        self._length_known = False
        self._heard = False
        self._closing = False

    def ask(self, request: bytes, end: float = math.inf) -> Future[WireResponse]:
        """
        Make a request; the future gets the answer, or raises Broken.

        It raises TimeoutError if ``late`` is called with a time after ``end`` (of the
        loop).
        """
        assert self._transport is not None  # noqa: S101 - it is connected
        self._end = end
        self._answer = self._loop.create_future()
        self._transport.write(request)
        return self._answer

    def late(self, now: float) -> None:
        """Fail a request whose ``end`` is before ``now``, a time of the loop."""
        answer = self._answer
        if answer is not None and now >= self._end and not answer.done():
            self._answer = None
            self.close()
            answer.set_exception(TimeoutError())

    def close(self) -> None:
        """Close it; a request without an answer fails."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self.usable = True

    def data_received(self, data: bytes) -> None:
        """Parse the octets."""
        self._heard = True
        self._size += len(data)
        most = MOST_READ if self._headers_done else MOST_HEAD
        if self._answer is None or self._size > most + len(data):
            self._fail("more than an answer came")
            return
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._fail("it wants another protocol")
        except HttpParserError as error:
            self._fail(f"no HTTP: {error}")

    def eof_received(self) -> None:
        """Carry no other request: the server has ended, and asyncio closes it."""
        self.usable = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Complete an answer without a length; fail the request otherwise."""
        self._transport = None
        self.usable = False
        if self._headers_done and not self._length_known:
            self._closing = True
            self.on_message_complete()
        elif self._answer is not None:
            self._fail(f"connection lost: {exc}" if exc else "it hung up")

    # What the parser calls

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read how the body ends, its type, and how long we are to wait."""
        lower = name.lower()
        if lower in (b"content-length", b"transfer-encoding"):
            self._length_known = True
        elif lower == b"content-type":
            self._type = value.decode("latin-1")
        elif lower == b"retry-after":
            self._headers["retry-after"] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note that the head is complete."""
        self._headers_done = True

    def on_body(self, body: bytes) -> None:
        """Keep the beginning of the body."""
        if self._kept < MOST_ANSWER:
            self._body.append(body[: MOST_ANSWER - self._kept])
            self._kept += len(self._body[-1])

    def on_message_complete(self) -> None:
        """Return the answer; skip an interim one (1xx)."""
        if self._answer is None:
            self.close()  # a second answer to one request: the stream is not reliable
            return
        status = self._parser.get_status_code()
        if status < 200:
            self._begin_after_interim()
            return
        keep = not self._closing and self._parser.should_keep_alive()
        answer, self._answer = self._answer, None
        body = b"".join(self._body)
        response = WireResponse(status, body, self._type, self._headers)
        self.served += 1
        self._begin()
        if not keep:
            self.close()
        if not answer.done():
            answer.set_result(response)

    def _begin_after_interim(self) -> None:
        self._headers_done = self._length_known = False
        self._body.clear()
        self._kept = 0
        self._type = ""
        self._headers.clear()

    def _fail(self, why: str) -> None:
        answer, self._answer = self._answer, None
        self.close()
        if answer is not None and not answer.done():
            answer.set_exception(Broken(why, silent=not self._heard))
