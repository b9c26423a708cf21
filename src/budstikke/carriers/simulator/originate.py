"""What a phone sends, as the user data that a carrier delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from budstikke.carriers.contract import InboundPart
from budstikke.domain.message import TextMode
from budstikke.domain.text import GSM, gsm_encode, plan, ucs2_encode, udh_concat8

if TYPE_CHECKING:
    from budstikke.carriers.simulator.phones import Composed

LONGEST: Final = 5_000
"""Characters; the rest is cut off. Any text of so many fits in 255 parts."""

DATA_CODING_GSM: Final = 0
DATA_CODING_UCS2: Final = 8


class Piece(NamedTuple):
    """One part on the wire: user data, which begins with a header if ``udhi``."""

    data_coding: int
    udhi: bool
    payload: bytes


def pieces(text: str, ref: int) -> list[Piece]:
    """
    Cut a text as a phone does: GSM default alphabet if it fits in it, else UCS-2.

    ``ref`` (0 to 255) joins the parts of a long text: 3GPP TS 23.040 § 9.2.3.24.1.
    """
    planned = plan(text[:LONGEST], mode=TextMode.AUTO)
    gsm = planned.encoding == GSM
    coding = DATA_CODING_GSM if gsm else DATA_CODING_UCS2
    encoded = [gsm_encode(part) if gsm else ucs2_encode(part) for part in planned.parts]
    if len(encoded) == 1:
        return [Piece(coding, False, encoded[0])]
    return [
        Piece(coding, True, udh_concat8(ref, len(encoded), number) + octets)
        for number, octets in enumerate(encoded, start=1)
    ]


def as_inbound(composed: Composed, ref: int) -> list[InboundPart]:
    """Turn what a phone sent into what a carrier gives the gateway."""
    return [
        InboundPart(
            originator=composed.phone,
            recipient=composed.to,
            data_coding=piece.data_coding,
            udhi=piece.udhi,
            payload=piece.payload,
            tlvs={},
            at=composed.at,
        )
        for piece in pieces(composed.text, ref)
    ]
