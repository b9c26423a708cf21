"""Checks and answers before it is known which API a request is for."""

from __future__ import annotations

import re

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from budstikke.servers import bounds
from budstikke.servers.addresses import read_address

_host = re.compile(rb"(?:\[([0-9A-Fa-f:.]+)\]|[^\s/?#@:\[\]\\]*)(?::[0-9]{0,5})?")

WORDS = {
    400: b"The request is no HTTP\n",
    408: b"The request took too long\n",
    414: b"Request is too large\n",
    429: b"Too many connections\n",
    431: b"Headers are too large\n",
    503: b"Too much at once, try again\n",
}
"""The body of each answer, by status."""

CLOSED_AT_ONCE = frozenset({429})
"""Statuses after which the connection is closed without reading on."""

LATER = frozenset({429, 503})
"""Statuses with Retry-After."""


def is_host(value: bytes) -> bool:
    """Tell whether a Host header is possible (RFC 9110 § 7.2), generously."""
    match = _host.fullmatch(value)
    if match is None:
        return False
    return match[1] is None or read_address(match[1].decode()) is not None


def written(status: int) -> bytes:
    """Write an answer that closes the connection."""
    later = b"retry-after: %d\r\n" % bounds.RETRY_AFTER if status in LATER else b""
    return (
        STATUS_LINE[status]
        + b"content-type: text/plain\r\n"
        + later
        + b"content-length: "
        b"%d\r\nconnection: close\r\n\r\n" % len(WORDS[status]) + WORDS[status]
    )
