"""
HTTP/1.1 as old SMS clients speak it, and as attackers do.

Old clients put raw Latin-1, unescaped blanks and number signs into URLs, which the
parser refuses or cuts, and line ends between requests. The request line is escaped
before it is parsed: octets of 0x80 and above, and blanks and ``#`` inside the target (a
request has no fragment), are percent-escaped. All other octets pass untouched.

Attackers send what never ends. Heads, headers and their number are bounded
(``bounds``), heads and bodies have deadlines, and one request of a connection is worked
at a time: octets that come before its answer wait, and too many are not read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from budstikke import metrics
from budstikke.servers import bounds
from budstikke.servers.early_answers import CLOSED_AT_ONCE, is_host, written
from budstikke.servers.guard import Guard

if TYPE_CHECKING:
    from asyncio import BaseTransport, Task, Transport
    from typing import Any

    from uvicorn.config import Config
    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
    from uvicorn.server import ServerState

_high = re.compile(rb"[\x80-\xff]")

LONGEST_PARSED = 65535
"""Octets of a URL that httptools can parse; its offsets have 16 bits."""

END_OF_HEAD = b"\r\n\r\n"

SLICE = 8192
"""Octets of a chunked body that are parsed at a time: its end is only known then."""

ROOM = 65_536
"""Octets of room that a body is given at a time."""

MOST_WAITING = 65_536
"""Octets that are buffered while a request is answered; then reading pauses."""


class _Refused(Exception):  # noqa: N818 - an answer, not an error of ours
    """Stops the parser; ``_fault`` is the status to answer."""


class LenientProtocol(HttpToolsProtocol):
    """
    uvicorn's protocol, with request lines escaped and everything bounded.

    Request lines of pipelined requests are escaped, too, but for one that comes in the
    same segment after another's chunked body: where that ends only the parser knows.

    Args:
        config: uvicorn's, as the next two.
        server_state: Shared by its connections.
        app_state: Given to the application.
        guard: Counts connections and bodies; without one there is one of its own.
        _loop: The event loop.

    """

    _in_line = True  # the next octets belong to a request line
    _leaving = False  # the next answer is the last
    _head = 0  # octets of the present request's line and headers; -1: in the body
    _tail = b""  # the last octets of the head, in which its end may have begun
    _left = 0  # octets of the present body that are to come, if it says how many
    _fields = 0  # octets of the headers that were parsed
    _hosts = 0
    _since = 0.0  # when the present head or body began
    _came = 0  # octets of the present body
    _granted = bounds.SMALL_BODY  # for how many of them there is room
    _fault = 400  # status of the answer when the parser stops
    _lingers = 0.0  # since when octets are dropped; 0: they are not
    _stuck = 0.0  # since when the client reads nothing; 0: it does
    _address: str | None = None  # that the connection counts for; None: for none
    _task: Task[None] | None = None  # that works the present request
    _last = 0.0  # when the last request was answered

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: Any = None,
        *,
        guard: Guard | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._guard = guard or Guard()
        self._begun = bytearray()  # of a request line that is not whole yet
        self._rest = bytearray()  # came while a request is answered

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin a connection, if the limits allow another."""
        super().connection_made(cast("Transport", transport))
        self._last = self.loop.time()
        self._guard.watch(self, self.loop)
        address = self._guard.whose(self.client[0] if self.client else "")
        if self._guard.enter(address):
            self._address = address
        else:
            self.refuse(429)

    def connection_lost(self, exc: Exception | None) -> None:
        """Release the connection: the timer of one that was reset would keep it."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._guard.forget(self)
        self._rest.clear()
        if self._address is not None:
            self._guard.leave(self._address)
            self._address = None

    def close_after_answer(self) -> None:
        """Close the connection after the current answer, or else after the next one."""
        self._leaving = True
        cycle = self._cycle()
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
        if self._lingers:
            self.transport.close()

    def refuse(self, status: int) -> None:
        """
        Answer so, unless an answer has begun, and hang up.

        What still comes is dropped for a while: a connection that is closed while its
        client writes is reset, and the answer is lost.
        """
        metrics.http_refused.labels(f"{status}").inc()
        cycle = self._cycle()
        begun = cycle is not None and cycle.response_started
        if begun and (self._head < 0 or self.busy()):
            self.transport.close()
            return
        self.transport.write(written(status))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        if status in CLOSED_AT_ONCE or not self.transport.can_write_eof():
            self.transport.close()
            return
        self._lingers = self.loop.time()
        self.transport.write_eof()
        self.flow.resume_reading()

    def ended(self) -> bool:
        """Whether the connection reads no further requests."""
        return bool(self._lingers) or self.transport.is_closing()

    # Octets received

    def data_received(self, data: bytes) -> None:
        """Take octets; they are parsed when the current request is answered."""
        if self._lingers:
            return
        if self._rest or self.busy():
            self._rest += data
            self._hold_back()
        else:
            self.work(data)

    def busy(self) -> bool:
        """Whether a whole request has arrived and is not answered."""
        cycle = self._cycle()
        if self._head < 0 or cycle is None:
            return bool(self.pipeline)
        return not cycle.response_complete

    @property
    def expects_line(self) -> bool:
        """Whether no octet of another request has arrived."""
        return self._in_line and not self._begun and not self._head

    def work(self, data: bytes) -> None:
        """Escape request lines and parse, up to the end of one request."""
        while data and not self.ended():
            if self.busy():
                self._rest[:0] = data
                self._hold_back()
                return
            data = self._feed_body(data) if self._head < 0 else self._feed_head(data)

    def go_on(self) -> None:
        """Parse octets that arrived during an answer, up to the end of one request."""
        while self._rest and not self.busy() and not self.ended():
            data = bytes(self._rest[:MOST_WAITING])
            del self._rest[:MOST_WAITING]
            self.work(data)

    def _hold_back(self) -> None:
        if len(self._rest) > MOST_WAITING:
            self.flow.pause_reading()

    def _feed_head(self, data: bytes) -> bytes:
        """Parse the octets that belong to a head; return those after it."""
        if self._in_line:
            if not self._begun:
                self._since = self.loop.time()
            data = self._whole_line(data)
        head, data = self._cut(data)
        self._head += len(head)
        if self._head + len(self._begun) > bounds.LONGEST_HEAD:
            self.refuse(414 if self._in_line else 431)
        elif head:
            super().data_received(head)
        return data

    def _cut(self, data: bytes) -> tuple[bytes, bytes]:
        """Cut after the head: a body follows, or another request line."""
        tail = self._tail
        seen = tail + data[: bounds.LONGEST_HEAD + len(END_OF_HEAD)]
        end = seen.find(END_OF_HEAD)
        if end < 0:
            self._tail = seen[1 - len(END_OF_HEAD) :]
            return data, b""
        end += len(END_OF_HEAD) - len(tail)
        self._tail = b""
        return data[:end], data[end:]

    def _whole_line(self, data: bytes) -> bytes:
        """Keep octets until the line is whole; return it escaped, with the rest."""
        if not self._begun:
            data = data.lstrip(b"\r\n")  # some end a body with an extra line end
        end = data.find(b"\n", 0, bounds.LONGEST_HEAD)
        if end < 0:
            self._begun += data
            return b""
        line = bytes(self._begun) + data[:end]
        self._begun.clear()
        if len(line) >= bounds.LONGEST_HEAD:
            self.refuse(414)
            return b""
        self._in_line = False
        if line.isascii() and line.count(b" ") <= 2 and b"#" not in line:
            return line + data[end:]
        escaped = escape_target(line)
        self._head -= len(escaped) - len(line)  # the limit is for the line as received
        return escaped + data[end:]

    def _feed_body(self, data: bytes) -> bytes:
        """Parse the octets that belong to a body; return those after it."""
        size = min(self._left, len(data)) if self._left else SLICE
        self._left -= size if self._left else 0
        super().data_received(data[:size])
        return data[size:]

    # Called by the parser

    def on_message_begin(self) -> None:
        """Expect its headers."""
        super().on_message_begin()
        self._in_line = False
        self._left = self._fields = self._hosts = 0

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header if it is one; what follows a chunked body is dropped."""
        self._fields += len(name) + len(value) + 4
        if self._fields > bounds.LONGEST_HEAD or len(value) > bounds.LONGEST_VALUE:
            self._stop(431)
        if self._head < 0:
            return
        super().on_header(name, value)
        if len(self.headers) > bounds.MOST_HEADERS:
            self._stop(431)
        name = self.headers[-1][0]
        if name == b"host":
            self._hosts += 1
            if self._hosts > 1 or not is_host(value):
                self._stop(400)
        elif name == b"content-length" and value.isdigit() and len(value) < 20:
            self._left = int(value)

    def on_headers_complete(self) -> None:
        """Stop counting the head: the body follows."""
        self._head = -1
        self._since = self.loop.time()
        self._came, self._granted = 0, bounds.SMALL_BODY
        query = b""
        if len(self.url) > LONGEST_PARSED:
            self.url, _, query = self.url.partition(b"?")
        super().on_headers_complete()
        # The application has not begun yet.
        if query:
            self.scope["query_string"] = query
        if self._leaving:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take octets of a body, if there is memory for them."""
        cycle = self.cycle
        self._came += len(body)
        if cycle.response_complete:
            return
        if self._came > self._granted and not self._make_room():
            self._stop(503)
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Expect a request line next."""
        super().on_message_complete()
        self._in_line = True
        self._head = 0

    def on_response_complete(self) -> None:
        """Go on with octets that arrived meanwhile, in a task of its own."""
        super().on_response_complete()
        self._last = self.loop.time()
        if self._rest:
            self.loop.call_soon(self.go_on)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - our words
        """Answer the fault that stopped the parser."""
        status, self._fault = self._fault, 400
        self.refuse(status)

    def _stop(self, status: int) -> None:
        self._fault = status
        raise _Refused

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Serve a request; its task holds the memory of its body."""
        task = self.loop.create_task(cycle.run_asgi(app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)
        self._task = task

    def _make_room(self) -> bool:
        """Reserve more memory for the current body, until its task is done."""
        address, guard, task = self._address or "", self._guard, self._task
        more = max(self._came - self._granted, ROOM)
        if task is None or task.done() or not guard.take(address, more):
            return False
        self._granted += more
        task.add_done_callback(lambda _: guard.give_back(address, more))
        return True

    def _cycle(self) -> RequestResponseCycle | None:
        return cast("RequestResponseCycle | None", self.cycle)  # there is none at first

    # Deadlines

    def pause_writing(self) -> None:
        """Note since when the client has not read."""
        super().pause_writing()
        self._stuck = self.loop.time()

    def resume_writing(self) -> None:
        """Note that the client reads again."""
        super().resume_writing()
        self._stuck = 0.0

    def timeout_keep_alive_handler(self) -> None:
        """Do nothing: ``look`` does it."""

    def look(self, now: float) -> None:
        """Close a connection that has timed out; ``now``: the loop's time, seconds."""
        stuck = self._stuck and now - self._stuck > bounds.STUCK_SECONDS
        if stuck or (self._lingers and now - self._lingers > bounds.LINGER_SECONDS):
            self.transport.abort()
        elif self.ended() or self.busy():
            return
        elif self._head < 0:
            allowed = bounds.BODY_SECONDS + self._came / bounds.BODY_RATE
            if self.flow.read_paused:  # it is we who are slow
                self._since = max(self._since, now - bounds.BODY_SECONDS)
            elif now - self._since > allowed:
                self.refuse(408)
        elif not self.expects_line:
            if now - self._since > bounds.HEAD_SECONDS:
                self.refuse(408)
        elif now - self._last > self.timeout_keep_alive:
            self.transport.close()


def escape_target(line: bytes) -> bytes:
    """Escape octets that are not allowed in a request line."""
    line = _high.sub(lambda found: b"%%%02X" % found[0][0], line).replace(b"#", b"%23")
    first, last = line.find(b" "), line.rfind(b" ")
    if last > first and line[last + 1 :].startswith(b"HTTP/"):
        target = line[first + 1 : last].replace(b" ", b"%20")
        return line[: first + 1] + target + line[last:]
    return line
