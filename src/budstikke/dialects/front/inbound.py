"""
Writes pushes of inbound messages (Front v3.05 § 2.5, v2.25 § 2.5).

By POST it is a JSON document, and any 2xx acknowledges it; by GET it is parameters in
ISO-8859-1, and the body ``true`` acknowledges it.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from budstikke.dialects.inbound import called, text_of
from budstikke.dialects.query import extended
from budstikke.domain.inbound import first_word
from budstikke.domain.originator import REPLY_NUMBER_DIGITS
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.dialects.front.settings import Settings
    from budstikke.domain.callback import InboundExtras
    from budstikke.domain.inbound import InboundEvent, MediaPart
    from budstikke.wire import WireResponse

JSON = {"content-type": "application/json"}
TAKEN = b"true"
SUB_NUMBER = 9
"""Digits of a reply number after its short number."""

FILES = 1000
"""
A file's id is its message's id times this, plus its position.

The original's id is a number, which JSON clients read exactly below 2^53: that suffices
for message ids up to 9 * 10^12.
"""


class File(msgspec.Struct, rename="camel"):
    """A part of an MMS."""

    id: int
    content_type: str
    file_name: str
    file_data: str


class Message(msgspec.Struct):
    """The document; its keys are in the order of the original's examples."""

    id: int
    to: str
    from_: str = msgspec.field(name="from")
    text: str
    sent: str
    counter: int
    keyword: str
    files: list[File]


_json = msgspec.json.Encoder().encode


def push(
    event: InboundEvent, extras: InboundExtras, url: str, settings: Settings
) -> WireRequest:
    """Write the push of an inbound message; the URL keeps its query."""
    if settings.style == "get":
        return WireRequest("GET", extended(url, _query(event)))
    files = _files(event.message_id, extras.files) if settings.mms else []
    document = Message(
        id=event.message_id,
        to=called(event.recipient),
        from_=event.originator,
        text=text_of(event),
        sent=_moment(event.sent_at or event.came_at),
        counter=event.counter,
        keyword=first_word(event.text),
        files=files,
    )
    return WireRequest("POST", url, headers=JSON, body=_json(document))


def understood(answer: WireResponse, settings: Settings) -> bool:
    """Whether the customer has the message: a 2xx, and by GET the word as well."""
    if not 200 <= answer.status < 300:
        return False
    return settings.style != "get" or answer.body.strip() == TAKEN


def _files(message_id: int, parts: Sequence[MediaPart]) -> list[File]:
    return [
        File(
            id=message_id * FILES + place,
            content_type=part.type,
            file_name=part.name,
            file_data=b64encode(part.data).decode(),
        )
        for place, part in enumerate(parts, 1)
    ]


def _query(event: InboundEvent) -> str:
    to = called(event.recipient)
    if len(to) == REPLY_NUMBER_DIGITS and to.isdigit():
        to = to[-SUB_NUMBER:]
    fields = {
        "fromid": to,
        "phonenr": _dialled(event.originator),
        "txt": text_of(event),
        "time": str(int(event.came_at)),
        "countnr": str(event.counter),
        "code": first_word(event.text),
    }
    return "&".join(
        f"{name}={quote(value, safe='', encoding='latin-1', errors='replace')}"
        for name, value in fields.items()
    )


def _dialled(originator: str) -> str:
    """Write a phone's number with ``00``; another sender stays as it is."""
    digits = originator.removeprefix("+")
    return f"00{digits}" if digits != originator and digits.isdigit() else originator


def _moment(at: float) -> str:
    """Write Unix seconds as ISO 8601 in UTC, without fractions."""
    return f"{datetime.fromtimestamp(int(at), UTC):%Y-%m-%dT%H:%M:%SZ}"
