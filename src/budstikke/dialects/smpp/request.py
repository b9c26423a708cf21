"""
Reads submit_sm, submit_multi and data_sm, and makes orders of them.

A request is read first (``read_submit``): its text may be one segment of several. An
order is made of all segments of a text (``make_order``), since the gateway counts,
prices and cuts whole texts. What an order cannot express is refused, never dropped:
binary user data, message waiting, ports, USSD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

import msgspec

from budstikke.dialects.bounds import cut
from budstikke.dialects.smpp.submission import (
    INTERIM,
    RECEIPT,
    Address,
    Submission,
    written,
)
from budstikke.domain.inbound import InboundPart, Kind
from budstikke.domain.message import Order
from budstikke.domain.reassembly import Alphabet, TextPart, join, read
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.text import LinkAlphabet, decode_labelled, parse_udh
from budstikke.smpp import PduError, tags
from budstikke.smpp.pdus import DataSm, Sm, SubmitMulti
from budstikke.smpp.receipt import user_data
from budstikke.smpp.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.dialects.smpp.settings import Settings
    from budstikke.smpp import Pdu
    from budstikke.smpp.pdus import Destination

SubmitBody: TypeAlias = Sm | SubmitMulti | DataSm

UDHI: Final = 0x40
_MODE, _TRANSACTION = 0x03, 0x02
"""The messaging mode in esm_class, and the one that only the phone can answer."""
_TYPE_AND_REPLY_PATH: Final = 0xBC
"""Bits of esm_class for acknowledgements of phones, and the reply path."""

_DATA_CODING_0: Final[Mapping[LinkAlphabet, int]] = {
    LinkAlphabet.GSM: 0x00,
    LinkAlphabet.LATIN1: 0x03,
    LinkAlphabet.ASCII: 0x01,
}
"""By the setting ``alphabet``: the data_coding that says the same (§ 5.2.19)."""

_IN_A_TEXT: Final = frozenset({0x00, 0x08, 0x24, 0x25})
"""Header elements that a text loses by nothing: concatenation, national tables."""

_REFUSED: Final = frozenset(
    {
        tags.USSD_SERVICE_OP,
        tags.SOURCE_PORT,
        tags.DESTINATION_PORT,
        tags.MS_MSG_WAIT_FACILITIES,
    }
)
"""Optional parameters that change what the phone does, and no order can express."""

_MS_DISPLAY: Final = b"\x01"
_HIGHEST_PRIORITY: Final = 3
_INTERNATIONAL, _NATIONAL = 1, 2
_SHORT: Final = 6
"""Digits of the longest short number: it has no country code, whatever its TON."""


class Submit(NamedTuple):
    """
    A request that was read.

    Attributes:
        order: The order, with this segment's text alone.
        part: The segment; its ``position`` is ``None`` if it is a whole text.
        key: Segments of one text have equal keys.

    """

    order: Order
    part: TextPart
    key: tuple[object, ...]


def read_submit(pdu: Pdu, body: SubmitBody, settings: Settings, now: float) -> Submit:
    """
    Read a request; raises Refusal.

    Args:
        pdu: With its optional parameters.
        body: The body of ``pdu``.
        settings: Those of the access.
        now: Unix seconds.

    """
    _check(pdu, body)
    part = _text_part(pdu, body, settings, now)
    text = _text([part])
    send_at = _scheduled(body, now)
    submission = Submission(
        body.registered_delivery,
        Address(body.source_addr_ton, body.source_addr_npi, body.source_addr),
        _destination(body),
        now,
        (pdu.tlv(tags.USER_MESSAGE_REFERENCE) or b"")[:2].hex(),
    )
    recipients, groups = _recipients(body, settings)
    order = Order(
        recipients=recipients,
        groups=groups,
        text=text,
        originator=_originator(body) or settings.originator,
        flash=_is_flash(pdu, body),
        protocol_id=0 if isinstance(body, DataSm) else body.protocol_id,
        priority=1 if isinstance(body, DataSm) else min(body.priority_flag, 2) + 1,
        send_at=send_at,
        validity=_validity(pdu, body, send_at or now),
        report=bool(body.registered_delivery & RECEIPT),
        interim=bool(body.registered_delivery & INTERIM),
        ref=written(submission),
    )
    position = part.position
    reference = None if position is None else (position.reference, position.total)
    return Submit(order, part, (recipients, order.originator, reference))


def make_order(submits: Sequence[Submit]) -> Order:
    """Make the order of a text's segments, in order; raises Refusal."""
    first = submits[0].order
    if len(submits) == 1:
        return first
    text = _text([submit.part for submit in submits])
    return msgspec.structs.replace(first, text=text)


