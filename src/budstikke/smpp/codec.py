"""
Parses octets as PDUs and builds them, by the tables in ``layouts``.

A PDU is readable if its mandatory part is. Parameters that are cut off, and a text
shorter than its length field, are a ``fault`` beside what could be read. The parser
reads from a larger buffer by offsets, so that a read with a hundred PDUs is not copied
a hundred times. Whatever the octets are, it raises only ``PduError``.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from budstikke.smpp import commands as cmd
from budstikke.smpp import fast
from budstikke.smpp import status as st
from budstikke.smpp.errors import PduError
from budstikke.smpp.layouts import (
    BODILESS,
    LAYOUTS,
    Field,
    Kind,
    Layout,
    error_body,
)
from budstikke.smpp.optional import build_tlvs, parse_tlvs
from budstikke.smpp.pdus import Body, Destination, Pdu, Tlvs, Unsuccessful

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

HEADER: Final = Struct(">IIII")
HEADER_SIZE: Final = 16
MAX_PDU: Final = 65_536 + 4_096
"""Octets: a message_payload of 64 KiB and room for the rest."""
LONGEST_STRING: Final = 256
"""Octets of the longest C-octet string that a peer may send; the standard has less."""

_Read: TypeAlias = "Callable[[bytes, int, int, Field], tuple[Any, int]]"
_Write: TypeAlias = "Callable[[Any, Field], bytes]"


_Parsed: TypeAlias = "tuple[Body | None, Tlvs, PduError | None]"


def parse_body(command: int, data: bytes, start: int, end: int) -> _Parsed:
    """
    Parse ``data[start:end]``, the octets after a header.

    Returns the body, the optional parameters and the fault behind the mandatory part
    (``None``: none; see ``Pdu.fault``). A response that stops early has defaults in
    its missing fields; an empty one has the body ``None``.

    Raises:
        PduError: The mandatory part cannot be read. Never fatal; respond with its
            status.

    """
    quick = fast.PARSERS.get(command)
    if quick is not None:
        parsed = quick(data, start, end)
        if parsed is not None:
            return parsed
    layout = LAYOUTS.get(command)
    if layout is None:
        raise PduError(f"unknown command {cmd.name(command)}", st.ESME_RINVCMDID)
    if command & cmd.RESPONSE and start == end and layout.fields:
        return None, (), None
    return parse_by_layout(layout, command, data, start, end)


def parse_by_layout(
    layout: Layout, command: int, data: bytes, start: int, end: int
) -> _Parsed:
    """Parse by the table; see ``parse_body``."""
    lenient = command & cmd.RESPONSE
    values: list[Any] = []
    position = start
    for each in layout.fields:
        if lenient and position >= end:
            break
        content, position = _READ[each.kind](data, position, end, each)
        values.append(content)
    tlvs: Tlvs = ()
    fault: PduError | None = None
    if position > end:
        last = layout.fields[-1]
        fault = PduError(f"{last.name} is cut off", last.fault)
    elif position < end:
        tlvs, fault = parse_tlvs(data, position, end)
    return layout.body(*values), tlvs, fault


def parse(data: bytes) -> Pdu:
    """
    Parse one whole PDU, header and all; see ``parse_body``.

    Raises:
        PduError: Fatal when its length is impossible or not that of ``data``.

    """
    if len(data) < HEADER_SIZE:
        raise PduError("shorter than a header", st.ESME_RINVCMDLEN, fatal=True)
    length, command, status, sequence = HEADER.unpack_from(data)
    if length != len(data):
        raise PduError("length is not the PDU's", st.ESME_RINVCMDLEN, fatal=True)
    body, tlvs, fault = parse_body(command, data, HEADER_SIZE, length)
    return Pdu(command, status, sequence, body, tlvs, fault)


def build(pdu: Pdu) -> bytes:
    """
    Build one PDU; ``None`` for a body leaves it out.

    Raises:
        PduError: A value does not fit its field (a string too long, a character
            outside Latin-1, a NUL inside), or the body is another command's.

    """
    body = b"" if pdu.body is None else build_body(pdu.command, pdu.body)
    if pdu.tlvs:
        body += build_tlvs(pdu.tlvs)
    length = HEADER_SIZE + len(body)
    return HEADER.pack(length, pdu.command, pdu.status, pdu.sequence) + body


def build_body(command: int, body: Body) -> bytes:
    """Build the mandatory part; see ``build``."""
    quick = fast.BUILDERS.get(command)
    if quick is not None and type(body) is quick[0]:
        built = quick[1](body)
        if built is not None:
            return built
    return build_by_layout(command, body)


def build_by_layout(command: int, body: Body) -> bytes:
    """Build a body by the table; see ``build``."""
    layout = LAYOUTS.get(command)
    if layout is None or type(body) is not layout.body:
        fault = f"{type(body).__name__} is no body of {cmd.name(command)}"
        raise PduError(fault, st.ESME_RINVCMDID)
    pieces = [
        _WRITE[each.kind](getattr(body, each.name), each) for each in layout.fields
    ]
    return b"".join(pieces)


def _short(field: Field) -> PduError:
    return PduError(f"{field.name} is cut off", st.ESME_RINVCMDLEN)


def _read_integer(data: bytes, start: int, end: int, field: Field) -> tuple[int, int]:
    if start >= end:
        raise _short(field)
    return data[start], start + 1


def _read_string(data: bytes, start: int, end: int, field: Field) -> tuple[str, int]:
    stop = data.find(b"\0", start, end)
    if stop < 0:
        if field.name not in _LAST_STRINGS:
            raise PduError(f"{field.name} has no end", field.fault)
        stop = end
    if stop - start > LONGEST_STRING:
        raise PduError(f"{field.name} is too long", field.fault)
    return data[start:stop].decode("latin-1"), min(stop + 1, end)


_LAST_STRINGS: Final = frozenset({"message_id", "system_id", "esme_addr"})
"""Strings at the end of a PDU; some peers leave out their NUL."""


def _read_message(data: bytes, start: int, end: int, field: Field) -> tuple[bytes, int]:
    if start >= end:
        raise _short(field)
    stop = start + 1 + data[start]
    return data[start + 1 : min(stop, end)], stop  # ``stop > end``: it is cut off


_ADDRESS: Final = Field("address", Kind.STRING, 21, st.ESME_RINVDSTADR)
_LIST_NAME: Final = Field("dl_name", Kind.STRING, 21, st.ESME_RINVDLNAME)


def _read_destinations(
    data: bytes, start: int, end: int, field: Field
) -> tuple[list[Destination], int]:
    count, position = _read_integer(data, start, end, field)
    destinations: list[Destination] = []
    for _ in range(count):
        flag, position = _read_integer(data, position, end, field)
        if flag == 1:
            ton, position = _read_integer(data, position, end, field)
            npi, position = _read_integer(data, position, end, field)
            address, position = _read_string(data, position, end, _ADDRESS)
            destinations.append(Destination(ton, npi, address))
        elif flag == 2:
            name, position = _read_string(data, position, end, _LIST_NAME)
            destinations.append(Destination(distribution_list=name))
        else:
            raise PduError(f"dest_flag {flag}", st.ESME_RINVDESTFLAG)
    return destinations, position


def _read_unsuccessful(
    data: bytes, start: int, end: int, field: Field
) -> tuple[list[Unsuccessful], int]:
    count, position = _read_integer(data, start, end, field)
    failures: list[Unsuccessful] = []
    for _ in range(count):
        ton, position = _read_integer(data, position, end, field)
        npi, position = _read_integer(data, position, end, field)
        address, position = _read_string(data, position, end, _ADDRESS)
        if position + 4 > end:
            raise _short(field)
        status = int.from_bytes(data[position : position + 4], "big")
        position += 4
        failures.append(Unsuccessful(ton, npi, address, status))
    return failures, position


_READ: Final[Mapping[Kind, _Read]] = {
    Kind.INTEGER: _read_integer,
    Kind.STRING: _read_string,
    Kind.MESSAGE: _read_message,
    Kind.DESTINATIONS: _read_destinations,
    Kind.UNSUCCESSFUL: _read_unsuccessful,
}


def _write_integer(content: int, field: Field) -> bytes:
    if not 0 <= content <= 255:
        raise PduError(f"{field.name} is not one octet", field.fault)
    return bytes((content,))


def _write_string(content: str, field: Field) -> bytes:
    if len(content) >= field.size or "\0" in content:
        raise PduError(f"{field.name} does not fit", field.fault)
    try:
        return content.encode("latin-1") + b"\0"
    except UnicodeEncodeError as error:
        raise PduError(f"{field.name} is not Latin-1", field.fault) from error


def _write_message(content: bytes, field: Field) -> bytes:
    if len(content) > field.size:
        raise PduError(f"{field.name} does not fit", field.fault)
    return bytes((len(content),)) + content


def _write_destinations(content: Sequence[Destination], field: Field) -> bytes:
    if len(content) > field.size:
        raise PduError(f"{field.name} are too many", field.fault)
    pieces = [bytes((len(content),))]
    for each in content:
        if each.distribution_list:
            pieces.append(b"\2" + _write_string(each.distribution_list, _LIST_NAME))
        else:
            pieces.append(b"\1" + _write_address(each.ton, each.npi, each.address))
    return b"".join(pieces)


def _write_unsuccessful(content: Sequence[Unsuccessful], field: Field) -> bytes:
    if len(content) > field.size:
        raise PduError(f"{field.name} are too many", field.fault)
    pieces = [bytes((len(content),))]
    for each in content:
        pieces.append(_write_address(each.ton, each.npi, each.address))
        pieces.append((each.status & 0xFFFFFFFF).to_bytes(4, "big"))
    return b"".join(pieces)


def _write_address(ton: int, npi: int, address: str) -> bytes:
    head = _write_integer(ton, _ADDRESS) + _write_integer(npi, _ADDRESS)
    return head + _write_string(address, _ADDRESS)


_WRITE: Final[Mapping[Kind, _Write]] = {
    Kind.INTEGER: _write_integer,
    Kind.STRING: _write_string,
    Kind.MESSAGE: _write_message,
    Kind.DESTINATIONS: _write_destinations,
    Kind.UNSUCCESSFUL: _write_unsuccessful,
}


def default_body(command: int, status: int, request: Body | None) -> bytes:
    """Build the body of a response to ``request``; see ``layouts.error_body``."""
    if not status or command not in _OTHER_ERROR_BODY:
        return _DEFAULTS[command]
    body = error_body(command, request)
    return b"" if body is None else build_body(command, body)


_DEFAULTS: Final = {
    command: build_body(command, layout.body())
    for command, layout in LAYOUTS.items()
    if command & cmd.RESPONSE
}
_OTHER_ERROR_BODY: Final = BODILESS | {cmd.QUERY_SM_RESP}
"""Responses that have another body when their status is an error."""
