"""
An HTTP server on sockets that listen: uvicorn's, with our protocol.

It runs in the gateway's own process or in each of its workers. Signals are the
program's, not the server's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import uvicorn

from budstikke.servers.fast_path import FastPathProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from budstikke.servers.guard import Guard

BACKLOG = 2048
"""Connections that wait until they are accepted."""

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

    ``tls_cert`` and ``tls_key`` are PEM files; empty: plain HTTP.
    """

    sockets: Sequence[socket.socket]
    tls_cert: str = ""
    tls_key: str = ""


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
    """uvicorn in our loop: signals are ours, and it takes leave of its clients."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """
        Listen no more, and give each client an answer that says it is the last.

        A connection that is ended while its client sends the next message leaves it
        without an answer, and the client with a message that may have been sent.
        """
        for server in self.servers:
            server.close()
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
        )
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
