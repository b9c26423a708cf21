"""Receipts, and what phones send, as deliver_sm. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from budstikke.carriers.simulator.message_centre import Event
from budstikke.carriers.simulator.originate import pieces
from budstikke.domain.text import LinkAlphabet
from budstikke.smpp import tags
from budstikke.smpp.pdus import Sm
from budstikke.smpp.receipt import MessageState, receipt_text, receipt_tlvs
from budstikke.smpp.versions import LONGEST_OLD_ID

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.carriers.simulator.phones import Composed
    from budstikke.smpp import Tlvs

Style = Literal["text", "tlv", "both"]
IdForm = Literal["decimal", "hex", "padded"]

WRITE_ID: Final[dict[IdForm, Callable[[int], str]]] = {
    "decimal": str,
    "hex": "{:x}".format,
    "padded": "{:020}".format,
}
"""How message ids are spelt."""

OLD_IDS: Final = 10**LONGEST_OLD_ID
"""Ids for clients before SMPP 3.4 are below this: eight digits in any form."""


def write_id(form: IdForm, number: int) -> str:
    """Spell a message id; one below ``OLD_IDS`` has eight octets at most."""
    written = WRITE_ID[form](number)
    return written[-LONGEST_OLD_ID:] if number < OLD_IDS else written


RECEIPT: Final = 0x04
INTERIM: Final = 0x20
UDHI: Final = 0x40

ASCII: Final = 1
"""data_coding: SMPP 3.4 § 5.2.19."""

GSM_NETWORK: Final = 3

STATES: Final[dict[Event, tuple[MessageState, int]]] = {
    Event.DELIVERED: (MessageState.DELIVERED, 0),
    Event.UNDELIVERED: (MessageState.UNDELIVERABLE, 1),
    Event.EXPIRED: (MessageState.EXPIRED, 27),
    Event.INTERIM: (MessageState.ENROUTE, 27),
}
"""What a receipt says, and the GSM MAP error (unknown, absent subscriber)."""

WANTED: Final[dict[int, frozenset[Event]]] = {
    0: frozenset(),
    1: frozenset({Event.DELIVERED, Event.UNDELIVERED, Event.EXPIRED}),
    2: frozenset({Event.UNDELIVERED, Event.EXPIRED}),
    3: frozenset({Event.DELIVERED}),
}
"""
registered_delivery's two lowest bits to the ends that are reported.

SMPP 3.4 § 5.2.17; 3 is reserved there and means success only in 5.0 § 4.7.21.
"""

INTERIM_BIT: Final = 0x10


ECHOED: Final[dict[int, int]] = {
    tags.USER_MESSAGE_REFERENCE: tags.USER_MESSAGE_REFERENCE,
    tags.SOURCE_SUBADDRESS: tags.DEST_SUBADDRESS,
    tags.DEST_SUBADDRESS: tags.SOURCE_SUBADDRESS,
    tags.SOURCE_PORT: tags.DESTINATION_PORT,
    tags.DESTINATION_PORT: tags.SOURCE_PORT,
    tags.ITS_SESSION_INFO: tags.ITS_SESSION_INFO,
}
"""
Parameters of a submit_sm -> what they are in its receipt (SMPP 3.4 § 4.6.1).

Subaddresses and ports belong to addresses, and go the other way round with them.
"""


@dataclass(slots=True, eq=False)
class Delivery:
    """
    One deliver_sm that waits for a bind.

    Attributes:
        body: Of the PDU.
        tlvs: For clients that know parameters.
        old: The body for clients that know none, where it is another.
        refused: How often it was answered with a temporary error, or not at all.
        place: The mailbox's: deliveries go out in this order.

    """

    body: Sm
    tlvs: Tlvs = ()
    old: Sm | None = None
    refused: int = 0
    place: int = 0


def is_wanted(registered_delivery: int, event: Event) -> bool:
    """Say whether a customer asked to hear of this."""
    if event is Event.INTERIM:
        return bool(registered_delivery & INTERIM_BIT)
    return event in WANTED[registered_delivery & 3]


def receipt(
    message_id: str,
    submitted: Sm,
    event: Event,
    *,
    style: Style,
    text: str,
    times: tuple[float, float],
    asked: Tlvs = (),
    alphabet: LinkAlphabet = LinkAlphabet.GSM,
) -> Delivery:
    """
    Write a receipt: SMPP 3.4 appendix B and § 4.6.1, addresses the other way round.

    Args:
        message_id: As receipts spell it.
        submitted: What it is about.
        event: Its end, or ``INTERIM``.
        style: Whether the text says it, the optional parameters, or both.
        text: Its beginning is quoted, what is not ASCII as ``?``.
        times: When it was submitted and done, Unix seconds.
        asked: Parameters of what was submitted; see ``ECHOED``.
        alphabet: What data_coding 0 means on the link: a receipt is ASCII, which is
            that or, where it is packed, has a data_coding of its own.

    """
    state, error = STATES[event]
    written = receipt_text(
        message_id,
        state,
        submitted=times[0],
        done=times[1],
        error=f"{error:03}",
        text=text,
    ).encode("ascii", "replace")
    tlvs = [(ECHOED[tag], value) for tag, value in asked if tag in ECHOED]
    if style != "text":
        network_error = (GSM_NETWORK, error) if error else None
        tlvs = receipt_tlvs(message_id, state, network_error) + tlvs
    body = Sm(
        source_addr_ton=submitted.dest_addr_ton,
        source_addr_npi=submitted.dest_addr_npi,
        source_addr=submitted.destination_addr,
        dest_addr_ton=submitted.source_addr_ton,
        dest_addr_npi=submitted.source_addr_npi,
        destination_addr=submitted.source_addr,
        esm_class=INTERIM if event is Event.INTERIM else RECEIPT,
        data_coding=ASCII if alphabet is LinkAlphabet.GSM_PACKED else 0,
        short_message=written,
    )
    if style == "tlv":
        return Delivery(replace(body, short_message=b""), tlvs, old=body)
    return Delivery(body, tlvs)


def from_phone(composed: Composed, ref: int, alphabet: LinkAlphabet) -> list[Delivery]:
    """Write what a phone sent; a long text in parts that ``ref`` joins."""
    to = composed.to.removeprefix("+")
    international = to != composed.to
    return [
        Delivery(
            Sm(
                source_addr_ton=1,
                source_addr_npi=1,
                source_addr=composed.phone.removeprefix("+"),
                dest_addr_ton=1 if international else 0,
                dest_addr_npi=1,
                destination_addr=to,
                esm_class=UDHI if piece.udhi else 0,
                data_coding=piece.data_coding,
                short_message=piece.payload,
            )
        )
        for piece in pieces(composed.text, ref, alphabet)
    ]
