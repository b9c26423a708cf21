"""Settings of calls to customers."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from msgspec import Meta, Struct


class Callbacks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How customers' URLs are called."""

    allow_private: Annotated[
        bool,
        Meta(
            description="Call loopback, private and link-local addresses, and any port."
        ),
    ] = False
    allow_http: Annotated[bool, Meta(description="Call plain http URLs.")] = False
    timeout: Annotated[
        float, Meta(gt=0, le=100, description="Longest wait for an answer, seconds.")
    ] = 30.0
    per_endpoint: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Calls at a time to an endpoint that answers within 0.1 s. A "
            "slower one has fewer, in proportion, down to 16.",
        ),
    ] = 64
    rate: Annotated[
        float,
        Meta(
            ge=0,
            description="Calls to one endpoint in a second. 0: as many as it answers.",
        ),
    ] = 0.0
    alert_originator: Annotated[
        str,
        Meta(
            min_length=1,
            description="Sender of the SMS that tells a customer that a queue is "
            "paused.",
        ),
    ] = "Budstikke"
    shown_addresses: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses that calls come from, to show customers who "
            "filter on them."
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse addresses that are none."""
        for text in self.shown_addresses:
            ipaddress.ip_network(text)
