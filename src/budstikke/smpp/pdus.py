"""
PDUs as values; ``layouts`` has the order of their fields.

Strings are Latin-1 text, so that each octet of a peer comes back as it was. Messages
and optional parameters are octets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from budstikke.smpp.errors import PduError

Tlvs: TypeAlias = Sequence[tuple[int, bytes]]
"""Optional parameters, (tag, value), in order; repeated ones are kept."""


@dataclass(slots=True)
class Bind:
    """bind_transmitter, bind_receiver, bind_transceiver (SMPP 3.4 § 4.1)."""

    system_id: str = ""
    password: str = field(default="", repr=False)
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@dataclass(slots=True)
class BindResp:
    """The response to any bind (SMPP 3.4 § 4.1.2)."""

    system_id: str = ""


@dataclass(slots=True)
class Outbind:
    """outbind: the message centre asks us to bind (SMPP 3.4 § 4.1.7.1)."""

    system_id: str = ""
    password: str = field(default="", repr=False)


@dataclass(slots=True)
class Empty:
    """
    A PDU without a body.

    unbind, unbind_resp, enquire_link, enquire_link_resp, generic_nack,
    cancel_sm_resp and replace_sm_resp.
    """


@dataclass(slots=True)
class Sm:
    """
    submit_sm and deliver_sm: the same fields (SMPP 3.4 § 4.4.1, § 4.6.1).

    ``short_message`` is octets, at most 254 in what we build; its length stands
    before it on the wire.
    """

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(slots=True)
class MessageId:
    """submit_sm_resp, deliver_sm_resp (where it is empty) and data_sm_resp."""

    message_id: str = ""


@dataclass(slots=True)
class Destination:
    """One destination of submit_multi: an SME address, or a distribution list."""

    ton: int = 0
    npi: int = 0
    address: str = ""
    distribution_list: str = ""


@dataclass(slots=True)
class SubmitMulti:
    """submit_multi (SMPP 3.4 § 4.5.1): at most 254 destinations."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    destinations: Sequence[Destination] = ()
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(slots=True)
class Unsuccessful:
    """One destination that submit_multi did not reach, with its command status."""

    ton: int = 0
    npi: int = 0
    address: str = ""
    status: int = 0


@dataclass(slots=True)
class SubmitMultiResp:
    """submit_multi_resp (SMPP 3.4 § 4.5.2)."""

    message_id: str = ""
    unsuccessful: Sequence[Unsuccessful] = ()


@dataclass(slots=True)
class DataSm:
    """data_sm (SMPP 3.4 § 4.7.1): the text is in the message_payload parameter."""

    service_type: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0


@dataclass(slots=True)
class QuerySm:
    """query_sm (SMPP 3.4 § 4.8.1)."""

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""


@dataclass(slots=True)
class QuerySmResp:
    """query_sm_resp (SMPP 3.4 § 4.8.2); states as in ``receipt.STATES``."""

    message_id: str = ""
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


@dataclass(slots=True)
class CancelSm:
    """cancel_sm (SMPP 3.4 § 4.9.1)."""

    service_type: str = ""
    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    dest_addr_ton: int = 0
    dest_addr_npi: int = 0
    destination_addr: str = ""


@dataclass(slots=True)
class ReplaceSm:
    """replace_sm (SMPP 3.4 § 4.10.1)."""

    message_id: str = ""
    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(slots=True)
class AlertNotification:
    """alert_notification (SMPP 3.4 § 4.12.1): a subscriber can be reached again."""

    source_addr_ton: int = 0
    source_addr_npi: int = 0
    source_addr: str = ""
    esme_addr_ton: int = 0
    esme_addr_npi: int = 0
    esme_addr: str = ""


Body: TypeAlias = (
    Bind
    | BindResp
    | Outbind
    | Empty
    | Sm
    | MessageId
    | SubmitMulti
    | SubmitMultiResp
    | DataSm
    | QuerySm
    | QuerySmResp
    | CancelSm
    | ReplaceSm
    | AlertNotification
)


@dataclass(slots=True)
class Pdu:
    """
    One PDU.

    Attributes:
        command: See ``commands``.
        status: See ``status``; 0 in requests.
        sequence: As the peer wrote it, 0 to 0xFFFFFFFF.
        body: ``None`` for a response without a body: peers leave it out when the
            status is an error, and some when it is not (we: ``layouts.BODILESS``).
        tlvs: Optional parameters in order.
        fault: What is wrong behind the mandatory part (a parameter or the text is cut
            off); ``body`` and ``tlvs`` have what could be read.

    """

    command: int
    status: int
    sequence: int
    body: Body | None
    tlvs: Tlvs = ()
    fault: PduError | None = field(default=None, compare=False)

    def tlv(self, tag: int) -> bytes | None:
        """Find the first optional parameter with this tag."""
        for each, value in self.tlvs:
            if each == tag:
                return value
        return None
