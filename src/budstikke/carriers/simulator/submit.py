"""submit_sm as a part for a phone. Pure."""

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
"""Seconds a message is kept whose submit_sm does not say."""

_UDHI: Final = 0x40
_MS_DISPLAY: Final = b"\x01"
_PORT_ELEMENTS: Final = frozenset({0x04, 0x05})
"""Application ports: 3GPP TS 23.040 § 9.2.3.24.3 and .4."""
_MOST: Final = {GSM: (160, 153), UCS2: (70, 67)}
"""Units in a segment that is alone, and in one of many."""


class Submitted(NamedTuple):
    """What a submit_sm asks for; see ``centre.Submission``."""

    part: Part
    group: Hashable
    segments: int


class _Coding(NamedTuple):
    """What a data_coding says; ``alphabet`` is ``None`` for UCS-2."""

    alphabet: LinkAlphabet | None
    flash: bool


def read_submit(
    pdu: Pdu, body: Sm, alphabet: LinkAlphabet, now: float, customer: str
) -> Submitted:
    """
    Read a submit_sm.

    Args:
        pdu: Its optional parameters count too: sar_*, message_payload and
            dest_addr_subunit.
        body: Of ``pdu``.
        alphabet: What data_coding 0 means on the link.
        now: Unix seconds.
        customer: Parts are joined only with those of the same one.

    Raises:
        PduError: Its status answers the submit_sm.

    """
    recipient = _recipient(body)
    if body.schedule_delivery_time:
        raise PduError("nothing is scheduled here", st.ESME_RINVSCHED)
    coding = _coding(body.data_coding, alphabet)
    payload = _payload(pdu, body)
    where: Concatenation | None = None
    tables = (0, 0)
    header = b""
    ports = pdu.tlv(tags.DESTINATION_PORT) is not None
    if body.esm_class & _UDHI:
        elements, header, payload = _split(payload)
        where, tables = concatenation(elements), national_tables(elements)
        ports = ports or any(each in _PORT_ELEMENTS for each, _ in elements)
    if ports:
        raise PduError("for a program on the phone: no text", st.ESME_RINVDCS)
    if where is None and pdu.tlvs:
        where = _sar(pdu)
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


def _payload(pdu: Pdu, body: Sm) -> bytes:
    """Take the one text; raises PduError where there are two, or a canned one."""
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

    A header that its elements do not fill exactly is none, whatever UDHI says.
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
    Read data_coding: SMPP 3.4 § 5.2.19, and 3GPP TS 23.038 § 4 above 0x0F.

    0x10 to 0x13 and 0x18 to 0x1B are reserved in the former, and classes of texts in
    the latter; 0xF8 to 0xFB differ from 0xF0 to 0xF3 in a reserved bit.
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
        # Half a character may come in the next part: the phone joins them.
        whole = len(payload) & ~1
        text = payload[:whole].decode("utf-16-be", "surrogatepass")
        return text if whole == len(payload) else text + "\ufffd"
    if alphabet is LinkAlphabet.GSM_PACKED:
        return gsm_decode(unpack(payload, fill_bits=fill_bits_after(header)), tables)
    return decode_for(alphabet, payload, tables)


def _sar(pdu: Pdu) -> Concatenation | None:
    """Read which part it is by the sar_ parameters (SMPP 3.4 § 5.3.2.22 to 24)."""
    ref = pdu.tlv(tags.SAR_MSG_REF_NUM)
    total = pdu.tlv(tags.SAR_TOTAL_SEGMENTS)
    number = pdu.tlv(tags.SAR_SEGMENT_SEQNUM)
    if not ref or not total or not number or not 1 <= number[-1] <= total[-1]:
        return None
    return Concatenation(int.from_bytes(ref, "big"), total[-1], number[-1], wide=True)


def _segments(text: str, encoding: str, tables: tuple[int, int]) -> int:
    """Count what an operator would cut a text in that came whole."""
    most, most_of_many = _MOST[encoding]
    if len(text) <= most // 2:
        return 1
    try:
        size = units(text, encoding, tables)
    except NotInAlphabetError:
        size = len(text)
    return 1 if size <= most else -(-size // most_of_many)
