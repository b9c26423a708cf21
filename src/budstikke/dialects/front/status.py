"""Delivery status pushes (Front v3.05 § 2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from budstikke.dialects.push import write_push

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.dialects.front.settings import Settings
    from budstikke.domain.message import StatusEvent
    from budstikke.wire import WireRequest

SENT = "sent"

STATUS: Mapping[str, int] = {
    SENT: -1,
    "delivered": 4,
    "undelivered": 5,
    "expired": 5,
    "rejected": 5,
    "cancelled": 5,
}
"""By state of a message (``domain.states``): Front's status, if it has one."""


def push(event: StatusEvent, url: str, settings: Settings) -> WireRequest | None:
    """Write a status push; the URL keeps its query."""
    status = STATUS.get(event.state)
    if status is None or (event.state == SENT and not settings.status_interim):
        return None
    query = f"status={status}&origid={event.message_id}"
    if event.ref is not None:
        query += f"&ref={quote(event.ref, safe='')}&phoneno={quote(event.recipient)}"
    return write_push(settings.status_method, url, query)
