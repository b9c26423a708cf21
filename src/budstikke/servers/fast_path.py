"""
The fast path: requests of the dialects' GET routes, without the general machinery.

Most of what old clients send is one GET that comes whole, and is answered before the
next comes. uvicorn spends more on such a request than we do on its message: a scope,
a cycle, an event, two writes. Here it is cut from its octets, given to its dialect,
and answered in one write: 21 µs a request with all that its dialect does, instead of
35 (bench/express.py, in one run). What is not exactly so goes the usual way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from budstikke.servers.addresses import client_of
from budstikke.servers.asgi import joined
from budstikke.servers.early_answers import is_host
from budstikke.servers.http import HttpServer
from budstikke.servers.lenient_http import LenientProtocol
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Iterator
    from typing import Any

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

    from budstikke.servers.routes import Routed
    from budstikke.wire import WireResponse

GET, VERSION = b"GET ", b" HTTP/1.1\r\n"

KEEPS = b"\r\nconnection: keep-alive\r\n"
UNUSUAL = (
    *(b"\r\nconnection:", b"\r\ncontent-length:", b"\r\ntransfer-encoding:"),
    *(b"\r\nupgrade:", b"\r\nexpect:"),
)
"""Headers (in lower case) that mean more than a GET and its answer."""

LONGEST = 4096
"""Octets of a request on the fast path; few have more."""

_target = re.compile(rb"/[!-\"$-~]*").fullmatch
_plain = re.compile(
    rb"(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}:[\t -~\x80-\xff]*+)*+\r\n\r\n"
).fullmatch
"""Strict headers of RFC 9112 § 5: a name, a colon at once, CR LF, nothing folded."""

_hosts = re.compile(rb"\r\nhost:[\t ]*([!-~]*)[\t ]*\r\n").findall
_is_name = re.compile(rb"[0-9a-z.-]*(?::[0-9]{0,5})?").fullmatch
"""A host as nearly all are; ``is_host`` knows the others."""


class Headers(Mapping[str, str]):
    """The headers of a request, parsed when one is first asked for, which is rare."""

    __slots__ = ("_found", "_head")

    def __init__(self, head: bytes) -> None:
        self._head = head
        self._found: dict[str, str] | None = None

    def _read(self) -> dict[str, str]:
        if self._found is None:
            lines = (line.partition(":") for line in self._lines())
            self._found = joined(
                (name.lower(), value.strip(" \t")) for name, _, value in lines
            )
        return self._found

    def _lines(self) -> list[str]:
        return [line for line in self._head.decode("latin-1").split("\r\n") if line]

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


class FastPathProtocol(LenientProtocol):
    """``LenientProtocol`` with a fast path, if its application is an HttpServer."""

    _answering = False  # on the fast path

    def busy(self) -> bool:
        """Whether a whole request has arrived and is not answered."""
        return self._answering or super().busy()

    def data_received(self, data: bytes) -> None:
        """Take octets; if nothing was before them, they may go on the fast path."""
        begun = self._head or self._begun or not self._in_line
        if begun or self._rest or self._answering or self._lingers:
            super().data_received(data)
            return
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete:
            self.work(data)
        else:
            super().data_received(data)

    def work(self, data: bytes) -> None:
        """Take a request onto the fast path, or pass the octets to the parser."""
        server = self.app
        if (
            isinstance(server, HttpServer)
            and data.startswith(GET)
            and not (self._head or self._begun or self.flow.write_paused)
            and self._in_line
            and (call := self._cut_request(data, server)) is not None
        ):
            self._answering = True
            task = self.loop.create_task(server.answer(*call))
            self.tasks.add(cast("Task[Any]", task))  # a stop waits for it
            task.add_done_callback(self._answer)
        else:
            super().work(data)

    def _cut_request(
        self, data: bytes, server: HttpServer
    ) -> tuple[Routed, WireRequest] | None:
        """Read a request that is whole, alone and plain; else ``None``."""
        end = data.find(VERSION)
        if end < 0 or len(data) > LONGEST:
            return None
        target = data[4:end]
        path, _, query = target.partition(b"?")
        route = server.get_routes.get(path.lower())
        head = data[end + len(VERSION) - 2 :]
        if route is None or not _target(target) or not _plain(head):
            return None
        low = head.lower().replace(KEEPS, b"\r\n")
        for word in UNUSUAL:
            if word in low:
                return None
        hosts = _hosts(low)
        if len(hosts) != 1 or low.count(b"\r\nhost:") != 1:
            return None
        if not (_is_name(hosts[0]) or is_host(hosts[0])):
            return None
        request = WireRequest(
            "GET",
            path.decode(),
            query,
            Headers(head),
            b"",
            self.client[0] if self.client else "",
            self.scheme == "https",
        )
        if server.trusted:
            request.client, request.secure = client_of(
                request.client, request.headers, server.trusted, secure=request.secure
            )
        return route, request

    def _answer(self, task: Task[WireResponse]) -> None:
        """Write the answer, and go on with the octets that came meanwhile."""
        self.tasks.discard(cast("Task[Any]", task))
        if task.cancelled():
            return
        self._last = self.loop.time()
        self.server_state.total_requests += 1
        self._answering = False
        if self.transport.is_closing():
            return
        self.transport.write(self._write(task.result()))
        if self._leaving:
            self.transport.close()
            return
        self.flow.resume_reading()
        if self._rest:
            self.go_on()

    def _write(self, response: WireResponse) -> bytes:
        lines = [STATUS_LINE[response.status]]
        for name, value in self.server_state.default_headers:
            lines += (name, b": ", value, b"\r\n")
        said = f"content-type: {response.content_type}\r\n"
        for key, text in response.headers.items():
            said += f"{key.lower()}: {text}\r\n"
        said += f"content-length: {len(response.body)}\r\n"
        if self._leaving:
            said += "connection: close\r\n"
        lines += (said.encode("latin-1"), b"\r\n", response.body)
        return b"".join(lines)

    def shutdown(self) -> None:
        """Close the connection, after the current answer if one is under way."""
        if self._answering:
            self._leaving = True
        else:
            super().shutdown()
