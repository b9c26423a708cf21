"""
The time of every parser of what a peer writes grows no faster than its input.

Each is given inputs made to be bad for it, 16 times as long the second time. A linear
parser takes 16 times as long then, a quadratic one 256 times; the bound is between.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers.smpp.incoming import Incoming
from budstikke.domain.inbound import InboundPart
from budstikke.domain.reassembly import join, read
from budstikke.domain.text import LinkAlphabet, unpack, user_data_header
from budstikke.smpp import Limits, PduError, Role, Session, parse
from budstikke.smpp import commands as cmd
from budstikke.smpp.optional import parse_tlvs
from budstikke.smpp.receipt import parse_receipt_text
from carriers.rig import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.smpp import Pdu

TIMES = 16
BOUND = 64
SMALL = 2_000


def framed(command: int, body: bytes) -> bytes:
    header = command.to_bytes(4, "big") + bytes(7) + b"\1"
    return (len(body) + 16).to_bytes(4, "big") + header + body


def read_pdu(octets: bytes) -> None:
    with suppress(PduError):
        parse(octets)


def feed(octets: bytes, piece: int) -> None:
    session = Session(Role.ESME, Limits(max_pdu=len(octets)), 0.0)
    for at in range(0, len(octets), piece):
        session.receive(octets[at : at + piece], 0.0)


def delivered(payload: bytes, esm_class: int) -> Pdu:
    tlv = b"\x04\x24" + len(payload).to_bytes(2, "big") + payload
    head = bytes.fromhex("00 01 01 343700 01 01 343700")
    octets = head + bytes((esm_class,)) + bytes(9) + tlv
    return parse(framed(cmd.DELIVER_SM, octets))


PLAIN = Incoming(settings(2775, receipt_text=True))
PACKED = Incoming(settings(2775, alphabet=LinkAlphabet.GSM_PACKED))
PATTERN = Incoming(
    settings(2775, receipt_pattern=r".*id=(?P<id>\d+).*stat=(?P<stat>\w+)")
)


def take(incoming: Incoming, payload: bytes) -> None:
    for esm_class in (0x00, 0x04, 0x44):
        pdu = delivered(payload, esm_class)
        if incoming.receipt(pdu, 0.0) is None:
            join([read(incoming.inbound(pdu, 0.0))])


def joined(payload: bytes, data_coding: int) -> None:
    part = InboundPart("", "", data_coding, True, payload, {}, 0.0)
    join([read(part)] * 4)


PARSERS: dict[str, tuple[Callable[[bytes], Any], tuple[bytes, ...]]] = {
    "PDU": (
        read_pdu,
        tuple(
            framed(command, unit * (SMALL // len(unit)))
            for command in (cmd.DELIVER_SM, cmd.SUBMIT_MULTI, cmd.SUBMIT_MULTI_RESP)
            for unit in (b"\0", b"4", b"\xff", b"1\0", b"\xff\1\1\1\0")
        ),
    ),
    "parameters": (
        lambda octets: parse_tlvs(octets, 0, len(octets)),
        tuple(
            unit * (SMALL // len(unit))
            for unit in (b"\0", b"\0\0\0\1\0", b"\x14\0\0\0", b"\0\0\0\0\xff")
        ),
    ),
    "stream": (lambda octets: feed(octets, 64), (bytes((0, 0, 0, 16)) * SMALL,)),
    "one long PDU": (
        lambda octets: feed(octets, 64),
        (framed(cmd.DELIVER_SM, b"4" * SMALL),),
    ),
    "header": (
        lambda octets: [user_data_header(octets) for _ in range(20)],
        (b"\xfe" + b"\x01\x00" * SMALL, b"\xff" * SMALL),
    ),
    "packed": (unpack, (b"\x1b" * SMALL, b"\xff" * SMALL)),
}
TEXTS = tuple(
    unit * (SMALL // len(unit))
    for unit in (
        *(b"id:", b"id: ", b"stat:DELIVRD ", b" ", b"\0", b"done date", b"a ", b"9"),
        *(b"DELIVRD ", b"\xff\xfei\0", b"\x1b", b"\0i\0d\0:", b"text:", b"x"),
    )
)
PARSERS["receipt"] = (
    lambda octets: parse_receipt_text(octets.decode("latin-1")),
    TEXTS,
)
PARSERS["delivery"] = (lambda octets: take(PLAIN, octets), TEXTS)
PARSERS["receipt_pattern"] = (
    lambda octets: take(PATTERN, octets),
    (*TEXTS, b"id=1" * 500, b"id=1 sta" * 250),
)
PARSERS["packed delivery"] = (lambda octets: take(PACKED, octets), TEXTS)
for coding in (0, 3, 8):
    PARSERS[f"joined, data_coding {coding}"] = (
        lambda octets, coding=coding: joined(octets, coding),  # type: ignore[misc]
        TEXTS,
    )


def fastest(run: Callable[[bytes], Any], octets: bytes) -> float:
    """Time it at its best of several, in CPU seconds: other programs run here, too."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        run(octets)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.parametrize("name", PARSERS)
def test_time_grows_with_the_input(name: str) -> None:
    run, inputs = PARSERS[name]
    for octets in inputs:
        long = octets * TIMES
        if name in ("PDU", "one long PDU"):
            command = int.from_bytes(octets[4:8], "big")
            long = framed(command, octets[16:] * TIMES)
        small = max(fastest(run, octets), 2e-5)
        assert fastest(run, long) < BOUND * small, (name, octets[:40])
