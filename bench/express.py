"""
What a request costs by the fast path, and by the usual way, on one connection.

    python -m bench.express

The application is the real one with a Front access, up to the acceptor, which says yes
at once; the socket is a list. The two take turns; the best of several is printed.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from budstikke.dialects import HTTP_DIALECTS
from budstikke.domain.directory import Access, Account, Directory
from budstikke.domain.message import Accepted
from budstikke.servers.auth import Authenticator, hash_secret
from budstikke.servers.fast_path import FastPathProtocol
from budstikke.servers.http import HttpServer
from budstikke.servers.lenient_http import LenientProtocol
from budstikke.servers.public_lookups import PublicLookups

REQUEST = (
    b"GET /psk/push.php?serviceid=1000&password=bench&phoneno=004790000000"
    b"&txt=Your%20order%20123456%20is%20ready%20for%20pick-up&fromid=Bench HTTP/1.1\r\n"
    b"Host: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n"
)
REQUESTS, TURNS = 5_000, 7


class Socket(asyncio.Transport):
    """Takes answers; says when one is whole."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)})
        self.answered = asyncio.Event()

    def write(self, data: Any) -> None:
        """Take octets."""
        if data.endswith(b"ID=1001"):
            self.answered.set()

    def is_closing(self) -> bool:
        """Stay open."""
        return False

    def close(self) -> None:
        """Do nothing."""
        return

    def pause_reading(self) -> None:
        """Do nothing."""
        return

    def resume_reading(self) -> None:
        """Do nothing."""
        return


class Acceptor:
    """Says yes at once."""

    async def accept(self, _order: object, _access: object) -> Accepted:
        """Accept."""
        return Accepted(1001, [1001], 1)


def application() -> HttpServer:
    front = HTTP_DIALECTS["front"]
    access = Access(
        id=1,
        account=Account(id=1, name="bench"),
        dialect="front",
        identifier="1000",
        secret=hash_secret("bench"),
        require_https=False,
        settings=front.settings(),
    )
    directory = Directory(revision=1, accesses={1: access}, carriers={})
    parts: Any = {"acceptor": Acceptor(), "query_handler": None, "rest": None}
    nobody: Any = None
    parts["lookups"] = PublicLookups(nobody, lambda: directory, time.time)
    return HttpServer(
        dialects={"front": front},
        directory=lambda: directory,
        authenticator=Authenticator(),
        max_body=1 << 20,
        trusted=(),
        clock=time.time,
        **parts,
    )


async def microseconds(kind: type[LenientProtocol], app: HttpServer) -> float:
    """Ask over and over on one connection."""
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
    )
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"Mon, 23 Nov 2026 12:00:00 GMT")]
    protocol = kind(config, state, {})
    socket = Socket()
    protocol.connection_made(socket)
    began = time.perf_counter()
    for _ in range(REQUESTS):
        protocol.data_received(REQUEST)
        await socket.answered.wait()
        socket.answered.clear()
    took = time.perf_counter() - began
    protocol.connection_lost(None)
    return took / REQUESTS * 1e6


async def main() -> None:
    app = application()
    found: dict[str, list[float]] = {"usual": [], "express": []}
    for _ in range(TURNS):
        found["usual"].append(await microseconds(LenientProtocol, app))
        found["express"].append(await microseconds(FastPathProtocol, app))
    for name, times in found.items():
        print(f"{name}: {min(times):.1f} us a request")


if __name__ == "__main__":
    uvloop.run(main())
