"""Reads submit_sm as a part for a phone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from budstikke.carriers.simulator.phones import phone_number
from budstikke.domain.message import Part
from budstikke.domain.text import (
    GSM,
    UCS2,
    Concatenation,
    LinkAlphabet,
    NotInAlphabetError,
    concatenation,
    decode_for,
    fill_bits_after,
    gsm_decode,
    national_tables,
    parse_udh,
    units,
    unpack,
)
from budstikke.smpp import Pdu, PduError, tags
from budstikke.smpp import status as st
from budstikke.smpp.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Hashable

    from budstikke.smpp.pdus import Sm

    Elements = tuple[tuple[int, bytes], ...]

VALIDITY: Final = 2 * 86_400.0
"""Seconds of validity of a submit_sm without one."""

_UDHI: Final = 0x40
_MS_DISPLAY: Final = b"\x01"
_PORT_ELEMENTS: Final = frozenset({0x04, 0x05})
"""Application ports: 3GPP TS 23.040 § 9.2.3.24.3 and .4."""
_MOST: Final = {GSM: (160, 153), UCS2: (70, 67)}
"""Units in a segment of its own, and in one of several: septets or UTF-16 units."""


class Submitted(NamedTuple):
    """The content of a submit_sm; see ``message_centre.Submission``."""

    part: Part
    group: Hashable
    segments: int


class _Coding(NamedTuple):
    """The meaning of a data_coding; ``alphabet`` is ``None`` for UCS-2."""

    alphabet: LinkAlphabet | None
    flash: bool


def read_submit(
    pdu: Pdu, body: Sm, alphabet: LinkAlphabet, now: float, customer: str
) -> Submitted:
    """
    Read a submit_sm.

    Args:
        pdu: With its optional parameters: sar_*, message_payload, dest_addr_subunit.
        body: The body of ``pdu``.
        alphabet: What data_coding 0 means to the client.
        now: Unix seconds.
        customer: The client; parts of different clients are not joined.

    Raises:
        PduError: The response has its status.

    """
    recipient = _recipient(body)
    if body.schedule_delivery_time:
        raise PduError("nothing is scheduled here", st.ESME_RINVSCHED)
    coding = _coding(body.data_coding, alphabet)
    where, tables, header, payload = _user_data(pdu, body)
    expires_at = parse_time(body.validity_period, now, st.ESME_RINVEXPIRY)
    text = _text(payload, coding.alphabet, tables, header)
    encoding = UCS2 if coding.alphabet is None else GSM
    part = Part(
        id=0,
        number=1 if where is None else where.number,
        total=1 if where is None else where.total,
        originator=body.source_addr,
        recipient=recipient,
        text=text,
        encoding=encoding,
        tables=tables,
        flash=coding.flash or pdu.tlv(tags.DEST_ADDR_SUBUNIT) == _MS_DISPLAY,
        protocol_id=body.protocol_id,
        priority=min(body.priority_flag, 2) + 1,
        expires_at=now + VALIDITY if expires_at is None else expires_at,
        report=True,
    )
    if where is None:
        return Submitted(part, customer, _segments(text, encoding, tables))
    return Submitted(part, (customer, where.ref, where.wide), 1)


class _UserData(NamedTuple):
    """User data: its concatenation, national tables, header, and octets after it."""

    where: Concatenation | None
    tables: tuple[int, int]
    header: bytes
    payload: bytes


def _user_data(pdu: Pdu, body: Sm) -> _UserData:
    """Read header or sar_ parameters; raises PduError if it is for a port."""
    payload = _payload(pdu, body)
    where: Concatenation | None = None
    tables, header = (0, 0), b""
    to_port = pdu.tlv(tags.DESTINATION_PORT) is not None
    if body.esm_class & _UDHI:
        elements, header, payload = _split(payload)
        where, tables = concatenation(elements), national_tables(elements)
        to_port = to_port or any(each in _PORT_ELEMENTS for each, _ in elements)
    if to_port:
        raise PduError("it is for a program on the phone: no text", st.ESME_RINVDCS)
    if where is None and pdu.tlvs:
        where = _sar(pdu)
    return _UserData(where, tables, header, payload)


def _payload(pdu: Pdu, body: Sm) -> bytes:
    """Return the text; raises PduError if there are two, or a predefined one."""
    whole = pdu.tlv(tags.MESSAGE_PAYLOAD)
    if body.short_message and whole:
        fault = "short_message and message_payload"
        raise PduError(fault, st.ESME_ROPTPARNOTALLWD)
    if body.sm_default_msg_id and not (body.short_message or whole):
        raise PduError("no predefined messages here", st.ESME_RINVDFTMSGID)
    return body.short_message or whole or b""


def _split(payload: bytes) -> tuple[Elements, bytes, bytes]:
    """
    Split user data into the elements of its header, that header, and the rest.

    If the elements do not fill the header exactly, it is no header, whatever UDHI says.
    """
    elements, rest = parse_udh(payload)
    length = sum(2 + len(data) for _, data in elements)
    if not elements or payload[0] != length:
        return (), b"", payload
    return elements, payload[: 1 + length], rest


def _recipient(body: Sm) -> str:
    try:
        return phone_number(body.destination_addr)
    except ValueError as error:
        raise PduError(str(error), st.ESME_RINVDSTADR) from error


def _coding(data_coding: int, alphabet: LinkAlphabet) -> _Coding:
    """
    Read data_coding by SMPP 3.4 § 5.2.19, and above 0x0F by 3GPP TS 23.038 § 4.

    SMPP reserves 0x10 to 0x13 and 0x18 to 0x1B, which TS 23.038 makes classes of texts;
    0xF8 to 0xFB differ from 0xF0 to 0xF3 in a reserved bit.
    """
    if data_coding in _CODINGS:
        return _CODINGS[data_coding]
    if data_coding == 0:
        return _Coding(alphabet, flash=False)
    flash = data_coding & 0x03 == 0
    match data_coding & 0xFC:
        case 0x10 | 0xF0 | 0xF8:
            return _Coding(alphabet, flash)
        case 0x18:
            return _Coding(None, flash)
    raise PduError(f"data_coding {data_coding} is no text", st.ESME_RINVDCS)


_CODINGS: Final[dict[int, _Coding]] = {
    1: _Coding(LinkAlphabet.ASCII, flash=False),
    3: _Coding(LinkAlphabet.LATIN1, flash=False),
    8: _Coding(None, flash=False),
}


def _text(
    payload: bytes,
    alphabet: LinkAlphabet | None,
    tables: tuple[int, int],
    header: bytes,
) -> str:
    if alphabet is None:
        # The other half of a character may be in the next part: the phone joins them.
        whole = len(payload) & ~1
        text = payload[:whole].decode("utf-16-be", "surrogatepass")
        return text if whole == len(payload) else text + "\ufffd"
    if alphabet is LinkAlphabet.GSM_PACKED:
        return gsm_decode(unpack(payload, fill_bits=fill_bits_after(header)), tables)
    return decode_for(alphabet, payload, tables)


def _sar(pdu: Pdu) -> Concatenation | None:
    """Read number and total from the sar_ parameters (SMPP 3.4 § 5.3.2.22 to 24)."""
    ref = pdu.tlv(tags.SAR_MSG_REF_NUM)
    total = pdu.tlv(tags.SAR_TOTAL_SEGMENTS)
    number = pdu.tlv(tags.SAR_SEGMENT_SEQNUM)
    if not ref or not total or not number or not 1 <= number[-1] <= total[-1]:
        return None
    return Concatenation(int.from_bytes(ref, "big"), total[-1], number[-1], wide=True)


def _segments(text: str, encoding: str, tables: tuple[int, int]) -> int:
    """Count the segments into which an operator would cut a whole text."""
    most, most_of_many = _MOST[encoding]
    if len(text) <= most // 2:
        return 1
    try:
        size = units(text, encoding, tables)
    except NotInAlphabetError:
        size = len(text)
    return 1 if size <= most else -(-size // most_of_many)
