"""
HTTP/1.1 as old SMS clients speak it.

They put raw Latin-1 and unescaped blanks into URLs, which the parser refuses. The
request line is mended before it is parsed: octets of 0x80 and above, and blanks inside
the target, are percent-escaped. All other octets pass untouched.
"""

from __future__ import annotations

import re

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_high = re.compile(rb"[\x80-\xff]")

LONGEST_HEAD = 4 * 1024 * 1024
"""Octets of a request line with its headers; 1 MB of text in a URL gets its answer."""

TOO_LONG = (
    b"HTTP/1.1 414 URI Too Long\r\ncontent-type: text/plain\r\n"
    b"content-length: 21\r\nconnection: close\r\n\r\nRequest is too large\n"
)


class SloppyProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with request lines mended."""

    _in_line = True  # what comes next belongs to a request line
    _head = 0  # octets of the present request's line and headers

    def data_received(self, data: bytes) -> None:
        """Mend the request line, then parse."""
        if self._in_line:
            end = data.find(b"\n")
            if end < 0:
                end = len(data)
            else:
                self._in_line = False
            if not data[:end].isascii() or data.count(b" ", 0, end) > 2:
                data = mend(data[:end]) + data[end:]
        if self._head >= 0:
            self._head += len(data)
            if self._head > LONGEST_HEAD:
                self.transport.write(TOO_LONG)
                self.transport.close()
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """Stop counting: what follows is body, which the application limits."""
        self._head = -1
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Expect a request line next."""
        super().on_message_complete()
        self._in_line = True
        self._head = 0


def mend(line: bytes) -> bytes:
    """Escape what may not stand in a request line (or in a piece of one)."""
    line = _high.sub(lambda found: b"%%%02X" % found[0][0], line)
    first, last = line.find(b" "), line.rfind(b" ")
    if last > first and line[last + 1 :].startswith(b"HTTP/"):
        target = line[first + 1 : last].replace(b" ", b"%20")
        return line[: first + 1] + target + line[last:]
    return line
