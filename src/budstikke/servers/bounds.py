"""
What is taken of one request, connection and address, and for how long.

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
"""In which a request's head has come, from its first octet."""

BODY_SECONDS: Final = 10.0
"""In which a body has come, and a second more for each ``BODY_RATE`` octets of it."""

BODY_RATE: Final = 4096
"""Octets a second that a body has to come with after ``BODY_SECONDS``."""

STUCK_SECONDS: Final = 60.0
"""In which a client reads some of its answer, when it is more than buffers hold."""

LINGER_SECONDS: Final = 2.0
"""In which what a client still sends is dropped, so that it reads why it is refused."""

SMALL_BODY: Final = 64 * 1024
"""Octets of a body that are taken however much room the others need."""

OFF_LOOP: Final = 64 * 1024
"""Octets of a body from which on it is read in a thread, not on the event loop."""

RETRY_AFTER: Final = 5
"""Seconds that a client that met a bound of all together is asked to wait."""

LONGEST_ID: Final = 18
"""Digits of an id or a place in a path."""


def whole(text: str) -> int | None:
    """Read an id or a place; ``None``: it is none, or larger than any ever is."""
    fits = text.isascii() and text.isdigit() and len(text) <= LONGEST_ID
    return int(text) if fits else None
