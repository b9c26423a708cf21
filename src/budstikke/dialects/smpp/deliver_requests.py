"""What reports and inbound messages share: one request to a customer, as a PDU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.dialects.delivery_contract import Delivery
from budstikke.smpp import commands, tags
from budstikke.smpp.pdus import DataSm, Sm

if TYPE_CHECKING:
    from budstikke.dialects.smpp.settings import Settings
    from budstikke.dialects.smpp.submission import Address

LONGEST_SHORT: Final = 254
"""Octets of the longest short_message (§ 4.6.1); more go into message_payload."""


def request(
    settings: Settings,
    *,
    source: Address,
    destination: Address,
    esm_class: int,
    data_coding: int,
    octets: bytes,
    tlvs: list[tuple[int, bytes]],
) -> Delivery:
    """Write a deliver_sm, or a data_sm if the access is set to that."""
    payload = [(tags.MESSAGE_PAYLOAD, octets), *tlvs]
    if settings.deliver_as == "data_sm":
        data = DataSm(
            source_addr_ton=source.ton,
            source_addr_npi=source.npi,
            source_addr=source.value,
            dest_addr_ton=destination.ton,
            dest_addr_npi=destination.npi,
            destination_addr=destination.value,
            esm_class=esm_class,
            data_coding=data_coding,
        )
        return Delivery(commands.DATA_SM, data, payload)
    fits = len(octets) <= LONGEST_SHORT
    body = Sm(
        source_addr_ton=source.ton,
        source_addr_npi=source.npi,
        source_addr=source.value,
        dest_addr_ton=destination.ton,
        dest_addr_npi=destination.npi,
        destination_addr=destination.value,
        esm_class=esm_class,
        data_coding=data_coding,
        short_message=octets if fits else b"",
    )
    return Delivery(commands.DELIVER_SM, body, tlvs if fits else payload)
