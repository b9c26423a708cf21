"""Settings of messages from phones."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct


class Inbound(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How messages from phones are taken."""

    join_timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=86400,
            description="Seconds that parts of a long text wait for the others; then "
            "what came is told.",
        ),
    ] = 600.0
    receipt_wait: Annotated[
        float,
        Meta(
            gt=0,
            le=86400,
            description="Seconds that a keyword's receipt waits for what the "
            "customer's server answers; then it is sent without.",
        ),
    ] = 1800.0
