"""Writes delivery reports and messages from phones as deliver_sm. Pure."""

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
"""By form: how to write a message id."""

OLD_IDS: Final = 10**LONGEST_OLD_ID
"""Ids for clients before SMPP 3.4 are below this: at most eight digits in any form."""


def write_id(form: IdForm, number: int) -> str:
    """Write a message id; one below ``OLD_IDS`` has at most eight octets."""
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
"""By event: state, and GSM MAP error (unknown, absent subscriber)."""

WANTED: Final[dict[int, frozenset[Event]]] = {
    0: frozenset(),
    1: frozenset({Event.DELIVERED, Event.UNDELIVERED, Event.EXPIRED}),
    2: frozenset({Event.UNDELIVERED, Event.EXPIRED}),
    3: frozenset({Event.DELIVERED}),
}
"""
By the two lowest bits of registered_delivery: the final events that are reported.

SMPP 3.4 § 5.2.17; there 3 is reserved, and 5.0 § 4.7.21 makes it success only.
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
By parameter of a submit_sm: the parameter of its receipt (SMPP 3.4 § 4.6.1).

Subaddresses and ports belong to addresses, so source and destination change places.
"""


@dataclass(slots=True, eq=False)
class Delivery:
    """
    One deliver_sm that waits for a bind.

    Attributes:
        body: The PDU's.
        tlvs: For clients that know parameters.
        old: The body for clients before SMPP 3.4, if it differs.
        refused: How often the client refused it with a temporary error, or did not
            respond.
        place: Its number in the mailbox, in order of delivery.

    """

    body: Sm
    tlvs: Tlvs = ()
    old: Sm | None = None
    refused: int = 0
    place: int = 0


def is_wanted(registered_delivery: int, event: Event) -> bool:
    """Whether the client asked for a receipt of this event."""
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
    Write a receipt by SMPP 3.4 appendix B and § 4.6.1, with addresses swapped.

    Args:
        message_id: In the form of receipts.
        submitted: The part that it is about.
        event: A final one, or ``INTERIM``.
        style: Whether text, optional parameters or both have the state.
        text: The message's; the receipt quotes its beginning, with ``?`` for
            characters outside ASCII.
        times: When it was submitted and done, Unix seconds.
        asked: Parameters of the submit_sm; see ``ECHOED``.
        alphabet: What data_coding 0 means to the client. A receipt is in ASCII: in a
            packed alphabet it has the data_coding of that.

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
    """Write a message from a phone; ``ref`` joins the parts of a long one."""
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
