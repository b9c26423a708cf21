"""
Requests and responses as values, whatever carried them.

Dialects translate between these and the domain; servers and HTTP clients move them over
sockets. Nothing here is parsed: query and body are the octets of the wire, since old
clients send Latin-1 and worse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class WireRequest:
    """
    One HTTP request, in either direction.

    Attributes:
        target: The path of a request to us (not percent-decoded); the absolute URL of
            one from us. the absolute URL for one we send.
        query: What follows the question mark, undecoded.
        headers: Lower-case names.
        body: Undecoded.
        client: The peer's address, behind trusted proxies.
        secure: Whether it came over TLS.

    """

    method: str
    target: str
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    client: str = ""
    secure: bool = False


@dataclass(slots=True)
class WireResponse:
    """One HTTP response, in either direction; the status is the HTTP status code."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
