"""The settings of one token of the REST API."""

from __future__ import annotations

from base64 import b64decode
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from budstikke.domain.url import Url

PREFIX = "whsec_"
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""Octets (Standard Webhooks, "Signature scheme")."""

Secret = Annotated[
    str,
    Meta(
        pattern=r"\Awhsec_[A-Za-z0-9+/]+={0,2}\Z",
        extra={"expected": "`whsec_` and a key in base64"},
    ),
]


class EventType(StrEnum):
    """Types of the events that webhooks report."""

    SENT = "message.sent"
    DELIVERED = "message.delivered"
    UNDELIVERED = "message.undelivered"
    EXPIRED = "message.expired"
    REJECTED = "message.rejected"
    CANCELLED = "message.cancelled"
    READ = "message.read"
    DELETED = "message.deleted"
    RECEIVED = "message.received"
    REPLY = "message.reply"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a token is set to.

    Attributes:
        status_url: Where webhooks are sent; empty: nowhere.
        inbound_url: Where those of messages from phones are sent, unless their number
            or keyword has a URL of its own; empty: to ``status_url``.
        events: Which are sent; empty: all.
        webhook_secrets: What webhooks are signed with, each ``whsec_`` and 24 to 64
            octets in base64. While keys are changed there are two: each webhook then
            has a signature by each.
        status_interim: Send ``message.sent``, too, when an operator has a message.
        approved_domains: Domains that ``orderurl`` of a template may point to, with
            their subdomains.
        route_test: It may test routes, and so sees the names of carriers.
        concurrency: Requests at a time; ``None``: any number.

    """

    status_url: Url = ""
    inbound_url: Url = ""
    events: tuple[EventType, ...] = ()
    webhook_secrets: tuple[Secret, ...] = ()
    status_interim: bool = False
    approved_domains: tuple[str, ...] = ()
    route_test: bool = False
    concurrency: Annotated[int, Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse webhooks that nobody could verify, and secrets that are none."""
        if (self.status_url or self.inbound_url) and not self.webhook_secrets:
            raise ValueError("webhook_secrets: webhooks are signed")
        for secret in self.webhook_secrets:
            if not SHORTEST_SECRET <= len(octets(secret)) <= LONGEST_SECRET:
                raise ValueError("webhook_secrets: one has not 24 to 64 octets")


def octets(secret: str) -> bytes:
    """Read the octets of a secret; raises ValueError."""
    return b64decode(secret.removeprefix(PREFIX), validate=True)
