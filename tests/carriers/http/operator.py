"""
An operator with an HTTP API of its own, on a loopback port, that plays a script.

It decides a message's fate by the last four digits of the recipient, as the simulator
does, and tells receipts by ``deliver``.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import urlencode

from carriers.smpp.smsc import (
    EXPIRED,
    NO_RECEIPT,
    RECEIPT_FIRST,
    RECEIPT_TWICE,
    REJECTED,
    SILENT,
    THROTTLED,
    UNDELIVERED,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Deliver = Callable[[bytes], Awaitable[int]]

STATES = {UNDELIVERED: "failed", EXPIRED: "too late"}

DESCRIPTION: dict[str, Any] = {
    "request": {
        "url": "{url}/send",
        "auth": "basic",
        "body": "json",
        "fields": {"to": "{recipient}", "from": "{sender}", "text": "{text}"},
        "when": {"report": {"dlr": True}},
    },
    "answer": {
        "id": "id",
        "http": {"2xx": "sent"},
        "code": "code",
        "codes": {"21211": "recipient"},
        "raw": ["code", "message"],
    },
    "receipt": {
        "id": "id",
        "state": "state",
        "states": {
            "delivered": "delivered",
            "failed": "undelivered",
            "too late": "expired",
        },
        "recipient": "to",
    },
    "inbound": {"id": "id", "sender": "from", "recipient": "to", "text": "text"},
}


class Asked(NamedTuple):
    """A request as it came."""

    head: str
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class HttpOperator:
    """
    The operator.

    Args:
        deliver: Takes a receipt, as a query, to who sent; returns the HTTP status.
        script: Returns a whole response, ``b""`` to hang up, or ``None``: as usual.

    """

    def __init__(
        self,
        deliver: Deliver | None = None,
        script: Callable[[Asked], bytes | None] = lambda _: None,
    ) -> None:
        self.deliver = deliver
        self.script = script
        self.asked: list[Asked] = []
        self._numbers = count(1)
        self._refused: Counter[str] = Counter()
        self._over = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        assert self._server is not None
        self._server.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.create_task(self._talk(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        over = asyncio.create_task(self._over.wait())
        with suppress(OSError, asyncio.IncompleteReadError):
            while not self._over.is_set():
                reading = asyncio.create_task(_read(reader))
                await asyncio.wait([reading, over], return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    reading.cancel()
                    break
                answer, after = await self._take(await reading)
                if answer is None:
                    await self._over.wait()
                if not answer:
                    break
                writer.write(answer)
                await writer.drain()
                for query in after:
                    await self.tell(query)
        over.cancel()
        writer.close()

    async def _take(self, asked: Asked) -> tuple[bytes | None, list[bytes]]:
        """Return the response (``None``: never), and the receipts after it."""
        self.asked.append(asked)
        scripted = self.script(asked)
        if scripted is not None:
            return scripted, []
        recipient = asked.json["to"]
        ending = recipient[-4:]
        if ending == REJECTED:
            return response(400, {"code": 21211, "message": "no such number"}), []
        if ending == SILENT:
            return None, []
        if ending == THROTTLED and self._refused[recipient] < 3:
            self._refused[recipient] += 1
            return response(429, {"message": "slower"}), []
        number = f"h-{next(self._numbers)}"
        answer = response(201, {"id": number, "status": "queued"})
        if ending == NO_RECEIPT or not asked.json.get("dlr"):
            return answer, []
        told = receipt(number, STATES.get(ending, "delivered"), recipient)
        if ending == RECEIPT_FIRST:
            await self.tell(told)
            return answer, []
        return answer, [told] * (2 if ending == RECEIPT_TWICE else 1)

    async def tell(self, query: bytes) -> int:
        assert self.deliver is not None
        return await self.deliver(query)


def receipt(number: str, state: str, recipient: str) -> bytes:
    return urlencode({"id": number, "state": state, "to": recipient}).encode()


def response(status: int, body: Any, headers: str = "") -> bytes:
    octets = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(octets)}\r\n{headers}\r\n"
    return head.encode() + octets


async def _read(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    length = 0
    for line in head.splitlines():
        if line.lower().startswith("content-length:"):
            length = int(line.partition(":")[2])
    return Asked(head, await reader.readexactly(length))
