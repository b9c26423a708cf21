"""
Many customers' servers in one process: paths below a number never answer.

Usage: ``endpoints.py PORT HANGING``. It says ``ready``. A line on its standard input
makes it say what came, as JSON: ``[[message id, when, Unix seconds], …]``, and how
many requests hang.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
_request = re.compile(rb"GET /(\d+)\?\S*origid=(\d+)").match


class Endpoint(asyncio.Protocol):
    """One connection."""

    came: list[tuple[int, float]] = []  # noqa: RUF012 - shared on purpose
    hanging = 0
    first_answering = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            found = _request(head)
            assert found, head
            if int(found[1]) < Endpoint.first_answering:
                Endpoint.hanging += 1
            else:
                Endpoint.came.append((int(found[2]), time.time()))
                self._transport.write(ANSWER)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


async def main(port: int, hanging: int) -> None:
    Endpoint.first_answering = hanging
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Endpoint, "127.0.0.1", port, backlog=4096)
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    say("ready")
    while await lines.readline():
        say(json.dumps([Endpoint.came, Endpoint.hanging]))
    server.close()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))
