"""The child process that makes requests to customers' servers; see ``process``."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
from typing import TYPE_CHECKING

import msgspec
import uvloop

from budstikke.clients.http.transport import HttpTransport
from budstikke.flow.transports import NotReached
from budstikke.subprocesses import COLLECT, Channel, begin
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.clients.http.process import Answer, Asked

log = logging.getLogger("budstikke.callbacks")


class HttpChild:
    """
    Makes requests, and returns their answers.

    Args:
        transport: Makes them.
        ended: Set when the gateway ends the child.

    """

    def __init__(self, transport: HttpTransport, ended: asyncio.Event) -> None:
        self._transport = transport
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()
        self._answers: list[Answer] = []
        self._channel: Channel | None = None

    async def run(self, end: socket.socket) -> None:
        """Work until the gateway ends the child."""
        self._channel = await Channel.on(end, self._heard, self._ended.set)
        await self._ended.wait()
        await self._transport.close()

    def _heard(self, batch: Sequence[Asked]) -> None:
        loop = asyncio.get_running_loop()
        if not batch and self._channel is not None:  # the gateway checks that we live
            self._channel.say([])
        for asked in batch:
            task = loop.create_task(self._call(asked))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _call(self, asked: Asked) -> None:
        number, method, target, headers, body, seconds = asked
        request = WireRequest(method, target, headers=headers, body=body)
        try:
            response = await self._transport.deliver(request, seconds)
        except NotReached as error:
            self._answer((number, 0, b"", str(error)))
        except Exception:
            log.exception("callback request failed: internal error")
            self._answer((number, 0, b"", "internal error"))
        else:
            self._answer(
                (number, response.status, response.body, response.content_type)
            )

    def _answer(self, answer: Answer) -> None:
        if not self._answers:  # answers of one turn of the loop go in one write
            asyncio.get_running_loop().call_soon(self._say)
        self._answers.append(answer)

    def _say(self) -> None:
        answers, self._answers = self._answers, []
        if self._channel is not None and self._channel.open:
            self._channel.say(answers)


async def _main(end: socket.socket, settings: str) -> None:
    transport = HttpTransport(**msgspec.json.decode(settings))
    await HttpChild(transport, asyncio.Event()).run(end)


def main(arguments: list[str]) -> int:
    """Work until the gateway closes the socket."""
    begin()
    gc.freeze()
    gc.set_threshold(*COLLECT)
    end = socket.socket(fileno=int(arguments[0]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(end, arguments[1]))
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
