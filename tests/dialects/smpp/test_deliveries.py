"""What customers get: delivery reports and inbound messages, octet for octet."""

from __future__ import annotations

from typing import Any

import pytest

from budstikke.dialects.delivery_contract import Verdict
from budstikke.dialects.smpp import Smpp
from budstikke.dialects.smpp.settings import Settings
from budstikke.dialects.smpp.submission import Address, Submission, written
from budstikke.domain.inbound import InboundEvent, Kind
from budstikke.domain.message import StatusEvent
from budstikke.domain.text import LinkAlphabet
from budstikke.smpp import Body, Pdu, build, commands, parse, tags
from budstikke.smpp.pdus import DataSm, Sm
from budstikke.smpp.receipt import MessageState, read_receipt, user_data

SMPP = Smpp()
ID = 100_001
AT = 1_800_000_000.0  # 2027-01-15 08:00 UTC
TEXT = (
    b"id:100001 sub:001 dlvrd:001 submit date:2701150759 done date:2701150800"
    b" stat:DELIVRD err:000 text:"
)
ID_TLV = (tags.RECEIPTED_MESSAGE_ID, b"100001\0")


def status(state: str = "delivered", asked: int = 1, **columns: Any) -> StatusEvent:
    submission = Submission(
        asked, Address(5, 0, "Acme"), Address(2, 8, "99999999"), AT - 60, "00a7"
    )
    values = {"reason": "", "raw": "", "ref": written(submission)} | columns
    return StatusEvent(ID, "+4799999999", state=state, at=AT, **values)


def report(event: StatusEvent, **settings: Any) -> Any:
    (delivery,) = SMPP.deliveries(event, Settings(**settings))
    octets = build(Pdu(delivery.command, 0, 1, delivery.body, list(delivery.tlvs)))
    assert delivery.body == parse(octets).body  # it can be written
    return delivery


def test_a_report_by_form() -> None:
    reference = (tags.USER_MESSAGE_REFERENCE, b"\x00\xa7")
    state = (tags.MESSAGE_STATE, b"\x02")
    expected = Sm(
        source_addr_ton=2,
        source_addr_npi=8,
        source_addr="99999999",
        dest_addr_ton=5,
        destination_addr="Acme",
        esm_class=0x04,
        short_message=TEXT,
    )
    both = report(status())
    assert (commands.DELIVER_SM, expected) == both[:2]
    assert [ID_TLV, state, reference] == both.tlvs
    assert (expected, [reference]) == report(status(), receipts="text")[1:]
    alone = report(status(), receipts="tlv")
    assert (b"", [ID_TLV, state, reference]) == (alone.body.short_message, alone.tlvs)
    data = report(status(), deliver_as="data_sm")
    assert isinstance(data.body, DataSm)
    assert (commands.DATA_SM, 0x04) == (data.command, data.body.esm_class)
    assert [(tags.MESSAGE_PAYLOAD, TEXT), ID_TLV, state, reference] == data.tlvs


@pytest.mark.parametrize(
    ("form", "message_id"),
    [("decimal", "100001"), ("hex", "186A1"), ("padded", "0000100001")],
)
def test_text_and_parameters_have_the_id_in_the_form_of_the_access(
    form: str, message_id: str
) -> None:
    delivery = report(status(), message_ids=form)
    receipt = read_receipt(Pdu(5, 0, 1, delivery.body, delivery.tlvs))
    assert receipt
    assert (message_id, message_id) == (receipt.id, receipt.text_id)


@pytest.mark.parametrize(
    ("state", "columns", "word", "code", "esm_class"),
    [
        ("sent", {}, MessageState.ENROUTE, "000", 0x20),
        ("delivered", {"raw": "DELIVRD 001"}, MessageState.DELIVERED, "000", 0x04),
        (
            "undelivered",
            {"raw": "UNDELIV 027"},
            MessageState.UNDELIVERABLE,
            "027",
            0x04,
        ),
        (
            "undelivered",
            {"reason": "unknown_subscriber"},
            MessageState.UNDELIVERABLE,
            "001",
            0x04,
        ),
        ("expired", {"reason": "expired"}, MessageState.EXPIRED, "000", 0x04),
        ("rejected", {"reason": "content"}, MessageState.REJECTED, "999", 0x04),
        ("cancelled", {}, MessageState.DELETED, "000", 0x04),
    ],
)
def test_states(
    state: str, columns: Any, word: MessageState, code: str, esm_class: int
) -> None:
    delivery = report(status(state, asked=0x11, **columns))
    receipt = read_receipt(Pdu(5, 0, 1, delivery.body, delivery.tlvs))
    assert receipt
    assert (word, code, esm_class) == (
        receipt.state,
        receipt.error,
        delivery.body.esm_class,
    )
    there = None if code == "000" else (3, int(code))
    assert there == receipt.network_error


