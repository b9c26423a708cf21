"""Load: many connections that push one message after the other, and remember."""

from __future__ import annotations

import asyncio
import re
from itertools import count
from typing import TYPE_CHECKING

from journeys.web import Background, front_query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

FIRST_NUMBER = 4_790_000_100
"""Beyond the numbers with a fixed fate at the simulator."""
ACCEPTED = re.compile(rb"ErrorCode=0, ID=(\d+)")
AGAIN = 0.05


class Load:
    """
    Closed-loop load on Front's push.php; each message has a recipient of its own.

    Args:
        port: Of the gateway, on loopback; it may be killed and come back.
        limit: Stop after so many were accepted.
        parameters: Of each request; ``phoneno`` is added.
        connections: At once.
        first: The first recipient's number.

    Attributes:
        accepted: Recipient by message id: what was answered with a yes.
        refused: Recipient to answer: a no.
        unknown: Recipients whose answer was never heard.

    """

    def __init__(
        self,
        port: int,
        limit: int,
        parameters: Mapping[str, str],
        *,
        connections: int = 32,
        first: int = FIRST_NUMBER,
    ) -> None:
        self._port = port
        self._limit = limit
        self._connections = connections
        self._head = front_query(**parameters) + "&phoneno=%2B"
        self.accepted: dict[int, str] = {}
        self.refused: dict[str, bytes] = {}
        self.unknown: list[str] = []
        self._numbers = count(first)
        self._stopping = False
        self._background = Background()
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> Self:
        self._background.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._background.close()

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._work()) for _ in range(self._connections)]

    def has_accepted(self, messages: int) -> Callable[[], bool]:
        """Make the question whether so many were accepted."""
        return lambda: len(self.accepted) >= messages

    def finish(self, seconds: float) -> None:
        """Wait until the limit is reached."""
        self._background.run(self._wait(), seconds)

    def stop(self, seconds: float = 30.0) -> None:
        """Begin nothing new, wait for the answers that are due."""
        self._stopping = True
        self._background.run(self._wait(), seconds)

    async def _wait(self) -> None:
        await asyncio.gather(*self._tasks)

    def _going_on(self) -> bool:
        return not self._stopping and len(self.accepted) < self._limit

    async def _work(self) -> None:
        while self._going_on():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(AGAIN)  # it is being started again
                continue
            try:
                await self._push_all(reader, writer)
            finally:
                writer.close()

    async def _push_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while self._going_on():
            recipient = f"+{next(self._numbers)}"
            request = f"GET {self._head}{recipient[1:]} HTTP/1.1\r\nHost: x\r\n\r\n"
            try:
                writer.write(request.encode("ascii"))
                body, more = await _read(reader)
            except (OSError, asyncio.IncompleteReadError):
                self.unknown.append(recipient)
                return
            found = ACCEPTED.fullmatch(body)
            if found:
                self.accepted[int(found[1])] = recipient
            else:
                self.refused[recipient] = body
            if not more:
                return


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    """Read an answer; ``False``: the connection is to be closed."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    assert length, head
    body = await reader.readexactly(int(length[1]))
    return body, b"connection: close" not in head.lower()
