"""
Hand-tuned paths for submit_sm, deliver_sm and their responses.

A session handles thousands of these four PDUs a second. Each function here returns
what the tables of ``layouts`` would, several times as fast, or ``None`` for an unusual
PDU: then the codec uses the tables, which also find the fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

from budstikke.smpp import commands as cmd
from budstikke.smpp.optional import parse_tlvs
from budstikke.smpp.pdus import Body, MessageId, Sm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from budstikke.smpp.errors import PduError
    from budstikke.smpp.pdus import Tlvs

_Parsed: TypeAlias = "tuple[Body, Tlvs, PduError | None] | None"


def parse_sm(data: bytes, start: int, end: int) -> _Parsed:
    """Parse the body of submit_sm or deliver_sm; ``None`` if it is unusual."""
    find = data.find
    service = find(b"\0", start, end)
    source = find(b"\0", service + 3, end) if service >= 0 else -1
    dest = find(b"\0", source + 3, end) if source >= 0 else -1
    schedule = find(b"\0", dest + 4, end) if dest >= 0 else -1
    validity = find(b"\0", schedule + 1, end) if schedule >= 0 else -1
    text = validity + 6
    if validity < 0 or text > end or validity - start > 256:
        return None
    stop = text + data[validity + 5]
    if stop > end:
        return None
    body = Sm(
        data[start:service].decode("latin-1") if service > start else "",
        data[service + 1],
        data[service + 2],
        data[service + 3 : source].decode("latin-1"),
        data[source + 1],
        data[source + 2],
        data[source + 3 : dest].decode("latin-1"),
        data[dest + 1],
        data[dest + 2],
        data[dest + 3],
        data[dest + 4 : schedule].decode("latin-1") if schedule > dest + 4 else "",
        data[schedule + 1 : validity].decode("latin-1"),
        data[validity + 1],
        data[validity + 2],
        data[validity + 3],
        data[validity + 4],
        data[text:stop],
    )
    if stop == end:
        return body, (), None
    tlvs, fault = parse_tlvs(data, stop, end)
    return body, tlvs, fault


def parse_message_id(data: bytes, start: int, end: int) -> _Parsed:
    """Parse a submit_sm_resp or deliver_sm_resp with only an id; otherwise ``None``."""
    if end - start > 66 or data.find(b"\0", start, end) != end - 1:
        return None
    return MessageId(data[start : end - 1].decode("latin-1")), (), None


def build_sm(body: Sm) -> bytes | None:
    """Build the body of submit_sm or deliver_sm; ``None`` if a value does not fit."""
    service_type = body.service_type
    source = body.source_addr
    dest = body.destination_addr
    schedule = body.schedule_delivery_time
    validity = body.validity_period
    message = body.short_message
    if (
        len(service_type) > 5
        or len(source) > 20
        or len(dest) > 20
        or len(schedule) > 16
        or len(validity) > 16
        or len(message) > 254
        or "\0" in service_type + source + dest + schedule + validity
    ):
        return None
    # Integers above 255 and characters outside Latin-1 raise here.
    try:
        return b"%b\0%c%c%b\0%c%c%b\0%c%c%c%b\0%b\0%c%c%c%c%c%b" % (
            service_type.encode("latin-1"),
            body.source_addr_ton,
            body.source_addr_npi,
            source.encode("latin-1"),
            body.dest_addr_ton,
            body.dest_addr_npi,
            dest.encode("latin-1"),
            body.esm_class,
            body.protocol_id,
            body.priority_flag,
            schedule.encode("latin-1"),
            validity.encode("latin-1"),
            body.registered_delivery,
            body.replace_if_present_flag,
            body.data_coding,
            body.sm_default_msg_id,
            len(message),
            message,
        )
    except (OverflowError, UnicodeEncodeError):
        return None


def build_message_id(body: MessageId) -> bytes | None:
    """Build a submit_sm_resp or deliver_sm_resp; ``None`` if the id does not fit."""
    text = body.message_id
    if len(text) > 64 or not text.isascii() or "\0" in text:
        return None
    return text.encode("ascii") + b"\0"


PARSERS: Final[Mapping[int, Callable[[bytes, int, int], _Parsed]]] = {
    cmd.SUBMIT_SM: parse_sm,
    cmd.DELIVER_SM: parse_sm,
    cmd.SUBMIT_SM_RESP: parse_message_id,
    cmd.DELIVER_SM_RESP: parse_message_id,
}

BUILDERS: Final[Mapping[int, tuple[type[Body], Callable[[Any], bytes | None]]]] = {
    cmd.SUBMIT_SM: (Sm, build_sm),
    cmd.DELIVER_SM: (Sm, build_sm),
    cmd.SUBMIT_SM_RESP: (MessageId, build_message_id),
    cmd.DELIVER_SM_RESP: (MessageId, build_message_id),
}
