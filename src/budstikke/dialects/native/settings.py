"""The settings of one token of the REST API."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated

import msgspec
from msgspec import Meta

PREFIX = "whsec_"
SHORTEST_SECRET, LONGEST_SECRET = 24, 64
"""Octets (Standard Webhooks, "Signature scheme")."""

Secret = Annotated[str, Meta(pattern=r"\Awhsec_[A-Za-z0-9+/]+={0,2}\Z")]


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a token is set to.

    Attributes:
        status_url: Where webhooks are sent; empty: nowhere.
        webhook_secrets: What webhooks are signed with, each ``whsec_`` and 24 to 64
            octets in base64. While keys are changed there are two: each webhook then
            has a signature by each.
        status_interim: Send ``message.sent``, too, when an operator has a message.
        approved_domains: Domains that ``orderurl`` of a template may point to, with
            their subdomains.
        concurrency: Requests at a time; ``None``: any number.

    """

    status_url: str = ""
    webhook_secrets: tuple[Secret, ...] = ()
    status_interim: bool = False
    approved_domains: tuple[str, ...] = ()
    concurrency: Annotated[int, Meta(ge=1)] | None = None

    def __post_init__(self) -> None:
        """Refuse webhooks that nobody could verify, and secrets that are none."""
        if self.status_url and not self.webhook_secrets:
            raise ValueError("webhook_secrets: webhooks to status_url are signed")
        for secret in self.webhook_secrets:
            if not SHORTEST_SECRET <= len(octets(secret)) <= LONGEST_SECRET:
                raise ValueError("webhook_secrets: one has not 24 to 64 octets")


def octets(secret: str) -> bytes:
    """Read the octets of a secret; raises ValueError."""
    return b64decode(secret.removeprefix(PREFIX), validate=True)
