"""What peers write beside the standard, and what we refuse to build."""

from __future__ import annotations

import pytest

from budstikke.smpp import Pdu, PduError, build, parse
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as statuses
from budstikke.smpp.pdus import (
    AlertNotification,
    Bind,
    Destination,
    MessageId,
    Outbind,
    Sm,
    SubmitMulti,
)


def wire(text: str) -> bytes:
    rest = bytes.fromhex(text)
    return (len(rest) + 4).to_bytes(4, "big") + rest


def test_response_id_without_its_nul() -> None:
    data = wire("80000004 00000000 00000005 3132")
    assert MessageId("12") == parse(data).body


def test_alert_without_the_nul_at_its_end() -> None:
    found = parse(wire("00000102 00000000 00000001 01 01 343700 00 00 61"))
    assert AlertNotification(1, 1, "47", 0, 0, "a") == found.body


def test_strings_over_length_are_taken_but_not_built() -> None:
    long = "4" * 40
    body = bytes(3) + long.encode() + bytes(14)
    data = wire("00000005 00000000 00000001" + body.hex())
    parsed = parse(data)
    assert isinstance(parsed.body, Sm)
    assert long == parsed.body.source_addr
    with pytest.raises(PduError) as caught:
        build(parsed)
    assert statuses.ESME_RINVSRCADR == caught.value.status


def test_latin1_addresses_survive() -> None:
    pdu = Pdu(cmd.DELIVER_SM, 0, 1, Sm(source_addr="Bø_år"))
    assert pdu == parse(build(pdu))


def test_padding_after_parameters_is_passed_over() -> None:
    data = wire("80000004 00000000 00000005 313200 0425 0001 01 0000")
    assert [(0x425, b"\1")] == parse(data).tlvs


@pytest.mark.parametrize("command", ["00000004", "00000005"])
@pytest.mark.parametrize("nuls", ["00", "0000"])
@pytest.mark.parametrize(
    "tlv",
    [
        (0x0204, b"\0\7"),
        (0x1400, b"1001"),
        (0x1401, b""),
        (0x0424, bytes(300)),
        (0x0005, b"\1"),
    ],
)
def test_nuls_that_sm_length_does_not_count(
    command: str, nuls: str, tlv: tuple[int, bytes]
) -> None:
    tag, value = tlv
    written = f"{tag:04x}{len(value):04x}{value.hex()}"
    data = wire(f"{command} 00000000 00000001" + "00" * 16 + "02 4869" + nuls + written)
    parsed = parse(data)
    assert isinstance(parsed.body, Sm)
    assert (b"Hi", [tlv]) == (parsed.body.short_message, parsed.tlvs)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("00000004 00000000 00000001", statuses.ESME_RINVSERTYP),
        ("00000004 00000000 00000001 00", statuses.ESME_RINVCMDLEN),
        ("00000004 00000000 00000001 00 01 01 3437", statuses.ESME_RINVSRCADR),
        (
            "00000005 00000000 00000001 00 01 01" + "34" * 300 + "00" * 14,
            statuses.ESME_RINVSRCADR,
        ),
        ("00000021 00000000 00000001 00 0000 00 01 07", statuses.ESME_RINVDESTFLAG),
        ("00000104 00000000 00000001", statuses.ESME_RINVCMDID),
    ],
)
def test_recoverable(text: str, status: int) -> None:
    with pytest.raises(PduError) as caught:
        parse(wire(text))
    assert (status, False) == (caught.value.status, caught.value.fatal)


@pytest.mark.parametrize("data", [b"", b"\0" * 15, b"\0" * 16, b"\xff" * 16])
def test_fatal(data: bytes) -> None:
    with pytest.raises(PduError) as caught:
        parse(data)
    assert caught.value.fatal


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (Sm(service_type="123456"), statuses.ESME_RINVSERTYP),
        (Sm(source_addr="4" * 21), statuses.ESME_RINVSRCADR),
        (Sm(destination_addr="4\x007"), statuses.ESME_RINVDSTADR),
        (Sm(source_addr="Čaj"), statuses.ESME_RINVSRCADR),
        (Sm(schedule_delivery_time="0" * 17), statuses.ESME_RINVSCHED),
        (Sm(validity_period="0" * 17), statuses.ESME_RINVEXPIRY),
        (Sm(short_message=bytes(255)), statuses.ESME_RINVMSGLEN),
        (Sm(data_coding=256), statuses.ESME_RINVCMDLEN),
        (Sm(data_coding=-1), statuses.ESME_RINVCMDLEN),
        (MessageId("1"), statuses.ESME_RINVCMDID),
    ],
)
def test_not_built(body: Sm | MessageId, status: int) -> None:
    with pytest.raises(PduError) as caught:
        build(Pdu(cmd.SUBMIT_SM, 0, 1, body))
    assert status == caught.value.status


@pytest.mark.parametrize("text", ["1" * 65, "1\x002", "Č"])
def test_message_id_not_built(text: str) -> None:
    with pytest.raises(PduError) as caught:
        build(Pdu(cmd.SUBMIT_SM_RESP, 0, 1, MessageId(text)))
    assert statuses.ESME_RINVMSGID == caught.value.status


@pytest.mark.parametrize(
    "tlvs", [[(0x10000, b"")], [(-1, b"")], [(0x424, bytes(0x10000))]]
)
def test_parameters_not_built(tlvs: list[tuple[int, bytes]]) -> None:
    with pytest.raises(PduError):
        build(Pdu(cmd.SUBMIT_SM, 0, 1, Sm(), tlvs))


def test_too_many_destinations_are_not_built() -> None:
    body = SubmitMulti(destinations=[Destination(1, 1, "47")] * 255)
    with pytest.raises(PduError) as caught:
        build(Pdu(cmd.SUBMIT_MULTI, 0, 1, body))
    assert statuses.ESME_RINVNUMDESTS == caught.value.status


def test_passwords_are_not_shown() -> None:
    assert "hemmelig" not in repr(Pdu(cmd.BIND_RECEIVER, 0, 1, Bind("a", "hemmelig")))
    assert "hemmelig" not in repr(Outbind("a", "hemmelig"))
