"""Settings of a simulated carrier, and of the simulated operator's SMPP server."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from budstikke.carriers.simulator.deliver import IdForm, Style
from budstikke.domain.text import LinkAlphabet

Seconds = Annotated[float, Meta(ge=0, le=86_400)]
Timeout = Annotated[float, Meta(gt=0, le=86_400)]


class Settings(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """Settings of a simulated carrier; see docs/carriers/simulator.md."""

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


class ListenerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of the SMPP server; see docs/simulator.md."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="0: any free port.")] = 2775
    accounts: Annotated[
        dict[str, str],
        Meta(description="Passwords by `system_id`; empty: anybody may bind."),
    ] = field(default_factory=dict)
    delivery_delay: Annotated[
        float,
        Meta(
            ge=0,
            le=86_400,
            description="Delay until a part is delivered, unless its fate fixes "
            "another.",
        ),
    ] = 1.0
    alphabet: Annotated[
        LinkAlphabet, Meta(description="What `data_coding` 0 means.")
    ] = LinkAlphabet.GSM
    receipts: Annotated[
        Style, Meta(description="What has a receipt's state: `text`, `tlv` or `both`.")
    ] = "both"
    response_id: Annotated[
        IdForm,
        Meta(description="Message ids in responses: `decimal`, `hex` or `padded`."),
    ] = "decimal"
    receipt_id: Annotated[IdForm, Meta(description="Message ids in receipts.")] = (
        "decimal"
    )
    throughput: Annotated[
        int,
        Meta(
            ge=0,
            description="Most submit_sm a second on a bind; 0: it never throttles.",
        ),
    ] = 0
    window: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Most deliver_sm of a bind in flight."),
    ] = 100
    response_timeout: Annotated[
        Timeout,
        Meta(description="Longest wait for a deliver_sm_resp; then it sends again."),
    ] = 10.0
    enquire_link: Annotated[
        Timeout, Meta(description="Silence after which it sends enquire_link.")
    ] = 30.0
    numbers: Annotated[
        tuple[str, ...],
        Meta(
            description="Prefixes of our numbers whose inbound messages come by this "
            "server; empty: all."
        ),
    ] = ()
