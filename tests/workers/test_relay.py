"""Requests that the gateway answers through a worker, as if it were asked itself."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from budstikke.workers import relay
from budstikke.workers.relay import Relay
from flow.rig import until
from workers.lines import End, joined

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request

pytestmark = pytest.mark.anyio


class App:
    """An application with an echo, a stream and a fault."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = asyncio.Event()
        self.app = Starlette(
            routes=[
                Route("/echo", self.echo, methods=["POST"]),
                Route("/stream", self.stream),
                Route("/fault", self.fault),
            ]
        )

    async def echo(self, request: Request) -> PlainTextResponse:
        body = await request.body()
        seen = (request.client, request.url.query, request.headers.get("x-a"))
        return PlainTextResponse(f"{seen} {body!r}", 201, {"x-b": "c"})

    async def stream(self, _request: Request) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield await self.pieces.get()
            finally:
                self.closed.set()

        return StreamingResponse(pieces())

    async def fault(self, _request: Request) -> PlainTextResponse:
        raise ZeroDivisionError("what the customer wrote")


class Client:
    """What uvicorn is to an application."""

    def __init__(self, path: str, *body: bytes) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self._body = list(body or (b"",))
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST" if body else "GET",
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"a=%E5",
            "headers": [(b"host", b"x"), (b"x-a", b"\xe5")],
            "client": ("192.0.2.1", 5000),
            "server": ("127.0.0.1", 80),
            "state": {"uvicorn's": asyncio},
        }

    async def receive(self) -> dict[str, Any]:
        if not self._body:
            await self.gone.wait()
            return {"type": "http.disconnect"}
        piece, more = self._body.pop(0), bool(self._body)
        return {"type": "http.request", "body": piece, "more_body": more}

    async def send(self, message: Any) -> None:
        self.sent.append(message)


@asynccontextmanager
async def relayed(app: App) -> AsyncIterator[Relay]:
    """Give an application as a worker has it."""

    async def answer(number: int, scope: Any) -> None:
        await relay.answer(gateway.line, app.app, number, scope)

    functions: dict[str, Any] = {}
    gateway = End({"relay": answer}, {}, frozenset({"relay"}))
    worker = End(functions, {})
    theirs = Relay(worker.line)
    functions |= {"receive": theirs.receive, "send": theirs.send}
    async with joined(gateway, worker):
        yield theirs
        assert not theirs._open


async def test_an_answer_is_the_one_that_the_application_gives() -> None:
    app = App()
    direct, through = (Client("/echo", b"one", b"two") for _ in range(2))
    await app.app(direct.scope, direct.receive, direct.send)
    async with relayed(app) as theirs:
        await theirs(through.scope, through.receive, through.send)
    assert direct.sent == through.sent
    assert b"b'onetwo'" in through.sent[1]["body"]
    assert b"192.0.2.1" in through.sent[1]["body"]


async def test_a_stream_comes_piece_by_piece_until_the_client_hangs_up() -> None:
    app = App()
    client = Client("/stream")
    async with relayed(app) as theirs:
        served = asyncio.create_task(theirs(client.scope, client.receive, client.send))
        for number in range(3):
            app.pieces.put_nowait(b"%d" % number)
            await until(lambda n=number: 2 + n == len(client.sent))  # type: ignore[misc]
        assert [b"0", b"1", b"2"] == [each["body"] for each in client.sent[1:]]
        client.gone.set()
        await served
        await app.closed.wait()


async def test_a_request_that_its_worker_gives_up_ends_in_the_gateway() -> None:
    app = App()
    client = Client("/stream")
    async with relayed(app) as theirs:
        served = asyncio.create_task(theirs(client.scope, client.receive, client.send))
        app.pieces.put_nowait(b"0")
        await until(lambda: 2 == len(client.sent))
        served.cancel()
        await app.closed.wait()
        await asyncio.gather(served, return_exceptions=True)


async def test_a_fault_is_a_fault_and_quotes_nothing() -> None:
    app = App()
    client = Client("/fault")
    async with relayed(app) as theirs:
        with pytest.raises(RuntimeError, match=r"^ZeroDivisionError$"):
            await theirs(client.scope, client.receive, client.send)
    assert 500 == client.sent[0]["status"]
