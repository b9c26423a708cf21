"""No request holds the event loop, and none costs memory beyond its size."""

from __future__ import annotations

import json
import select
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chaos.hostile import BODIES, HEADS, LARGEST, LONG_VALUES, Body, path_of
from journeys.processes import Child, free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

MOST = 0.2
"""Seconds; on a quiet machine it is a quarter of that."""
TIMES, CONSTANT = 8, 48 * 2**20
"""Memory of one request: so many times its octets, and so much besides."""

BEARER = b"Authorization: Bearer demo\r\n"


class Watched:
    """The gateway, and what it says of its loop."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        program = str(Path(__file__).parent / "watched.py")
        tests = str(Path(__file__).parent.parent)
        command = [sys.executable, program, str(folder), str(self.port)]
        self.child = Child(command, folder, {"PYTHONPATH": tests})
        self.child.wait_ready()
        self.routes: list[tuple[str, str]] = [
            (method, path) for method, path in json.loads(self.child.said[0])
        ]
        self.bugs: list[bytes] = []

    def since(self) -> tuple[float, int]:
        """Tell the longest gap, and how far memory grew, since the last time."""
        before = len(self.child.said)
        self.child.tell("")
        wait_until("a report", lambda: len(self.child.said) > before)
        report: dict[str, Any] = json.loads(self.child.said[before])
        return report["gap"], report["grown"]

    def ask(self, head: bytes, body: bytes = b"") -> bytes:
        """Send a request until it is answered; gives the status."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as client:
            try:
                client.sendall(head)
                self._send(client, body)
                answer = client.recv(65536)
                while answer[9:12] == b"500" and b"Fault>" not in answer:
                    more = client.recv(65536)
                    answer += more
                    if not more:
                        break
            except ConnectionError:
                # It was refused before all was sent, and closed.
                answer = b""
        status = answer[9:12]
        if status == b"500" and b"Fault>" not in answer:  # SOAP 1.1 § 6.2 has it so
            self.bugs.append((head or body)[:200])
        return status

    def _send(self, client: socket.socket, body: bytes) -> None:
        rest = memoryview(body)
        while rest and not select.select([client], [], [], 0)[0]:
            rest = rest[client.send(rest[:262_144]) :]

    def close(self) -> None:
        self.child.close()


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    found = Watched(tmp_path_factory.mktemp("watched"))
    for _ in range(3):  # what is done once, such as a slow hash
        found.ask(written("GET", "/v1/messages"))
        found.ask(written("GET", "/sms/AccountAdm?user=demo&passwd=demo&cmd=sms_count"))
    found.since()
    yield found
    found.close()


def written(
    method: str, target: str, fields: bytes = b"", *, size: int | None = None
) -> bytes:
    length = b"" if size is None else b"Content-Length: %d\r\n" % size
    line = f"{method} {target} HTTP/1.1\r\nHost: x\r\n".encode("latin-1")
    login = b"" if b"Authorization" in fields else BEARER
    return line + login + fields + length + b"\r\n"


def post(watched: Watched, method: str, path: str, body: Body) -> None:
    fields = b"Content-Type: %b\r\n" % body.kind.encode() if body.kind else b""
    head = written(method, path, fields, size=len(body.octets))
    watched.ask(head, body.octets)


class Found:
    """What took too long or too much."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self.worst: tuple[float, str] = (0.0, "")
        self.faults: list[str] = []

    def look(self, what: str, size: int) -> None:
        gap, grown = self._watched.since()
        self.worst = max(self.worst, (gap, what))
        if gap > MOST:
            self.faults.append(f"{what}: {gap:.3f} s")
        if grown > TIMES * size + CONSTANT:
            self.faults.append(f"{what}: {grown // 2**20} MiB")


def taking(watched: Watched) -> list[tuple[str, str]]:
    """List the routes that take bodies."""
    return [
        (method, path_of(path))
        for method, path in watched.routes
        if method not in ("GET", "HEAD") and "events" not in path
    ]


def test_the_routes_are_those_of_the_running_gateway(watched: Watched) -> None:
    served = {path for _, path in watched.routes}
    for known in (
        *("/psk/push_bulk.php", "/sms/sendmessage", "/api/sms/send_sms.php"),
        *("/v1/messages", "/v1/openapi.json", "/mm7/{carrier}", "/m/{token}"),
        *("/simulator/phones/{number}/messages", "/healthz"),
    ):
        assert known in served
    assert any("smssms" in path or "asmx" in path for path in served)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body.name)
def test_a_large_body(
    watched: Watched, body: Body, figures: Callable[..., None]
) -> None:
    """Each route takes one: they share readers, but none is trusted to."""
    found = Found(watched)
    for method, path in taking(watched):
        post(watched, method, path, body)
        found.look(f"{method} {path}", len(body.octets))
    figures(longest_ms=round(found.worst[0] * 1000), where=found.worst[1])
    assert [] == found.faults


def test_hostile_heads(watched: Watched, figures: Callable[..., None]) -> None:
    found = Found(watched)
    for method, route in watched.routes:
        if "events" in route:
            continue
        for head in HEADS:
            target = path_of(route) + ("?" + head.query.decode() if head.query else "")
            watched.ask(written(method, target, head.fields, size=0))
        found.look(f"{method} {route}", 32_768)
    figures(longest_ms=round(found.worst[0] * 1000), where=found.worst[1])
    assert [] == found.faults


def test_long_values_in_paths(watched: Watched) -> None:
    found = Found(watched)
    for method, route in watched.routes:
        if "{" not in route:
            continue
        for value in LONG_VALUES:
            status = watched.ask(written(method, path_of(route, value), size=0))
            assert status[:1] in (b"2", b"3", b"4"), (method, route, value[:9])
        found.look(f"{method} {route}", 32_768)
    assert [] == found.faults


@pytest.mark.parametrize("size", [1, 7])
def test_tiny_chunks(watched: Watched, size: int) -> None:
    found = Found(watched)
    chunk = b"%x\r\n%b\r\n" % (size, b"{" * size)
    for path in ("/sms/SendMessage", "/psk/push_bulk.php", "/v1/messages", "/mm7/mmsc"):
        head = written("POST", path, b"Transfer-Encoding: chunked\r\n")
        watched.ask(head, chunk * (4 * 2**20 // len(chunk)) + b"0\r\n\r\n")
        found.look(path, 4 * 2**20)
    assert [] == found.faults


@pytest.mark.parametrize(
    "piece",
    [
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /sms/SendMessage?user=x HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /sms/SendMessage HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{",
        b"\r\n",
        b"GET / HTTP/1.1\n\n",
    ],
)
def test_pipelined_requests(watched: Watched, piece: bytes) -> None:
    found = Found(watched)
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    watched.ask(b"", piece * (LARGEST // 8 // len(piece)) + last)
    found.look(piece[:9].decode(), LARGEST // 8)
    assert [] == found.faults


def test_none_was_a_bug(watched: Watched) -> None:
    """Of all that was asked above, nothing was answered 500, nor logged as an error."""
    assert [] == watched.bugs
    errors = [line for line in watched.child.log if '"level":"error"' in line]
    assert [] == errors, watched.child.tail()
