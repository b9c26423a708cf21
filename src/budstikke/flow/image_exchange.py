"""What the gateway and its image processes exchange; the gateway needs no Pillow."""

from __future__ import annotations

import struct
from enum import IntEnum

FORMATS = {
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
}
"""What is fitted, by content type; all else stays as it is."""

ASKED = struct.Struct("!10sII")
"""What goes before a picture: its format, the octets it may have, and those it has."""

ANSWERED = struct.Struct("!BI")
"""What goes before an answer: its ``Fit``, and the octets that follow."""


class Fit(IntEnum):
    """What became of a picture."""

    AS_IT_WAS = 0
    JPEG = 1
    PNG = 2
    TOO_LARGE = 3
    BROKEN = 4
