"""
Makes callbacks over HTTP.

Customers write the URLs, so each is checked where it cannot be evaded: it connects to
the addresses that it checked, follows no redirects, and limits sizes and times.
Connections are kept and used again.
"""

from __future__ import annotations

import asyncio
import base64
import re
import ssl
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from budstikke.clients.http.connection import Broken, Connection
from budstikke.clients.http.resolver import Resolver
from budstikke.flow.transports import NotReached

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.wire import WireRequest, WireResponse

CONNECT = 5.0
"""Seconds for one of several addresses to accept a connection."""

LATE = 0.1
"""Seconds between checks for late answers."""

IDLE = 30.0
"""Seconds after which to close an unused connection; servers keep them longer."""

_url = re.compile(r"(https?)://([^/?#]+)(.*)", re.DOTALL | re.IGNORECASE).fullmatch
_authority = re.compile(
    r"(?:([^@]*)@)?(\[[0-9a-fA-F:.]+\]|[^:\[\]@]+)(?::([0-9]{1,5}))?"
).fullmatch
_control = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_printable = re.compile(r"[!-~]*").fullmatch


class Origin(NamedTuple):
    """A URL's host, and the beginning and end of each request to it."""

    scheme: str
    host: str
    port: int
    headers: str


@lru_cache(maxsize=4096)
def read_origin(scheme: str, authority: str) -> Origin:
    """Read the scheme and authority of a URL; raises NotReached."""
    match = _authority(authority)
    if match is None:
        raise NotReached("not a URL")
    userinfo, written, digits = match.groups()
    secure = scheme.lower() == "https"
    port = int(digits) if digits else 443 if secure else 80
    host = written.strip("[]")
    try:
        host.encode("ascii")
    except UnicodeEncodeError:
        host = written = _idna(host)
    if port > 65535 or not _printable(written):
        raise NotReached("not a URL")
    headers = f"Host: {written}:{port}\r\n" if digits else f"Host: {written}\r\n"
    if userinfo:
        token = base64.b64encode(unquote(userinfo).encode()).decode()
        headers += f"Authorization: Basic {token}\r\n"
    return Origin(scheme.lower(), host, port, headers)


def _idna(host: str) -> str:
    try:
        return host.encode("idna").decode()
    except UnicodeError as error:
        raise NotReached("not a URL") from error


