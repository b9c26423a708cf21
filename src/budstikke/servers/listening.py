"""
An HTTP server on sockets that listen: uvicorn's, with our protocol.

It runs in the gateway's own process or in each of its workers. Signals are the
program's, not the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import uvicorn

from budstikke.servers.fast_path import FastPathProtocol

log = logging.getLogger("budstikke.http")

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from budstikke.servers.guard import Guard

BACKLOG = 2048
"""Connections that wait until they are accepted."""

PAUSE = 0.5
"""Seconds without accepting after the system could not give a connection."""

AGAIN = 0.1
"""Seconds between two tries to bind."""

LAST_ANSWERS = 0.5
"""Seconds in which a connection may ask once more before a stop ends it."""

GRACE = 5
"""Seconds that a stop waits for answers; the phones' screen keeps streams open."""

IDLE = 75
"""Seconds that a connection is kept while nothing is asked."""


class Listening(NamedTuple):
    """
    Where a server takes connections.

    ``tls_cert`` and ``tls_key`` are PEM files; empty: plain HTTP. ``shared``: other
    processes accept from these sockets, too.
    """

    sockets: Sequence[socket.socket]
    tls_cert: str = ""
    tls_key: str = ""
    shared: bool = False


async def bind(host: str, port: int, seconds: float = 0.0) -> list[socket.socket]:
    """
    Bind a socket for each address of a host, and listen; ``port`` 0: any.

    It tries for so many seconds while another process has the port. Raises OSError,
    which says what to do about it.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        try:
            found = await loop.getaddrinfo(
                host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            return _bound([(family, address) for family, _, _, _, address in found])
        except OSError as error:
            if error.errno != errno.EADDRINUSE or loop.time() >= end:
                raise cannot_listen(host, port, error) from None
        await asyncio.sleep(AGAIN)


def _bound(addresses: Sequence[tuple[int, Any]]) -> list[socket.socket]:
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys(addresses):
            sockets.append(listener := socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
    except OSError:
        for listener in sockets:
            listener.close()
        raise
    return sockets


def cannot_listen(host: str, port: int, error: object) -> OSError:
    """Say which address cannot be listened on, and what to do about it."""
    why = str(error)
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        why = os.strerror(error.errno)
        if error.errno == errno.EADDRINUSE:
            why += ": end the program that has it, or choose another port"
    return OSError(f"cannot listen on {host}:{port}: {why}")


class Server(uvicorn.Server):
    """
    uvicorn in our loop: signals are ours, and it takes leave of its clients.

    Args:
        config: uvicorn's.
        shared: The sockets that other processes accept from, too; empty: none.

    """

    def __init__(
        self, config: uvicorn.Config, shared: Sequence[socket.socket] = ()
    ) -> None:
        super().__init__(config)
        self._shared = shared
        self._greeting: set[asyncio.Task[Any]] = set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Begin to accept.

        uvloop accepts all connections that wait: of a burst one process would get
        them all. From shared sockets it is one in a turn of the loop, so that a process
        with much to do takes fewer.
        """
        if not self._shared:
            await super().startup(sockets)
            return
        await self.lifespan.startup()
        self.servers = []
        for listener in self._shared:
            self._listen(listener)
        self.started = True

    def _listen(self, listener: socket.socket) -> None:
        if not self.should_exit:
            loop = asyncio.get_running_loop()
            loop.add_reader(listener.fileno(), self._accept, listener)

    def _accept(self, listener: socket.socket) -> None:
        """Accept one connection, unless another process was first."""
        loop = asyncio.get_running_loop()
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return
        except OSError as error:  # no descriptors, no memory: not for each turn
            log.error("cannot accept a connection: %s", error)  # noqa: TRY400 - of all
            loop.remove_reader(listener.fileno())
            loop.call_later(PAUSE, self._listen, listener)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        greeting = loop.create_task(self._greet(connection))
        self._greeting.add(greeting)
        greeting.add_done_callback(self._greeting.discard)

    async def _greet(self, connection: socket.socket) -> None:
        """Give a connection its protocol, after its TLS handshake if it has one."""
        kind: Any = self.config.http_protocol_class
        state = self.lifespan.state

        def protocol() -> asyncio.Protocol:
            made: asyncio.Protocol = kind(
                config=self.config, server_state=self.server_state, app_state=state
            )
            return made

        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):  # as an asyncio server does
            await loop.connect_accepted_socket(
                protocol, connection, ssl=self.config.ssl
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Listen no more, and give each client an answer that says it is the last.

        A connection that is ended while its client sends the next message leaves it
        without an answer, and the client with a message that may have been sent.
        """
        for server in self.servers:
            server.close()
        for listener in self._shared:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        if self._greeting:  # those that were accepted a moment ago
            await asyncio.wait(self._greeting, timeout=0.1)
        connections = self.server_state.connections
        for connection in list(connections):
            cast("FastPathProtocol", connection).close_after_answer()
        loop = asyncio.get_running_loop()
        end = loop.time() + LAST_ANSWERS
        while connections and loop.time() < end:  # noqa: ASYNC110 - a set tells nobody
            await asyncio.sleep(0.01)
        await super().shutdown(sockets)


@contextlib.asynccontextmanager
async def serving(app: Any, listening: Listening, guard: Guard) -> AsyncIterator[None]:
    """Serve an application until the end of the block."""
    kind: Any = partial(FastPathProtocol, guard=guard)
    server = Server(
        uvicorn.Config(
            app,
            http=kind,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=GRACE,
            backlog=BACKLOG,
            ssl_certfile=listening.tls_cert or None,
            ssl_keyfile=listening.tls_key or None,
        ),
        listening.sockets if listening.shared else (),
    )
    task = asyncio.create_task(server.serve(list(listening.sockets)))
    while not server.started:
        await asyncio.wait([task], timeout=0.01)
        if task.done():
            await task  # raises the error
    try:
        yield
    finally:
        server.should_exit = True
        await task
