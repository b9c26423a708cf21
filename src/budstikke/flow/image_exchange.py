"""Format of the messages between the gateway and its image processes."""

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
"""Pillow's formats by content type: files of other types are not resized."""

PICTURE_HEADER = struct.Struct("!10sII")
"""Header of a picture: Pillow's format, the limit and the size in octets."""

ANSWER_HEADER = struct.Struct("!BI")
"""Header of an answer: its ``Fit``, and the size of the picture in octets."""


class Fit(IntEnum):
    """How a picture was resized."""

    AS_IT_WAS = 0
    JPEG = 1
    PNG = 2
    TOO_LARGE = 3
    BROKEN = 4
