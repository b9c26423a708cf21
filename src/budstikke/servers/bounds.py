"""
Limits of one request, connection and address: sizes, counts and times.

docs/configure.md has these as a table, and a test compares the two. None is a setting
but those that the class ``Http`` of the settings has: they are far from what honest
clients do, and a request beyond them costs next to nothing.
"""

from __future__ import annotations

from typing import Final

LONGEST_HEAD: Final = 32 * 1024
"""Octets of a request line with its headers, and of the fields after a chunked body."""

LONGEST_VALUE: Final = 8 * 1024
"""Octets of the value of one header."""

MOST_HEADERS: Final = 100
"""Headers of a request."""

HEAD_SECONDS: Final = 10.0
"""Seconds for a request's head to arrive, from its first octet on."""

BODY_SECONDS: Final = 10.0
"""Seconds for a body to arrive, plus one for each ``BODY_RATE`` octets of it."""

BODY_RATE: Final = 4096
"""Octets a second at which a body must arrive after ``BODY_SECONDS``."""

STUCK_SECONDS: Final = 60.0
"""Seconds within which a client must read some of an answer that fills buffers."""

LINGER_SECONDS: Final = 2.0
"""Seconds in which further octets are dropped, so that a client reads its refusal."""

SMALL_BODY: Final = 64 * 1024
"""Octets of a body that are accepted even when bodies have used all memory."""

OFF_LOOP: Final = 64 * 1024
"""Bodies of at least so many octets are parsed in a thread, not on the event loop."""

RETRY_AFTER: Final = 5
"""Retry-After of a client that met a limit of all clients together, seconds."""

LONGEST_ID: Final = 18
"""Digits of an id or a place in a path."""


def whole(text: str) -> int | None:
    """Read an id or a place; ``None``: it is none, or larger than any ever is."""
    fits = text.isascii() and text.isdigit() and len(text) <= LONGEST_ID
    return int(text) if fits else None
