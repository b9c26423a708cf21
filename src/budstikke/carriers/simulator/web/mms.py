"""Reads and writes MMS of simulated phones in requests and answers."""

from __future__ import annotations

from binascii import Error, a2b_base64
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import msgspec

from budstikke.domain.inbound import MediaPart
from budstikke.domain.mms import LARGEST, size
from budstikke.mm7 import Malformed
from budstikke.mm7.multipart import safe_type, split

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_PARTS: Final = 20


class Attached(msgspec.Struct):
    """A file of a message in JSON; ``data`` is base64."""

    data: str
    name: str = ""
    type: str = "application/octet-stream"


class Composing(msgspec.Struct):
    """The body of a POST; with a subject or parts it is an MMS."""

    to: str | int
    text: str = ""
    subject: str = ""
    parts: list[Attached] = msgspec.field(default_factory=list)


class Composed(msgspec.Struct):
    """A message to send from a phone; ``mms``: its subject and files."""

    to: str
    text: str
    mms: tuple[str, tuple[MediaPart, ...]] | None


def read_json(body: bytes) -> Composed:
    """Read a message in JSON; raises msgspec's errors, and ValueError."""
    asked = msgspec.json.decode(body, type=Composing)
    try:
        files = [
            MediaPart(
                part.name,
                safe_type(part.type),
                a2b_base64(part.data, strict_mode=True),
            )
            for part in asked.parts
        ]
    except Error as error:
        raise ValueError("data is not base64") from error
    return _composed(str(asked.to), asked.text, asked.subject, files)


def read_form(content_type: str, body: bytes) -> Composed:
    """Read a browser's form with files; raises ValueError."""
    values = {"to": "", "text": "", "subject": ""}
    files: list[MediaPart] = []
    try:
        pieces = split(content_type, body)
    except Malformed as error:
        raise ValueError(str(error)) from error
    for piece in pieces:
        if piece.field in values:
            values[piece.field] = piece.data.decode("utf-8", "replace")
        elif piece.data:  # a browser sends an empty file if none was chosen
            files.append(MediaPart(piece.name, piece.type, piece.data))
    return _composed(values["to"], values["text"], values["subject"], files)


def _composed(to: str, text: str, subject: str, files: list[MediaPart]) -> Composed:
    if len(files) > MOST_PARTS:
        raise ValueError(f"more than {MOST_PARTS} parts")
    if size(text, (part.data for part in files)) > LARGEST:
        raise ValueError(f"an MMS has at most {LARGEST} octets")
    mms = (subject, tuple(files)) if files or subject else None
    return Composed(to, text.replace("\r\n", "\n"), mms)


def part_rows(
    number: str, message_id: int, parts: Sequence[msgspec.Struct]
) -> list[dict[str, Any]]:
    """Write the parts of an MMS as JSON rows."""
    path = f"/simulator/phones/{quote(number)}/messages/{message_id}/parts"
    return [
        {**msgspec.structs.asdict(part), "url": f"{path}/{place}"}
        for place, part in enumerate(parts, 1)
    ]
