"""Writes delivery reports and inbound messages, each as a posted form."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from budstikke.dialects.elks.reply import moment, written_id
from budstikke.dialects.inbound import called, text_of
from budstikke.dialects.push import write_push

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.domain.inbound import InboundEvent
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest

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
