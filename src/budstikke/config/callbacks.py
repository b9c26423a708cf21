"""Settings of callbacks."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from msgspec import Meta, Struct


class Callbacks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the gateway sends callbacks."""

    allow_private: Annotated[
        bool,
        Meta(
            description="Allow URLs with loopback, private and link-local addresses, "
            "and with any port."
        ),
    ] = False
    allow_http: Annotated[bool, Meta(description="Allow plain http URLs.")] = False
    timeout: Annotated[
        float,
        Meta(gt=0, le=100, description="Seconds to wait for a server's answer."),
    ] = 30.0
    per_endpoint: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="Requests at the same time to an endpoint that answers within "
            "0.1 s. The slower an endpoint answers, the fewer it gets, but at least "
            "16.",
        ),
    ] = 64
    rate: Annotated[
        float,
        Meta(
            ge=0,
            description="Requests to one endpoint in a second. 0: no limit.",
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
            description="The addresses that this gateway's callbacks come from. It "
            "only shows them to customers, for their firewalls."
        ),
    ] = ()

    def __post_init__(self) -> None:
        """Refuse texts that are not addresses."""
        for text in self.shown_addresses:
            ipaddress.ip_network(text)
