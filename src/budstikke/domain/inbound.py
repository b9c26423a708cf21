"""Messages from phones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InboundPart:
    """
    One message from a phone as the carrier delivered it, not yet joined or routed.

    ``payload`` is the user data with its header, if ``udhi``; ``tlvs`` are the
    optional parameters by tag.
    """

    originator: str
    recipient: str
    data_coding: int
    udhi: bool
    payload: bytes
    tlvs: dict[int, bytes]
    at: float
