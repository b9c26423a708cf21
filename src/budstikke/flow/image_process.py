"""
Shrinks a picture, in a process of its own.

Pillow reads what customers send. Formats, sizes, memory and time are limited, and the
process is separate from everything else: a picture that breaks it costs its sender a
refusal.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from io import BytesIO
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from budstikke import subprocesses
from budstikke.flow.image_exchange import ANSWER_HEADER, PICTURE_HEADER, Fit

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_PIXELS = 30_000_000
"""Of a decoded picture; JPEGs are decoded at a fraction of their size."""

MOST_JPEG_PIXELS = 120_000_000
"""Of a JPEG by its header; of a progressive one ``MOST_PIXELS``: all are kept."""

SIDES = (1600, 1280, 1024, 800, 640, 480, 320, 240, 160)
"""Longest sides to try, pixels."""

QUALITIES = (85, 70, 55)

WHITE = (255, 255, 255)

NICE = 5
"""How much lower than the gateway's the process's priority is."""


def fit(made: str, data: bytes, share: int) -> tuple[Fit, bytes]:
    """
    Shrink a picture of a format to at most ``share`` octets; never raises.

    Octets follow only ``Fit.JPEG`` and ``Fit.PNG``.
    """
    try:
        with Image.open(BytesIO(data), formats=[made]) as opened:
            if _is_too_large(opened):
                return Fit.TOO_LARGE, b""
            if getattr(opened, "is_animated", False) and len(data) <= share:
                return Fit.AS_IT_WAS, b""  # re-encoded, an animation would stand still
            for kind, written in _tries(_unpacked(opened), made):
                if len(written) <= share:
                    return kind, written
    except MemoryError:
        return Fit.TOO_LARGE, b""
    except Exception:  # noqa: BLE001 - Pillow raises anything for a broken picture
        return Fit.BROKEN, b""
    return Fit.TOO_LARGE, b""


def _is_too_large(opened: Image.Image) -> bool:
    """Whether the header of a picture has too many pixels, before decoding."""
    width, height = opened.size
    if opened.format == "JPEG" and not opened.info.get("progressive"):
        if width * height > MOST_JPEG_PIXELS:
            return True
        _shrink(opened)
        width, height = opened.size
    return width * height > MOST_PIXELS


def _shrink(opened: Image.Image) -> None:
    """Decode a JPEG at half its size or less, if that suffices."""
    longest = max(opened.size)
    width, height = (max(1, SIDES[0] * side // longest) for side in opened.size)
    opened.draft("RGB", (width, height))


def _unpacked(opened: Image.Image) -> Image.Image:
    """Decode a picture upright, at most as large as is tried, without metadata."""
    _shrink(opened)
    clear = opened.has_transparency_data
    picture = opened.convert("RGBA" if clear else "RGB")
    picture.thumbnail((SIDES[0], SIDES[0]), Image.Resampling.LANCZOS)
    turned = ImageOps.exif_transpose(picture)
    turned.info.clear()
    return turned


def _tries(picture: Image.Image, made: str) -> Iterator[tuple[Fit, bytes]]:
    """Encode a picture smaller and smaller; drawings first in their own format."""
    if made in ("PNG", "GIF"):
        yield Fit.PNG, _written(picture, "PNG", optimize=True)
    if picture.mode == "RGBA":
        ground = Image.new("RGB", picture.size, WHITE)
        ground.paste(picture, mask=picture.getchannel("A"))
        picture = ground
    longest = max(picture.size)
    for place, side in enumerate(SIDES):
        if place and side >= longest:
            continue
        copy = picture.copy()
        copy.thumbnail((side, side), Image.Resampling.LANCZOS)
        for quality in QUALITIES:
            yield Fit.JPEG, _written(copy, "JPEG", quality=quality, optimize=True)


def _written(picture: Image.Image, kind: str, **how: int) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


# The process


def main(descriptor: int, memory: int, seconds: int) -> None:
    """
    Shrink the pictures that come over a socket, until it ends.

    Args:
        descriptor: The socket's.
        memory: Octets that this process may have.
        seconds: Processor time of one picture.

    """
    subprocesses.begin()
    os.nice(NICE)
    Image.MAX_IMAGE_PIXELS = None  # ``_is_too_large`` checks
    Image.preinit()
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=descriptor) as end, end.makefile("rb") as reader:
        while head := reader.read(PICTURE_HEADER.size):
            made, share, length = PICTURE_HEADER.unpack(head)
            _limit_time(seconds)
            name = made.rstrip(b"\0").decode()
            outcome, data = fit(name, reader.read(length), share)
            end.sendall(ANSWER_HEADER.pack(outcome, len(data)) + data)


def _limit_time(seconds: int) -> None:
    """Let the kernel kill this process if the next picture takes too long."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    until = int(time.process_time()) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (until, hard))


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:4]))