@pytest.mark.parametrize(
    ("asked", "reported"),
    [
        (0x00, set()),
        (0x01, {"delivered", "undelivered"}),
        (0x02, {"undelivered"}),
        (0x03, {"delivered"}),
        (0x10, {"sent"}),
        (0x11, {"sent", "delivered", "undelivered"}),
        (0x12, {"sent", "undelivered"}),
        (0x0C, set()),
    ],
)
def test_registered_delivery_is_honoured_bit_for_bit(
    asked: int, reported: set[str]
) -> None:
    states = {"sent", "delivered", "undelivered"}
    assert reported == {
        each for each in states if SMPP.deliveries(status(each, asked), Settings())
    }


def test_a_message_that_no_submit_sm_made_has_no_report() -> None:
    assert not SMPP.deliveries(status(ref="my own"), Settings())
    assert not SMPP.deliveries(status(ref=None), Settings())


def inbound(text: str = "", data: str = "", **settings: Any) -> list[Body]:
    kind = Kind.BINARY if data else Kind.SMS
    event = InboundEvent(7, kind, "+4799999999", "2229", text, data)
    bodies: list[Body] = []
    for delivery in SMPP.deliveries(event, Settings(**settings)):
        pdu = Pdu(delivery.command, 0, 1, delivery.body, list(delivery.tlvs))
        assert isinstance(delivery.body, Sm)
        body = delivery.body
        body.short_message = user_data(body, parse(build(pdu)))
        bodies.append(body)
    return bodies


@pytest.mark.parametrize(
    ("text", "alphabet", "coding", "octets"),
    [
        ("@ñ €", "gsm", 0, b"\x00\x7d\x20\x1b\x65"),
        ("á", "gsm", 3, b"\xe1"),
        ("Ω", "gsm", 0, b"\x15"),
        ("Ж", "gsm", 8, b"\x04\x16"),
        ("é", "latin1", 0, b"\xe9"),
        ("é", "ascii", 3, b"\xe9"),
        ("€", "latin1", 8, b"\x20\xac"),
        ("😀", "gsm", 8, b"\xd8\x3d\xde\x00"),
    ],
)
def test_an_inbound_text_by_alphabet(
    text: str, alphabet: str, coding: int, octets: bytes
) -> None:
    (body,) = inbound(text, alphabet=LinkAlphabet(alphabet))
    expected = Sm(
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr="4799999999",
        dest_addr_ton=3,
        destination_addr="2229",
        data_coding=coding,
        short_message=octets,
    )
    assert expected == body


@pytest.mark.parametrize(
    ("text", "lengths"),
    [
        ("x" * 160, [160]),
        ("x" * 161, [6 + 153, 6 + 8]),
        ("x" * 152 + "€" + "x" * 10, [6 + 152, 6 + 12]),  # no cut in the escape
        ("á" * 140, [140]),
        ("á" * 141, [6 + 134, 6 + 7]),
        ("Ж" * 66 + "😀" + "Ж" * 10, [6 + 132, 6 + 24]),  # nor in a pair
    ],
)
def test_a_long_inbound_text_comes_in_segments(text: str, lengths: list[int]) -> None:
    bodies = inbound(text)
    octets = [body.short_message for body in bodies if isinstance(body, Sm)]
    assert lengths == [len(each) for each in octets]
    for number, body in enumerate(bodies, 1):
        assert isinstance(body, Sm)
        several = len(bodies) > 1
        assert (0x40 if several else 0) == body.esm_class
        if several:
            header = bytes((5, 0, 3, 7, len(bodies), number))
            assert header == body.short_message[:6]
    (whole,) = inbound(text, long_inbound="payload")
    joined = b"".join(each[6 if len(octets) > 1 else 0 :] for each in octets)
    assert isinstance(whole, Sm)
    assert (0, joined) == (whole.esm_class, whole.short_message)


@pytest.mark.parametrize(
    ("data", "esm_class"),
    [
        ("0605040b8423f0ff00", 0x40),
        ("ffd8ff", 0),
        ("0605040b8423f0" + "aa" * 300, 0x40),
    ],
)
def test_binary_user_data_is_unharmed(data: str, esm_class: int) -> None:
    (body,) = inbound(data=data)
    assert isinstance(body, Sm)
    assert (esm_class, 4, data) == (
        body.esm_class,
        body.data_coding,
        body.short_message.hex(),
    )


@pytest.mark.parametrize(
    ("response", "verdict", "name"),
    [
        (0x00, Verdict.TAKEN, "ESME_ROK"),
        (0x08, Verdict.LATER, "ESME_RSYSERR"),
        (0x14, Verdict.LATER, "ESME_RMSGQFUL"),
        (0x58, Verdict.LATER, "ESME_RTHROTTLED"),
        (0x64, Verdict.LATER, "ESME_RX_T_APPN"),
        (0x65, Verdict.NEVER, "ESME_RX_P_APPN"),
        (0x66, Verdict.AGAIN, "ESME_RX_R_APPN"),
        (0x0B, Verdict.AGAIN, "ESME_RINVDSTADR"),
        (0x499, Verdict.AGAIN, "0x00000499"),
    ],
)
def test_responses(response: int, verdict: Verdict, name: str) -> None:
    assert (verdict, name) == (SMPP.verdict(response), SMPP.status_name(response))
