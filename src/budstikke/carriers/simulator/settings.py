"""Settings of a simulated link."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class Settings(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Settings of a simulated link; see docs/carriers/simulator.md."""

    delivery_delay: Annotated[
        Seconds, Meta(description="Until a part is delivered, if no fate says when.")
    ] = 1.0
    response_timeout: Annotated[
        Seconds, Meta(description="For an answer; after that nobody knows.")
    ] = 5.0
    throttle_pause: Annotated[
        Seconds, Meta(description="First pause of a link that is throttled.")
    ] = 0.5
    window: Annotated[
        int, Meta(ge=1, le=100_000, description="Parts without an answer.")
    ] = 1000
    numbers: Annotated[
        tuple[str, ...],
        Meta(description="Beginnings of numbers that phones reach here; empty: all."),
    ] = ()
