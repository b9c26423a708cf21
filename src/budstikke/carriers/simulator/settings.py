"""Settings of a simulated link."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(ge=0, le=86_400)]


class Settings(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Settings of a simulated link; see docs/carriers/simulator.md."""

    delivery_delay: Annotated[
        Seconds,
        Meta(
            description="Delay until a part is delivered, unless its fate fixes "
            "another."
        ),
    ] = 1.0
    response_timeout: Annotated[
        Seconds, Meta(description="Longest wait for a response; then a part is unsure.")
    ] = 5.0
    throttle_pause: Annotated[
        Seconds, Meta(description="First pause after the operator throttled.")
    ] = 0.5
    window: Annotated[
        int, Meta(ge=1, le=100_000, description="Most parts without a response.")
    ] = 1000
    numbers: Annotated[
        tuple[str, ...],
        Meta(
            description="Prefixes of our numbers whose inbound messages come by this "
            "carrier; empty: all."
        ),
    ] = ()
