"""Cuts what a phone sends into the user data that a carrier delivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from budstikke.carriers.contract import InboundMms, InboundPart
from budstikke.domain.inbound import MediaPart
from budstikke.domain.message import TextMode
from budstikke.domain.text import (
    GSM,
    LinkAlphabet,
    encode_for,
    fill_bits_after,
    gsm_encode,
    pack,
    segment,
    ucs2_encode,
    udh_concat8,
)
from budstikke.mm7 import laid_out

if TYPE_CHECKING:
    from budstikke.carriers.simulator.phones import Composed

LONGEST: Final = 5_000
"""Characters; the rest is cut off. Any text of this length fits in 255 parts."""

DATA_CODING_GSM: Final = 0
DATA_CODING_UCS2: Final = 8

TEXT: Final = "text/plain; charset=utf-8"


class Piece(NamedTuple):
    """One part on the wire: user data, with a header in front if ``udhi``."""

    data_coding: int
    udhi: bool
    payload: bytes


def pieces(
    text: str, ref: int, alphabet: LinkAlphabet = LinkAlphabet.GSM
) -> list[Piece]:
    """
    Cut a text as a phone does: in the GSM default alphabet if it fits, else in UCS-2.

    Args:
        text: The text.
        ref: 0 to 255; joins the parts of a long text (3GPP TS 23.040 § 9.2.3.24.1).
        alphabet: What data_coding 0 means to the receiver.

    """
    planned = segment(text[:LONGEST], mode=TextMode.AUTO)
    total = len(planned.parts)
    cut = []
    for number, part in enumerate(planned.parts, start=1):
        header = udh_concat8(ref, total, number) if total > 1 else b""
        if planned.encoding == GSM:
            octets = _encode(part, alphabet, header)
            cut.append(Piece(DATA_CODING_GSM, total > 1, header + octets))
        else:
            octets = ucs2_encode(part)
            cut.append(Piece(DATA_CODING_UCS2, total > 1, header + octets))
    return cut


def _encode(text: str, alphabet: LinkAlphabet, header: bytes) -> bytes:
    if alphabet is LinkAlphabet.GSM_PACKED:
        return pack(gsm_encode(text), fill_bits_after(header), counted=False)
    return encode_for(alphabet, text)


def as_inbound(composed: Composed, ref: int) -> list[InboundPart]:
    """Make the parts of a message from a phone, as a carrier reports them."""
    return [
        InboundPart(
            originator=composed.phone,
            recipient=composed.to.removeprefix("+"),
            data_coding=piece.data_coding,
            udhi=piece.udhi,
            payload=piece.payload,
            tlvs={},
            at=composed.at,
        )
        for piece in pieces(composed.text, ref)
    ]


def as_mms(composed: Composed, parts: tuple[MediaPart, ...]) -> InboundMms:
    """
    Make an MMS from a phone, as a carrier reports it.

    As with real phones its first part is the presentation, and its text is a part.
    """
    files = [(part.name, part.type, part.data) for part in parts]
    return InboundMms(
        originator=composed.phone,
        recipient=composed.to.removeprefix("+"),
        subject=composed.subject,
        parts=tuple(
            MediaPart(
                piece.name, TEXT if piece.id == "text" else piece.type, piece.data
            )
            for piece in laid_out(composed.text, files)
        ),
        at=composed.at,
    )
