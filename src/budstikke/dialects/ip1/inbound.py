"""Writes pushes of inbound messages (iP.1 manual, "Callback")."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from budstikke.dialects.inbound import called, text_of
from budstikke.dialects.query import extended
from budstikke.wire import WireRequest

if TYPE_CHECKING:
    from budstikke.domain.inbound import InboundEvent


def push(event: InboundEvent, url: str) -> WireRequest:
    """Write the push of an inbound message; the URL keeps its query."""
    parameters = {
        "incsmsid": str(event.message_id),
        "sender": event.originator.removeprefix("+"),
        "text": text_of(event),
        "to": called(event.recipient).removeprefix("+"),
    }
    if event.media:
        parameters["mmsid"] = ",".join(part.id for part in event.media)
    query = "&".join(
        f"{name}={quote(value, safe='', errors='replace')}"
        for name, value in parameters.items()
    )
    return WireRequest("GET", extended(url, query))
