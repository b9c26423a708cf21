"""Settings of inbound messages."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Inbound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the gateway handles inbound messages."""

    join_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=86400,
            description="Seconds that the gateway waits for the missing parts of a "
            "long text. Then it delivers the parts that have come.",
        ),
    ] = 600.0
    receipt_wait: Annotated[
        float,
        Meta(
            gt=0,
            le=86400,
            description="Seconds that a keyword's auto-reply waits for the answer of "
            "the customer's server. Then the gateway sends it without the answer.",
        ),
    ] = 1800.0
