"""Writes pushes of inbound messages: by GET, in UTF-8, in the source's order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from budstikke.dialects.inbound import text_of
from budstikke.dialects.query import extended
from budstikke.domain.callback import Topic, topic_of
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.sveve.settings import Settings
    from budstikke.domain.callback import InboundExtras
    from budstikke.domain.inbound import InboundEvent


NORWAY = "+47"
_norwegian = re.compile(r"\+47[0-9]{8}").fullmatch


def push(
    event: InboundEvent, extras: InboundExtras, url: str, settings: Settings
) -> WireRequest:
    """Write the push of an inbound message; the URL keeps its query."""
    if topic_of(event) is Topic.REPLY:
        said = _reply(event, settings)
    else:
        said = _message(event, extras, settings)
    query = "&".join(
        f"{name}={quote(value, safe='', errors='replace')}"
        for name, value in said.items()
    )
    return WireRequest("GET", extended(url, query))


def _message(
    event: InboundEvent, extras: InboundExtras, settings: Settings
) -> Mapping[str, str]:
    """Write "Push av mottatte meldinger"; unknown names and addresses are blank."""
    fields = {
        "number": _number(event, settings),
        "msg": text_of(event),
        "prefix": event.keyword,
        "shortnumber": event.recipient,
        **_media(event),
    }
    if settings.number_lookup:
        fields |= {"name": extras.name, "address": extras.address}
    return fields


def _reply(event: InboundEvent, settings: Settings) -> Mapping[str, str]:
    """Write "Videresending av svar"; ``id`` is blank if it answers no message."""
    return {
        "msg": text_of(event),
        "number": _number(event, settings),
        "id": str(event.reply_to or ""),
        **_media(event),
    }


def _number(event: InboundEvent, settings: Settings) -> str:
    """Write a phone's number without ``+``, a Norwegian one by ``push_numbers``."""
    if settings.push_numbers == "national" and _norwegian(event.originator):
        return event.originator.removeprefix(NORWAY)
    return event.originator.removeprefix("+")


def _media(event: InboundEvent) -> Mapping[str, str]:
    """List the parts of an MMS; other messages have no such parameter."""
    return {"mmsid": ",".join(part.id for part in event.media)} if event.media else {}
