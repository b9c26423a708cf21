"""Makes the parts of an MMS, with a SMIL presentation (3GPP TS 26.140)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from budstikke.domain.text import decode_labelled
from budstikke.mm7.multipart import Piece

if TYPE_CHECKING:
    from collections.abc import Sequence

SMIL = "application/smil"
SECONDS = 5
"""Seconds to show a slide without sound or film."""

TAGS = {"image": "img", "video": "video", "audio": "audio", "text": "text"}
"""Elements by the first half of a content type; SMIL shows no others."""

_unsafe = re.compile(r"[^A-Za-z0-9._-]+")


def laid_out(text: str, files: Sequence[tuple[str, str, bytes]]) -> tuple[Piece, ...]:
    """
    Make the parts of an MMS: SMIL first, then the text, then the files.

    If the files have a SMIL it is used, and all names stay as they are, since it refers
    to them; otherwise this writes one. Texts become UTF-8.

    Args:
        text: May be empty.
        files: (name, content type, octets) of each.

    """
    given = [file for file in files if file[1].partition(";")[0].strip() == SMIL]
    others = [file for file in files if file not in given]
    pieces: list[Piece] = []
    taken: set[str] = set()
    if text:
        pieces.append(
            Piece(
                "text/plain", text.encode(), "text", _name("text.txt", taken), "utf-8"
            )
        )
    for number, (name, kind, data) in enumerate(others, 1):
        known = name if given else _name(name or f"file{number}", taken)
        charset = "utf-8" if kind == "text/plain" else ""
        if charset:
            data = decode_labelled(data).encode("utf-8", "replace")  # noqa: PLW2901 - the same text
        pieces.append(Piece(kind, data, f"file{number}", known, charset))
    smil = given[0][2] if given else write_smil(pieces)
    return (Piece(SMIL, smil, "smil", "mms.smil", "utf-8"), *pieces)


def _name(written: str, taken: set[str]) -> str:
    """Make a name that every phone can read, and that no other part has."""
    safe = _unsafe.sub("_", written).strip("._")[-40:] or "file"
    stem, dot, extension = safe.rpartition(".")
    number, name = 1, safe
    while name.lower() in taken:
        number += 1
        name = f"{stem}_{number}.{extension}" if dot else f"{safe}_{number}"
    taken.add(name.lower())
    return name


def write_smil(pieces: Sequence[Piece]) -> bytes:
    """
    Write a presentation: a slide for each picture or film, the text on the first.

    Sounds get slides of their own.
    """
    smil = Element("smil")
    layout = SubElement(SubElement(smil, "head"), "layout")
    SubElement(layout, "root-layout", width="100%", height="100%")
    for region, top, height in (("Image", "0%", "70%"), ("Text", "70%", "30%")):
        where = {"id": region, "left": "0%", "top": top, "fit": "meet"}
        SubElement(layout, "region", {**where, "width": "100%", "height": height})
    body = SubElement(smil, "body")
    texts = [piece for piece in pieces if _tag(piece) == "text"]
    shown = [piece for piece in pieces if _tag(piece) in ("img", "video", "audio")]
    for place in range(max(len(texts), len(shown))):
        slide = SubElement(body, "par", dur=f"{SECONDS}s")
        if place < len(shown):
            tag = _tag(shown[place])
            place_of = {} if tag == "audio" else {"region": "Image"}
            SubElement(slide, tag, {"src": shown[place].name, **place_of})
        if place < len(texts):
            SubElement(slide, "text", src=texts[place].name, region="Text")
    written: bytes = tostring(smil, encoding="utf-8", xml_declaration=False)
    return written


def _tag(piece: Piece) -> str:
    if piece.type.startswith("text/") and piece.type != "text/plain":
        return ""
    return TAGS.get(piece.type.partition("/")[0], "")
