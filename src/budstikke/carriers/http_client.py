"""
Submits to the MMSC over HTTP.

The operator's address is configured and may be private, so nothing here guards against
private addresses, as we do for customers' URLs. ``Connection`` is that of callbacks.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from budstikke.clients.http.connection import Connection

if TYPE_CHECKING:
    from budstikke.carriers.mm7.settings import Settings
    from budstikke.mm7 import Written
    from budstikke.wire import WireResponse

IDLE: Final = 5.0
"""
Seconds after which to close an unused connection.

If the server closes it while we write, the outcome is unknown; few close so soon.
"""


class NotReached(Exception):  # noqa: N818 - an operator being away is normal
    """Nothing was written to the MMSC; the message says why."""


class Client:
    """Connections to one MMSC; each has one submission at a time."""

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.url)
        self._settings = settings
        self._host = url.hostname or ""
        self._secure = url.scheme == "https"
        self._port = url.port or (443 if self._secure else 80)
        self._tls: ssl.SSLContext | None = None
        self._idle: list[Connection] = []
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        host = url.netloc.rpartition("@")[2]
        self._head = f'POST {path} HTTP/1.1\r\nHost: {host}\r\nSOAPAction: ""\r\n'
        if settings.username:
            login = f"{settings.username}:{settings.password}".encode()
            self._head += f"Authorization: Basic {b64encode(login).decode()}\r\n"

    async def connection(self) -> Connection:
        """Return an idle connection or a new one; raises NotReached."""
        loop = asyncio.get_running_loop()
        while self._idle:
            idle = self._idle.pop()
            if idle.usable and loop.time() - idle.idle_since < IDLE:
                return idle
            idle.close()
        try:
            async with asyncio.timeout(self._settings.connect_timeout):
                _, made = await loop.create_connection(
                    lambda: Connection(loop),
                    self._host,
                    self._port,
                    ssl=self._context() if self._secure else None,
                )
        except TimeoutError as error:
            raise NotReached("no connection in time") from error
        except OSError as error:  # TLS, too
            raise NotReached(f"{type(error).__name__}: {error}") from error
        return made

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=self._settings.ca or None)
        return self._tls

    async def ask(self, connection: Connection, written: Written) -> WireResponse:
        """Submit; after Broken or TimeoutError the outcome is unknown."""
        head = (
            f"{self._head}Content-Type: {written.content_type}\r\n"
            f"Content-Length: {len(written.body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(self._settings.response_timeout):
                answer = await connection.ask(head.encode("latin-1") + written.body)
        except BaseException:
            connection.close()
            raise
        if connection.usable:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)
        return answer

    def close(self) -> None:
        """Close the idle connections."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()
