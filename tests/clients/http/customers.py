"""Customers' HTTP servers, scripted."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.clients.http.transport import HttpTransport
from budstikke.flow.transports import NotReached
from budstikke.wire import WireRequest, WireResponse
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nOK"


class Customer:
    """A server that answers each request with the next of its answers, or never."""

    def __init__(self, *answers: bytes, hang_up: bool = False) -> None:
        self.answers = list(answers)
        self.hang_up = hang_up
        self.asked: list[bytes] = []
        self.connections = 0
        self.came = asyncio.Event()
        self.url = ""

    async def serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self.asked.append(head + await reader.readexactly(length))
                self.came.set()
                if self.answers:
                    writer.write(self.answers.pop(0))
                    await writer.drain()
                if self.hang_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def listening(customer: Customer) -> AsyncIterator[None]:
    server = await asyncio.start_server(customer.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    customer.url = f"http://127.0.0.1:{port}"
    try:
        yield
    finally:
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def opened(**values: Any) -> AsyncIterator[HttpTransport]:
    known: dict[str, Any] = {
        "timeout": 10.0,
        "allow_private": True,
        "allow_http": True,
        "version": "1.2",
    }
    transport = HttpTransport(**known | values)
    try:
        yield transport
    finally:
        await transport.close()


@asynccontextmanager
async def calling(
    customer: Customer, **values: Any
) -> AsyncIterator[tuple[HttpTransport, str]]:
    """Have a customer listen for the block; yields what calls it, and its URL."""
    async with (
        asyncio.timeout(PATIENCE),
        listening(customer),
        opened(**values) as transport,
    ):
        yield transport, customer.url


def play(
    customer: Customer,
    scenario: Callable[[HttpTransport, str], Awaitable[None]],
    **values: Any,
) -> Customer:
    async def whole() -> None:
        async with calling(customer, **values) as (transport, url):
            await scenario(transport, url)

    asyncio.run(whole())
    return customer


def ask(customer: Customer, path: str = "/s?a=1", **values: Any) -> WireResponse:
    """Make one request and return its answer."""
    answers: list[WireResponse] = []

    async def scenario(transport: HttpTransport, url: str) -> None:
        answers.append(await transport.deliver(WireRequest("GET", url + path)))

    play(customer, scenario, **values)
    return answers[0]


def why(customer: Customer, path: str = "/", **values: Any) -> str:
    """Make a request that does not reach its server; returns why."""
    with pytest.raises(NotReached) as caught:
        ask(customer, path, **values)
    return str(caught.value)
