"""A server in the test's loop, and a client that says octets as they are."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import uvicorn

from budstikke.servers.fast_path import FastPathProtocol
from budstikke.servers.guard import Guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


class Observed(FastPathProtocol):
    """Says how much was received, so that a client can wait with its next segment."""

    received = 0
    came = asyncio.Event()
    present: ClassVar[set[Observed]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        Observed.present.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        Observed.present.discard(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        Observed.received += len(data)
        Observed.came.set()


class Server(uvicorn.Server):
    """uvicorn in a test's loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(app: Any, guard: Guard | None = None) -> AsyncIterator[int]:
    """Serve on a free port of loopback."""
    kind: Any = partial(Observed, guard=guard or Guard())
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        http=kind,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.wait([task], timeout=0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


class Client:
    """A raw connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, *pieces: bytes) -> None:
        """Write pieces, each in a segment of its own."""
        for piece in pieces:
            expected = Observed.received + len(piece)
            self.writer.write(piece)
            while Observed.received < expected:
                Observed.came.clear()
                await Observed.came.wait()

    async def hear(self) -> tuple[int, bytes]:
        """Read one response."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(line for line in lines if line.startswith(b"content-length:"))
        body = await self.reader.readexactly(int(length.split(b":")[1]))
        return int(head.split()[1]), body


@contextlib.asynccontextmanager
async def connected(app: Any, guard: Guard | None = None) -> AsyncIterator[Client]:
    """Serve an application and connect to it."""
    Observed.came = asyncio.Event()
    async with serving(app, guard) as port, asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield Client(reader, writer)
        writer.close()
