"""HTTP both ways: asking a gateway, and being a customer that it calls."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qs, quote, urlsplit

import uvloop

from journeys.processes import free_port
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping


class Answer(NamedTuple):
    """What was answered; names of headers are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    port: int,
    method: str,
    target: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Make one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, answer.read(), said)
    finally:
        connection.close()


class Background:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self.loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any], seconds: float = PATIENCE) -> Any:
        """Do it there, wait for it here."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(seconds)

    def close(self) -> None:
        self.run(_cancel_others())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE)
        self.loop.close()


async def _cancel_others() -> None:
    """Cancel all tasks, once each has begun: what it was given, only it can close."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.sleep(0)
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


class Push(NamedTuple):
    """One request that a customer got; header names are lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


class Customer:
    """
    A customer's web server, on a port of its own.

    Attributes:
        pushes: What it got and took (answered with 200), in order.
        tried: What it answered otherwise, or not at all.
        status: The HTTP status of its answers.
        hangs: Answer nothing, keep the connection.

    """

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self.pushes: list[Push] = []
        self.tried: list[Push] = []
        self.status = 200
        self.hangs = False
        self._background = Background()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    def url(self, path: str = "/status") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def open(self) -> None:
        """Begin to listen."""
        self._background.run(self._open())

    async def _open(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, backlog=1024
        )

    def shut(self) -> None:
        """Stop listening, and cut connections."""
        self._background.run(self._shut())

    async def _shut(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
            for writer in list(self._writers):
                writer.close()
            await server.wait_closed()

    def close(self) -> None:
        self.shut()
        self._background.close()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        try:
            while await self._serve_one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the gateway closed it
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _serve_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        line, *rest = head.decode("latin-1").rstrip().split("\r\n")
        pairs = (each.partition(":") for each in rest)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        target = urlsplit(line.split(" ", 2)[1])
        given = parse_qs(target.query, keep_blank_values=True)
        query = {name: found[0] for name, found in given.items()}
        push = Push(target.path, query, headers, body)
        taken = self.status == 200 and not self.hangs
        (self.pushes if taken else self.tried).append(push)
        if self.hangs:
            await reader.read()
            return False
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nOK" % self.status)
        return True

    def statuses(self) -> dict[int, list[str]]:
        """List the statuses that were pushed, by message id, in order."""
        found: dict[int, list[str]] = {}
        for push in list(self.pushes):
            if "origid" in push.query:
                message_id = int(push.query["origid"])
                found.setdefault(message_id, []).append(push.query["status"])
        return found


def front_query(**parameters: str) -> str:
    """Write Front's push.php with these parameters, in UTF-8."""
    pairs = {"encoding": "utf8", "unicode": "true", **parameters}
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in pairs.items())
    return f"/psk/push.php?{query}"


def front_id(answer: Answer) -> int:
    """Read the id of an accepted message; fails when it was refused."""
    found = re.fullmatch(rb"ErrorCode=0, ID=(\d+)", answer.body)
    assert found, answer
    return int(found[1])