class HttpTransport:
    """
    The transport for callbacks by HTTP.

    Args:
        timeout: Seconds for an answer, with the connection.
        allow_private: Allow loopback, private and link-local addresses.
        allow_http: Allow plain http URLs.
        version: Ours, for the User-Agent header.

    """

    def __init__(
        self, *, timeout: float, allow_private: bool, allow_http: bool, version: str
    ) -> None:
        self._timeout = timeout
        self._resolver = Resolver(allow_private=allow_private)
        self._schemes = {"https", "http"} if allow_http else {"https"}
        self._agent = f"User-Agent: budstikke/{version}\r\n"
        self._idle: dict[Origin, deque[Connection]] = {}
        self._all: set[Connection] = set()
        self._looking: asyncio.TimerHandle | None = None
        self._swept_at = 0.0
        self._tls: ssl.SSLContext | None = None

    async def deliver(
        self, request: WireRequest, seconds: float | None = None
    ) -> WireResponse:
        """
        Make a request; raises NotReached if there is no answer.

        ``seconds``: the longest wait for the answer; ``None``: ``timeout``.
        """
        url = _url(request.target)
        if url is None or url[1].lower() not in self._schemes:
            scheme = request.target.partition(":")[0][:10] or "no"
            raise NotReached(f"{scheme} URLs are not called")
        origin = read_origin(url[1], url[2])
        end = asyncio.get_running_loop().time() + (seconds or self._timeout)
        try:
            written = self._write(request, origin, url[3])
            return await self._ask(origin, written, end)
        except TimeoutError as error:
            raise NotReached("no answer in time") from error
        except (Broken, OSError, ssl.SSLError, UnicodeError) as error:
            raise NotReached(f"{type(error).__name__}: {error}") from error

    def _write(self, request: WireRequest, origin: Origin, rest: str) -> bytes:
        """Write a request; raises NotReached for a value that it cannot hold."""
        path = rest.partition("#")[0]
        if not path.startswith("/"):
            path = "/" + path
        body = request.body
        headers = _lines(request.headers)
        if not _printable(path):
            raise NotReached("the URL has characters that must be escaped")
        if body or request.method == "POST":
            headers += f"Content-Length: {len(body)}\r\n"
        head = f"{request.method} {path} HTTP/1.1\r\n{origin.headers}{self._agent}"
        return f"{head}{headers}\r\n".encode("latin-1") + body

    async def _ask(self, origin: Origin, written: bytes, end: float) -> WireResponse:
        connection = self._kept(origin) or await self._connect_by(end, origin)
        while True:
            again = connection.served > 0
            try:
                answer = await self._use(connection, origin, written, end)
            except Broken as error:
                # A kept connection may be closed before the server reads: connect anew.
                if not (again and error.silent):
                    raise
                connection = await self._connect_by(end, origin)
            else:
                return answer

    async def _connect_by(self, end: float, origin: Origin) -> Connection:
        async with asyncio.timeout_at(end):
            return await self._connect(origin)

    async def _use(
        self, connection: Connection, origin: Origin, written: bytes, end: float
    ) -> WireResponse:
        if self._looking is None:
            self._look()
        try:
            answer = await connection.ask(written, end)
        except BaseException:
            connection.close()
            self._all.discard(connection)
            raise
        if connection.usable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(origin, deque()).append(connection)
        else:
            self._all.discard(connection)
        return answer

    def _look(self) -> None:
        """
        End late requests, from time to time while there are connections.

        A timer for each request would take a twentieth of a push's cost.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._all):
            connection.late(now)
        self._looking = loop.call_later(LATE, self._look) if self._all else None

    def _kept(self, origin: Origin) -> Connection | None:
        """Take the connection that was used last; close those unused for long."""
        kept = self._idle.get(origin)
        if not kept:
            return None
        oldest = asyncio.get_running_loop().time() - IDLE
        while kept and kept[0].idle_since < oldest:
            self._drop(kept.popleft())
        while kept:
            connection = kept.pop()
            if connection.usable:
                return connection
            self._drop(connection)
        return None

    def _drop(self, connection: Connection) -> None:
        connection.close()
        self._all.discard(connection)

    async def _connect(self, origin: Origin) -> Connection:
        """Connect to the first of the host's addresses that accepts."""
        self._sweep()
        loop = asyncio.get_running_loop()
        addresses = await self._resolver.resolve(origin.host, origin.port)
        secure = origin.scheme == "https"
        tried = addresses[:]  # another task may change the order meanwhile
        for address in tried:
            last = address == tried[-1]
            try:
                async with asyncio.timeout(None if last else CONNECT):
                    _, connection = await loop.create_connection(
                        lambda: Connection(loop),
                        address,
                        origin.port,
                        ssl=self._context() if secure else None,
                        server_hostname=origin.host if secure else None,
                    )
            except OSError:  # TimeoutError is one
                if last:
                    raise
                addresses.sort(key=address.__eq__)  # from now on it comes last
            else:
                self._all.add(connection)
                return connection
        raise OSError("no address")

    def _sweep(self) -> None:
        """Close connections that were not used for long."""
        now = asyncio.get_running_loop().time()
        if now - self._swept_at > IDLE:
            self._swept_at = now
            for origin in list(self._idle):
                kept = self._idle[origin]
                while kept and kept[0].idle_since < now - IDLE:
                    self._drop(kept.popleft())
                if not kept:
                    del self._idle[origin]

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls

    async def close(self) -> None:
        """Close connections."""
        if self._looking is not None:
            self._looking.cancel()
        for connection in self._all:
            connection.close()
        self._all.clear()
        self._idle.clear()
        self._resolver.close()


def _lines(headers: Mapping[str, str]) -> str:
    """Write headers; raises NotReached for one that would end its line."""
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    if any(_control(line[:-2]) for line in lines):
        raise NotReached("a header has a line break or the like")
    return "".join(lines)
