"""
Requests that a worker cannot answer: the gateway does, through the worker.

The worker passes what ASGI calls ``receive`` and ``send`` over the line, one call for
each, so that streams, their pace and a client's hanging up are the same as without.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from budstikke.servers.asgi import App, Receive, Scope, Send
    from budstikke.workers.line import Line

    Message = Any
    """A message of ASGI."""

CROSSES = (
    *("type", "asgi", "http_version", "server", "client", "scheme", "method"),
    *("root_path", "path", "raw_path", "query_string", "headers"),
)
"""What crosses of a scope; the rest is uvicorn's own."""


class Relay:
    """The worker's side: an ASGI application; ``line``: to the gateway."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._numbers = count(1)
        self._open: dict[int, tuple[Receive, Send]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have a request answered."""
        number = next(self._numbers)
        self._open[number] = receive, send
        crosses = {name: scope[name] for name in CROSSES if name in scope}
        try:
            await self._line.ask("relay", number, crosses)
        finally:
            del self._open[number]

    async def receive(self, number: int) -> Message:
        """Give the gateway the next message of a client."""
        if number not in self._open:  # it crossed the request's end
            return {"type": "http.disconnect"}
        return dict(await self._open[number][0]())

    async def send(self, number: int, message: Message) -> None:
        """Send a client a message of the gateway's."""
        if number in self._open:
            await self._open[number][1](message)


async def answer(line: Line, app: App, number: int, scope: Scope) -> None:
    """Answer a request of a worker's client, on the gateway's side."""

    async def receive() -> Message:
        return await line.ask("receive", number)

    async def send(message: Message) -> None:
        await line.ask("send", number, message)

    await app(scope, receive, send)