# What is refused at once


def _check(pdu: Pdu, body: SubmitBody) -> None:
    """Refuse what this gateway does not do, lest the customer believe that it does."""
    mode = body.esm_class & _MODE
    if mode == _TRANSACTION or body.esm_class & _TYPE_AND_REPLY_PATH:
        raise _bad("esm_class", body.esm_class)
    if body.service_type.strip("\0").upper() == "USSD":
        raise _bad("optional_parameter", body.service_type)
    for tag, _ in pdu.tlvs:
        if tag in _REFUSED:
            raise _bad("optional_parameter", tags.name(tag))
    if isinstance(body, DataSm):
        return
    if body.priority_flag > _HIGHEST_PRIORITY:
        raise _bad("priority_flag", body.priority_flag)
    if body.replace_if_present_flag:
        raise _bad("replace_if_present_flag", body.replace_if_present_flag)
    if body.sm_default_msg_id and not (
        body.short_message or pdu.tlv(tags.MESSAGE_PAYLOAD)
    ):
        raise _bad("sm_default_msg_id", body.sm_default_msg_id)
    if body.short_message and pdu.tlv(tags.MESSAGE_PAYLOAD):
        raise _bad("optional_parameter", "message_payload")


def _bad(field: str, value: object) -> Refusal:
    return Refusal(RefusalCode.BAD_FIELD, field=field, value=str(value))


# Text


def _text_part(pdu: Pdu, body: SubmitBody, settings: Settings, now: float) -> TextPart:
    coding = body.data_coding or _DATA_CODING_0[settings.alphabet]
    if not _is_plain(coding):
        raise _bad("data_coding", body.data_coding)
    octets = body.short_message if isinstance(body, SubmitMulti) else b""
    payload = octets or pdu.tlv(tags.MESSAGE_PAYLOAD) or b""
    if not isinstance(body, SubmitMulti):
        payload = user_data(body, pdu)
    udhi = bool(body.esm_class & UDHI)
    if udhi and any(element not in _IN_A_TEXT for element, _ in parse_udh(payload)[0]):
        raise _bad("esm_class", body.esm_class)
    part = read(InboundPart("", "", coding, udhi, payload, dict(pdu.tlvs), now))
    if part.alphabet is Alphabet.BINARY:
        raise _bad("data_coding", body.data_coding)
    if not part.body:
        raise Refusal(RefusalCode.MISSING_FIELD, field="short_message")
    return part


def _is_plain(coding: int) -> bool:
    """
    Tell whether a data_coding says nothing that a text would lose.

    Message waiting (0xCX to 0xEX), automatic deletion (0x4X to 0x7X), and the classes
    of the SIM and the terminal (2 and 3) would be lost (3GPP TS 23.038 § 4).
    """
    group = coding >> 4
    if group in (0x1, 0xF):
        return coding & 0x03 < 2
    return group == 0x0 or 0x8 <= group <= 0xB


def _is_flash(pdu: Pdu, body: SubmitBody) -> bool:
    """Whether it is of class 0, by data_coding or by dest_addr_subunit."""
    by_class = body.data_coding >> 4 in (0x1, 0xF) and not body.data_coding & 0x03
    return by_class or pdu.tlv(tags.DEST_ADDR_SUBUNIT) == _MS_DISPLAY


