"""
Finds a file's content type by its first octets.

To add a kind, add a row to ``KINDS``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

UNKNOWN = "application/octet-stream"


class Kind(NamedTuple):
    """A kind of file: it has the octets ``magic`` at ``at``."""

    content_type: str
    extension: str
    magic: bytes
    at: int = 0


KINDS: Sequence[Kind] = (
    Kind("image/jpeg", ".jpg", b"\xff\xd8\xff"),
    Kind("image/png", ".png", b"\x89PNG\r\n\x1a\n"),
    Kind("image/gif", ".gif", b"GIF8"),
    Kind("image/webp", ".webp", b"WEBP", 8),
    Kind("image/bmp", ".bmp", b"BM"),
    Kind("audio/amr", ".amr", b"#!AMR"),
    Kind("audio/wav", ".wav", b"WAVE", 8),
    Kind("audio/midi", ".mid", b"MThd"),
    Kind("audio/mpeg", ".mp3", b"ID3"),
    Kind("audio/mpeg", ".mp3", b"\xff\xfb"),
    Kind("audio/mp4", ".m4a", b"ftypM4A", 4),
    Kind("video/3gpp", ".3gp", b"ftyp3g", 4),
    Kind("video/quicktime", ".mov", b"ftypqt", 4),
    Kind("video/mp4", ".mp4", b"ftyp", 4),
    Kind("application/pdf", ".pdf", b"%PDF-"),
    Kind("application/smil", ".smil", b"<smil"),
    Kind("text/x-vcard", ".vcf", b"BEGIN:VCARD"),
    Kind("text/x-vcalendar", ".ics", b"BEGIN:VCALENDAR"),
)
"""The first row that matches counts."""

TEXT = Kind("text/plain", ".txt", b"")


def type_of(content: bytes) -> str:
    """Return a file's content type."""
    for kind in KINDS:
        if content.startswith(kind.magic, kind.at):
            return kind.content_type
    return UNKNOWN if _is_binary(content) else TEXT.content_type


def extension(content_type: str) -> str:
    """Return the file name extension of this type; empty: unknown."""
    for kind in (*KINDS, TEXT):
        if kind.content_type == content_type:
            return kind.extension
    return ""


def _is_binary(content: bytes) -> bool:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return True
    return any(character < " " and character not in "\t\r\n" for character in text)
