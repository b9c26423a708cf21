"""Writes delivery reports and inbound messages, each as a posted form."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import msgspec

from budstikke.dialects.elks.reply import moment, written_id
from budstikke.dialects.inbound import called, text_of
from budstikke.dialects.push import write_push
from budstikke.dialects.query import decode_any
from budstikke.domain.keyword_reply import MOST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest, WireResponse

DELIVERED = "delivered"

STATUS: Mapping[str, str] = {
    "sent": "sent",
    DELIVERED: DELIVERED,
    **dict.fromkeys(("undelivered", "expired", "rejected", "cancelled"), "failed"),
}
"""By state of a message (``domain.states``): 46elks' status, if it has one."""


def report(event: StatusEvent, url: str) -> WireRequest | None:
    """Write a delivery report (46elks, "SMS Delivery Reports")."""
    status = STATUS.get(event.state)
    if status is None:
        return None
    fields = {"id": written_id(event.message_id), "status": status}
    if status == DELIVERED:
        fields[DELIVERED] = moment(event.at)
    return write_push("FORM", url, urlencode(fields))


def inbound(event: InboundEvent, url: str) -> WireRequest:
    """Write the push of an inbound message (46elks, "Receive an SMS")."""
    fields = {
        "direction": "incoming",
        "id": written_id(event.message_id),
        "from": event.originator,
        "to": called(event.recipient),
        "created": moment(event.came_at),
        "message": text_of(event),
    }
    form = urlencode(fields, quote_via=quote, errors="replace")
    return write_push("FORM", url, form)


_read = msgspec.json.Decoder().decode


def reply(answer: WireResponse) -> str:
    """
    Read the reply to a phone (46elks, "Receive an SMS", "SMS actions").

    It is the body, or ``reply`` of a JSON object. A page of HTML and any other JSON are
    none. It is cut to as many characters as an auto-reply may have.
    """
    body = answer.body.strip()
    if body.startswith(b"<"):
        return ""
    text = decode_any(body)
    if body.startswith(b"{") or "json" in answer.content_type.lower():
        try:
            found = _read(body)
        except (ValueError, RecursionError):
            if not body.startswith(b"{"):
                return ""
        else:
            said = found.get("reply") if isinstance(found, dict) else None
            text = said if isinstance(said, str) else ""
    return text.replace("\0", "").strip()[:MOST].rstrip()