def _text(parts: Sequence[TextPart]) -> str:
    joined = join(parts)
    assert joined.kind is Kind.SMS  # noqa: S101 - _text_part refuses binary ones
    # Half a surrogate pair at a cut: the whole text has both halves.
    return cut(
        joined.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


# Addresses


def _plain(ton: int, address: str) -> str:
    """Write an international number with its plus sign, anything else as it is."""
    digits = address.removeprefix("+").removeprefix("00")
    if ton == _INTERNATIONAL and digits.isdigit() and len(digits) > _SHORT:
        return f"+{digits}"
    return address


def _originator(body: SubmitBody) -> str:
    """Read the sender: UTF-8 if its octets are that, else Windows-1252."""
    octets = body.source_addr.encode("latin-1", "replace")
    text = decode_labelled(octets, narrow=True)
    return _plain(body.source_addr_ton, text.strip())


def _recipient(ton: int, address: str, settings: Settings) -> str:
    """
    Write a recipient as an order has it.

    Without ``home_numbers`` every number of an unknown type is international, with or
    without its plus sign: that is how most clients write them.
    """
    if ton == _NATIONAL or (settings.home_numbers and ton != _INTERNATIONAL):
        return address
    digits = address.removeprefix("+").removeprefix("00")
    return f"+{digits}" if digits.isdigit() else address


def _recipients(
    body: SubmitBody, settings: Settings
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the recipients and the groups (distribution lists)."""
    if not isinstance(body, SubmitMulti):
        number = _recipient(body.dest_addr_ton, body.destination_addr, settings)
        return (number,), ()
    if not body.destinations:
        raise _bad("number_of_dests", 0)
    return (
        tuple(
            _recipient(each.ton, each.address, settings)
            for each in body.destinations
            if not each.distribution_list
        ),
        tuple(dict.fromkeys(lists(body.destinations))),
    )


def lists(destinations: Sequence[Destination]) -> list[str]:
    """List the distribution lists among destinations, which are contact groups."""
    return [each.distribution_list for each in destinations if each.distribution_list]


def _destination(body: SubmitBody) -> Address:
    if isinstance(body, SubmitMulti):
        return Address(1, 1, "")
    return Address(body.dest_addr_ton, body.dest_addr_npi, body.destination_addr)


# Times


def _scheduled(body: SubmitBody, now: float) -> float | None:
    """Read schedule_delivery_time as Unix seconds; ``None``: at once."""
    if isinstance(body, DataSm):
        return None
    text = body.schedule_delivery_time
    try:
        at = parse_time(text, now, 0)
    except PduError as error:
        raise _bad("schedule_delivery_time", text) from error
    if at is not None and at > now + LONGEST_DELAY:
        raise _bad("schedule_delivery_time", text)
    return at if at is not None and at > now else None


def _validity(pdu: Pdu, body: SubmitBody, due: float) -> int:
    """Read validity_period, or qos_time_to_live, as seconds from when it is due."""
    if isinstance(body, DataSm):
        octets = pdu.tlv(tags.QOS_TIME_TO_LIVE)
        seconds = int.from_bytes(octets, "big") if octets else DEFAULT_VALIDITY
    else:
        try:
            at = parse_time(body.validity_period, due, 0)
        except PduError as error:
            raise _bad("validity_period", body.validity_period) from error
        seconds = DEFAULT_VALIDITY if at is None else int(at - due)
    if seconds <= 0:
        raise _bad("validity_period", seconds)
    return min(seconds, LONGEST_VALIDITY)


DEFAULT_VALIDITY: Final = 7 * 86_400
LONGEST_VALIDITY: Final = 441 * 86_400
"""Seconds: 63 weeks, the longest of all (3GPP TS 23.040 § 9.2.3.12.1)."""
LONGEST_DELAY: Final = 366 * 86_400.0
"""Seconds until the latest schedule_delivery_time."""
