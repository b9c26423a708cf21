"""
Pictures made to fit into an MMS.

Pillow reads what customers send, so that what it may read, and how large, is bounded;
it works in threads of its own, so many at a time: nothing else waits for it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image, ImageOps

from budstikke.domain.refusal import Refusal, RefusalCode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FORMATS = {
    "image/jpeg": "JPEG",
    "image/jpg": "JPEG",
    "image/png": "PNG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
}
"""What is fitted, by content type; all else stays as it is."""

MOST_PIXELS = 30_000_000
"""Of a picture as it is unpacked; JPEGs are unpacked at a fraction of their size."""

SIDES = (1600, 1280, 1024, 800, 640, 480, 320, 240, 160)
"""Longest sides that are tried, pixels."""

QUALITIES = (85, 70, 55)

WHITE = (255, 255, 255)


class File(NamedTuple):
    """A file of an MMS."""

    name: str
    type: str
    data: bytes


class Fitter:
    """Fits pictures in threads; ``at_once``: how many orders at a time."""

    def __init__(self, at_once: int = 2) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="fit")

    async def fit(self, files: Sequence[File], room: int) -> tuple[File, ...]:
        """
        Make files fit into ``room`` octets together.

        Raises Refusal: ``TOO_LARGE``, or ``BAD_FIELD`` for a picture that is none.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, fitted, files, room)

    def close(self) -> None:
        """Begin no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def fitted(files: Sequence[File], room: int) -> tuple[File, ...]:
    """
    Fit the pictures among files; each gets an even share of what is left for it.

    Small ones go first: what they do not need is the others'.
    """
    pictures = [place for place, file in enumerate(files) if file.type in FORMATS]
    pictures.sort(key=lambda place: len(files[place].data))
    others = (file for file in files if file.type not in FORMATS)
    left = room - sum(len(file.data) for file in others)
    result = list(files)
    for done, place in enumerate(pictures):
        result[place] = _one(files[place], left // (len(pictures) - done))
        left -= len(result[place].data)
    if left < 0:
        raise Refusal(RefusalCode.TOO_LARGE, field="files")
    return tuple(result)


def _one(file: File, share: int) -> File:
    try:
        with Image.open(BytesIO(file.data), formats=[FORMATS[file.type]]) as opened:
            if getattr(opened, "is_animated", False) and len(file.data) <= share:
                return file  # made again it would stand still
            picture = _unpacked(opened)
            for kind, data in _tries(picture, opened.format or ""):
                if len(data) <= share:
                    return _named(file.name, kind, data)
    except Refusal:
        raise
    except Exception as error:  # Pillow raises whatever a broken picture leads to
        raise Refusal(RefusalCode.BAD_FIELD, field="files", value=file.name) from error
    raise Refusal(RefusalCode.TOO_LARGE, field="files", value=file.name)


def _unpacked(opened: Image.Image) -> Image.Image:
    """Unpack a picture upright, without all that is said beside it."""
    if opened.format == "JPEG":
        opened.draft("RGB", (SIDES[0], SIDES[0]))
    width, height = opened.size
    if width * height > MOST_PIXELS:
        raise Refusal(RefusalCode.TOO_LARGE, field="files")
    picture = ImageOps.exif_transpose(opened)
    clear = picture.has_transparency_data
    picture = picture.convert("RGBA" if clear else "RGB")
    picture.info.clear()
    return picture


def _tries(picture: Image.Image, made: str) -> Iterator[tuple[str, bytes]]:
    """Write a picture smaller and smaller; drawings first as they are."""
    if made in ("PNG", "GIF"):
        copy = picture.copy()
        copy.thumbnail((SIDES[0], SIDES[0]))
        yield "image/png", _written(copy, "PNG", optimize=True)
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
            yield "image/jpeg", _written(copy, "JPEG", quality=quality, optimize=True)


def _written(picture: Image.Image, kind: str, **how: int) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **how)
    return out.getvalue()


def _named(name: str, kind: str, data: bytes) -> File:
    """Give a picture the extension of what it is now."""
    extension = ".png" if kind == "image/png" else ".jpg"
    stem, dot, old = name.rpartition(".")
    if dot and len(old) <= 4:
        kept = {".jpg": ("jpg", "jpeg"), ".png": ("png",)}[extension]
        name = name if old.lower() in kept else stem + extension
    return File(name, kind, data)
