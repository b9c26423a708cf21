"""
HTTP/1.1 as old SMS clients speak it.

They put raw Latin-1, unescaped blanks and number signs into URLs, which the parser
refuses or cuts, and line ends between requests. The request line is mended before it
is parsed: octets of 0x80 and above, and blanks and ``#`` inside the target (a request
has no fragment), are percent-escaped. All other octets pass untouched.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    from asyncio import BaseTransport, Transport

    from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

_high = re.compile(rb"[\x80-\xff]")

LONGEST_HEAD = 4 * 1024 * 1024
"""Octets of a request line with its headers; 1 MB of text in a URL gets its answer."""

TOO_LONG = (
    b"HTTP/1.1 414 URI Too Long\r\ncontent-type: text/plain\r\n"
    b"content-length: 21\r\nconnection: close\r\n\r\nRequest is too large\n"
)


LONGEST_PARSED = 65535
"""Octets of a URL that httptools can parse; its offsets have 16 bits."""

END_OF_HEAD = b"\r\n\r\n"


class SloppyProtocol(HttpToolsProtocol):
    """
    uvicorn's protocol, with request lines mended.

    So are those of pipelined requests, but for one that comes in the same segment
    after another's body: where that ends only the parser knows.
    """

    _in_line = True  # what comes next belongs to a request line
    _split = False  # the present request's head came in more than one segment
    _leaving = False  # the next answer is the last
    _head = 0  # octets of the present request's line and headers; -1: in the body

    def connection_made(self, transport: BaseTransport) -> None:
        """Begin with nothing."""
        super().connection_made(cast("Transport", transport))
        self._begun = bytearray()  # of a request line that is not whole yet

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of it: the timer of a connection that was reset would hold it."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    @property
    def expects_line(self) -> bool:
        """Whether nothing has come of another request."""
        return self._in_line and not self._begun and not self._head

    def leave(self) -> None:
        """Make the present answer the last, or the next one if there is none."""
        self._leaving = True
        cycle = cast(
            "RequestResponseCycle | None", self.cycle
        )  # there is none at first
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        """Mend request lines, then parse."""
        while data and not self.transport.is_closing():
            if self._head < 0:
                super().data_received(data)
                return
            if self._in_line:
                data = self._whole_line(data)
            head, data = self._cut(data)
            self._head += len(head)
            if self._head + len(self._begun) > LONGEST_HEAD:
                self.transport.write(TOO_LONG)
                self.transport.close()
            elif head:
                super().data_received(head)

    def _cut(self, data: bytes) -> tuple[bytes, bytes]:
        """Cut where the head may end: what follows may be another request line."""
        if self._split:  # its end may be split, too: line by line
            end = data.find(b"\n") + 1
        else:
            end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
            if end < len(END_OF_HEAD):
                end, self._split = 0, True
        return (data[:end], data[end:]) if end else (data, b"")

    def _whole_line(self, data: bytes) -> bytes:
        """Keep what comes until the line is whole; return it mended, and the rest."""
        if not self._begun:
            data = data.lstrip(b"\r\n")  # some end a body with a line end too many
        if b"\n" not in data:
            self._begun += data
            return b""
        if self._begun:
            data = bytes(self._begun + data)
            self._begun.clear()
        self._in_line = False
        end = data.index(b"\n")
        line = data[:end]
        if line.isascii() and line.count(b" ") <= 2 and b"#" not in line:
            return data
        return mend(line) + data[end:]

    def on_headers_complete(self) -> None:
        """Stop counting: what follows is body, which the application limits."""
        self._head = -1
        self._split = False
        query = b""
        if len(self.url) > LONGEST_PARSED:
            self.url, _, query = self.url.partition(b"?")
        super().on_headers_complete()
        # The application has not begun yet.
        if query:
            self.scope["query_string"] = query
        if self._leaving:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Expect a request line next."""
        super().on_message_complete()
        self._in_line = True
        self._head = 0


def mend(line: bytes) -> bytes:
    """Escape what may not stand in a request line."""
    line = _high.sub(lambda found: b"%%%02X" % found[0][0], line).replace(b"#", b"%23")
    first, last = line.find(b" "), line.rfind(b" ")
    if last > first and line[last + 1 :].startswith(b"HTTP/"):
        target = line[first + 1 : last].replace(b" ", b"%20")
        return line[: first + 1] + target + line[last:]
    return line
