"""
Requests of a carrier to its operator over HTTP.

``Connection`` is that of callbacks. An operator's address is configured by the
administrator. Whether it may be a private one is the carrier's rule: with a
``Resolver`` the client connects only to the addresses that customers' URLs may lead to.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from budstikke.clients.http.connection import Connection

if TYPE_CHECKING:
    from budstikke.clients.http.resolver import Resolver
    from budstikke.wire import WireResponse

IDLE: Final = 5.0
"""
Seconds after which to close an unused connection.

If the server closes it while we write, the outcome is unknown; few close so soon.
"""


class NotReached(Exception):  # noqa: N818 - an operator being away is normal
    """Nothing was written to the operator; the message says why."""


class Timeouts(NamedTuple):
    """Seconds to connect (with TLS), and to wait for a response."""

    connect: float
    response: float


def basic(username: str, password: str) -> str:
    """Return the value of ``Authorization`` for basic authentication (RFC 7617 § 2)."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


class HttpClient:
    """
    Connections to one operator; each has one request at a time.

    Args:
        url: Any URL of the operator's server: scheme, host and port count.
        ca: PEM file of the authorities to trust; empty: the system's.
        timeouts: In seconds.
        resolver: Finds the addresses that may be called; ``None``: any may.

    """

    def __init__(
        self, url: str, ca: str, timeouts: Timeouts, resolver: Resolver | None = None
    ) -> None:
        split = urlsplit(url)
        self._host = split.hostname or ""
        self._secure = split.scheme == "https"
        self._port = split.port or (443 if self._secure else 80)
        self._ca = ca
        self._timeouts = timeouts
        self._resolver = resolver
        self._tls: ssl.SSLContext | None = None
        self._idle: list[Connection] = []

    async def connection(self) -> Connection:
        """Return an idle connection or a new one; raises NotReached."""
        loop = asyncio.get_running_loop()
        while self._idle:
            idle = self._idle.pop()
            if idle.usable and loop.time() - idle.idle_since < IDLE:
                return idle
            idle.close()
        try:
            async with asyncio.timeout(self._timeouts.connect):
                return await self._connect()
        except TimeoutError as error:
            raise NotReached("no connection in time") from error
        except (OSError, UnicodeError) as error:  # TLS, too
            raise NotReached(f"{type(error).__name__}: {error}") from error

    async def _connect(self) -> Connection:
        """Connect to the first address that accepts; raises OSError, UnicodeError."""
        hosts = [self._host]
        if self._resolver is not None:
            hosts = list(await self._resolver.resolve(self._host, self._port))
        loop = asyncio.get_running_loop()
        for host in hosts:
            try:
                _, made = await loop.create_connection(
                    lambda: Connection(loop),
                    host,
                    self._port,
                    ssl=self._context() if self._secure else None,
                    server_hostname=self._host if self._secure else None,
                )
            except OSError:
                if host == hosts[-1]:
                    raise
            else:
                return made
        raise OSError("no address")

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._ca or None)
        return self._tls

    async def ask(self, connection: Connection, request: bytes) -> WireResponse:
        """Make a request; after Broken or TimeoutError the outcome is unknown."""
        try:
            async with asyncio.timeout(self._timeouts.response):
                answer = await connection.ask(request)
        except BaseException:
            connection.close()
            raise
        self.put_back(connection)
        return answer

    def put_back(self, connection: Connection) -> None:
        """Keep a connection for the next request, if it can carry one."""
        if connection.usable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
