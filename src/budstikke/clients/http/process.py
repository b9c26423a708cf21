"""
Makes requests to customers' servers in a child process.

A request and its answer take two system calls, a parser's work and some twenty Python
calls: a fifth of the cost of a message with one push in the gateway's own process,
which is the busiest. docs/why/http-client.md has the figures. ``child`` is the other
side.
"""

from __future__ import annotations

import asyncio
from itertools import count
from subprocess import TimeoutExpired
from time import monotonic
from typing import TYPE_CHECKING

import msgspec

from budstikke import subprocesses
from budstikke.flow.transports import NotReached
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    import subprocess
    from asyncio import Future
    from collections.abc import Sequence

    from budstikke.wire import WireRequest

    Asked = tuple[int, str, str, dict[str, str], bytes, float | None]
    """A number, method, URL, headers, body, and seconds to wait at most."""

    Answer = tuple[int, int, bytes, str]
    """The request's number, the status, body and type; status 0: the body says why."""

CALLER = "budstikke.clients.http.child"

LOOK_EVERY = 1.0
"""Seconds between checks that it lives."""

LATE = 1.5
"""Seconds without an answer after which it counts as hanging."""

HANGING = 10.0
"""Seconds of hanging after which it is ended; the next request starts another."""

ENDING = 5.0
"""Seconds that it has to end."""


class HttpTransportProcess:
    """
    ``HttpTransport`` in a process of its own, which takes the same settings.

    It has no state that matters: when it ends, its requests count as unanswered, and
    the next request starts another.
    """

    def __init__(
        self, *, timeout: float, allow_private: bool, allow_http: bool, version: str
    ) -> None:
        settings = {
            "timeout": timeout,
            "allow_private": allow_private,
            "allow_http": allow_http,
            "version": version,
        }
        self._settings = msgspec.json.encode(settings).decode()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: subprocesses.Channel | None = None
        self._starting = asyncio.Lock()
        self._numbers = count(1)
        self._asked: dict[int, Future[WireResponse]] = {}
        self._batch: list[Asked] = []
        self._looked = 0.0
        self._asked_at = 0.0
        self._unanswered = False  # the last check has no answer yet

    def look(self) -> str:
        """
        Check that the process lives; return its fault, empty: none.

        Before the first request, and after one has ended, there is no process: no
        fault.
        """
        now, before = monotonic(), self._looked
        self._looked = now
        if now - before > LATE:  # this process did not run: the child may have answered
            self._asked_at = now
        if self._process is None or self._channel is None or not self._channel.open:
            return ""
        silent = now - self._asked_at
        if self._unanswered:
            if silent > HANGING:
                self._process.kill()
            late = f"the callback process has not answered for {silent:.0f} s"
            return late if silent > LATE else ""
        if silent >= LOOK_EVERY:
            self._asked_at, self._unanswered = now, True
            self._channel.say([])
        return ""

    async def deliver(
        self, request: WireRequest, seconds: float | None = None
    ) -> WireResponse:
        """Make the request, as ``HttpTransport.deliver`` does; raises NotReached."""
        if self._channel is None:
            await self._start()
        loop = asyncio.get_running_loop()
        if not self._batch:  # requests of one turn of the loop go in one write
            loop.call_soon(self._say)
        number = next(self._numbers)
        self._asked[number] = future = loop.create_future()
        self._batch.append(
            (
                number,
                request.method,
                request.target,
                dict(request.headers),
                request.body,
                seconds,
            )
        )
        answer: WireResponse = await future
        return answer

    async def _start(self) -> None:
        async with self._starting:
            if self._channel is None:
                if self._process is not None:  # it ended by itself
                    loop = asyncio.get_running_loop()
                    await loop.run_in_executor(None, self._process.wait)
                self._process, end = subprocesses.start(CALLER, self._settings)
                self._channel = await subprocesses.Channel.on(
                    end, self._heard, self._lost
                )

    def _say(self) -> None:
        batch, self._batch = self._batch, []
        if not batch:
            return  # it was ended meanwhile
        if self._channel is not None and self._channel.open:
            self._channel.say(batch)
        else:
            self._fail([self._asked.pop(asked[0]) for asked in batch])

    def _heard(self, answers: Sequence[Answer]) -> None:
        self._unanswered = False
        for number, status, body, said in answers:
            future = self._asked.pop(number)
            if future.done():
                continue  # the caller was cancelled
            if status:
                future.set_result(WireResponse(status, body, said))
            else:
                future.set_exception(NotReached(said))

    def _lost(self) -> None:
        self._channel = None
        self._unanswered = False
        self._batch = []  # the next process does not have these
        asked, self._asked = list(self._asked.values()), {}
        self._fail(asked)

    def _fail(self, asked: Sequence[Future[WireResponse]]) -> None:
        for future in asked:
            if not future.done():
                future.set_exception(NotReached("the process that calls has ended"))

    async def close(self) -> None:
        """End the process, with its requests."""
        process, self._process = self._process, None
        if process is not None:
            if self._channel is not None:
                self._channel.end()
            loop = asyncio.get_running_loop()
            try:
                await loop.run_in_executor(None, process.wait, ENDING)
            except TimeoutExpired:
                process.kill()
                process.wait()
