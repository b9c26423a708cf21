"""What goes over the socket to the process that writes: pickles, with their lengths."""

from __future__ import annotations

import pickle
import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

LENGTH = struct.Struct("!I")
"""What goes before each pickle: its octets."""


def frame(value: object) -> bytes:
    """Write a value."""
    data = pickle.dumps(value, protocol=5)
    return LENGTH.pack(len(data)) + data


def frames(buffer: bytearray) -> Iterator[Any]:
    """Take whole pickles off the front of a buffer."""
    place = 0
    while len(buffer) - place >= LENGTH.size:
        (length,) = LENGTH.unpack_from(buffer, place)
        end = place + LENGTH.size + length
        if len(buffer) < end:
            break
        with memoryview(buffer) as view, view[place + LENGTH.size : end] as data:
            value = pickle.loads(data)  # noqa: S301 - from ourselves
        place = end
        yield value
    del buffer[:place]
