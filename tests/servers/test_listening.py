"""Sockets that listen, also for several servers."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import AsyncExitStack
from typing import Any

import pytest
import uvloop

from budstikke.servers.guard import Guard
from budstikke.servers.listening import Listening, bind, serving

HELLO = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class App:
    """Answers with its name, and counts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        self.asked += 1
        length = b"%d" % len(self.name)
        headers = [(b"content-length", length)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.name.encode()})


def run(scenario: Any) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario)


def test_servers_that_share_a_socket_share_a_burst() -> None:
    async def scenario() -> None:
        sockets = await bind("127.0.0.1", 0)
        address = sockets[0].getsockname()
        apps = [App("one"), App("two")]
        async with AsyncExitStack() as stack:
            for app in apps:
                theirs = [each.dup() for each in sockets]
                listening = Listening(theirs, shared=True)
                await stack.enter_async_context(serving(app, listening, Guard()))
            # While they connect, neither server has a turn.
            waiting = [socket.create_connection(address) for _ in range(20)]
            streams = [await asyncio.open_connection(sock=each) for each in waiting]
            for reader, writer in streams:
                writer.write(HELLO)
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                writer.close()
        assert 20 == sum(app.asked for app in apps)
        assert min(app.asked for app in apps) > 0
        for each in sockets:
            each.close()

    run(scenario())


def test_a_server_that_stops_leaves_what_waits_to_the_other() -> None:
    async def scenario() -> None:
        sockets = await bind("127.0.0.1", 0)
        address = sockets[0].getsockname()
        one, two = App("one"), App("two")
        theirs = [[each.dup() for each in sockets] for _ in range(2)]
        async with serving(two, Listening(theirs[1], shared=True), Guard()):
            async with serving(one, Listening(theirs[0], shared=True), Guard()):
                pass
            for _ in range(5):
                reader, writer = await asyncio.open_connection(*address)
                writer.write(HELLO)
                await reader.readuntil(b"two")
                writer.close()
        assert (0, 5) == (one.asked, two.asked)
        for each in sockets:
            each.close()

    run(scenario())


def test_a_port_that_is_taken_is_waited_for_and_named() -> None:
    async def scenario() -> None:
        taken = await bind("127.0.0.1", 0)
        port = taken[0].getsockname()[1]
        said = re.escape(f"cannot listen on 127.0.0.1:{port}: Address already in use")
        with pytest.raises(OSError, match=said):
            await bind("127.0.0.1", port)
        waiting = asyncio.create_task(bind("127.0.0.1", port, 60.0))
        await asyncio.sleep(0)
        for each in taken:
            each.close()
        for each in await waiting:
            each.close()
        with pytest.raises(OSError, match="cannot listen on"):
            await bind("no such host", 80)

    run(scenario())
