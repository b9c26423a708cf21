"""deliver_sm and data_sm as receipts and messages, by the link's settings."""

from __future__ import annotations

from typing import Any

import pytest

from budstikke.carriers.smpp.incoming import Incoming
from budstikke.carriers.smpp.statuses import STATES, STATUSES, Verdicts
from budstikke.domain.inbound import InboundPart
from budstikke.domain.receipt import Reason, Receipt, ReceiptState, Rejected, Retry
from budstikke.domain.text import (
    Filling,
    LinkAlphabet,
    fill_bits_after,
    gsm_encode,
    pack,
    udh_concat8,
)
from budstikke.smpp import Pdu, Tlvs, status, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp.pdus import DataSm, Sm
from budstikke.smpp.receipt import MessageState
from carriers.rig import settings

NOW = 1_795_422_600.0  # 2026-11-23 08:30 UTC


def delivery(text: bytes, tlvs: Tlvs = (), **fields: Any) -> Pdu:
    values: dict[str, Any] = {
        "source_addr_ton": 1,
        "source_addr": "4799999999",
        "destination_addr": "2229",
        "short_message": text,
    }
    return Pdu(cmd.DELIVER_SM, 0, 1, Sm(**(values | fields)), tlvs)


def receipt(text: str, tlvs: Tlvs = (), **changes: Any) -> Receipt:
    esm_class = changes.pop("esm_class", 4)
    pdu = delivery(text.encode("latin-1"), tlvs, esm_class=esm_class)
    found = Incoming(settings(2775, **changes)).receipt(pdu, NOW)
    assert found is not None
    return found


def inbound(pdu: Pdu, **changes: Any) -> InboundPart:
    incoming = Incoming(settings(2775, **changes))
    assert incoming.receipt(pdu, NOW) is None
    return incoming.inbound(pdu, NOW)


# Receipts


def test_the_plain_case() -> None:
    assert Receipt(
        "17",
        None,
        ReceiptState.UNDELIVERED,
        Reason.UNKNOWN,
        "UNDELIV 001",
        NOW - 60,
        "+4799999999",
    ) == receipt("id:17 stat:UNDELIV err:001 done date:2611230829")


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("DELIVRD", ReceiptState.DELIVERED),
        ("EXPIRED", ReceiptState.EXPIRED),
        ("DELETED", ReceiptState.REJECTED),
        ("UNDELIV", ReceiptState.UNDELIVERED),
        ("ACCEPTD", ReceiptState.INTERIM),
        ("UNKNOWN", ReceiptState.UNKNOWN),
        ("REJECTD", ReceiptState.REJECTED),
        ("ENROUTE", ReceiptState.INTERIM),
        ("FAILED", ReceiptState.UNDELIVERED),
        ("BUFFRED", ReceiptState.INTERIM),
        ("SOMETHING", ReceiptState.UNKNOWN),
    ],
)
def test_words(word: str, state: ReceiptState) -> None:
    found = receipt(f"id:1 stat:{word}")
    assert (state, word) == (found.state, found.raw)


def test_every_state_has_a_meaning() -> None:
    assert set(MessageState) == set(STATES)


def test_words_and_errors_of_the_link() -> None:
    changes: dict[str, Any] = {
        "receipt_words": {"0": "delivered", "NOK": "undeliverable"},
        "receipt_errors": {"21b": Reason.BARRED},
    }
    assert ReceiptState.DELIVERED == receipt("id:1 stat:0", **changes).state
    found = receipt("id:1 stat:nok err:21b", **changes)
    assert (ReceiptState.UNDELIVERED, Reason.BARRED) == (found.state, found.reason)
    assert Reason.NONE == receipt("id:1 stat:DELIVRD err:21b", **changes).reason


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (b"\3\0\1", Reason.UNKNOWN_SUBSCRIBER),
        (b"\3\0\x1b", Reason.ABSENT),
        (b"\3\0\x0d", Reason.BARRED),
        (b"\3\xff\xff", Reason.UNKNOWN),
        (b"\1\0\1", Reason.UNKNOWN),
    ],
)
def test_network_error_code(code: bytes, reason: Reason) -> None:
    tlvs = [
        (tags.RECEIPTED_MESSAGE_ID, b"17\0"),
        (tags.MESSAGE_STATE, b"\5"),
        (tags.NETWORK_ERROR_CODE, code),
    ]
    found = receipt("", tlvs, esm_class=0)
    assert ("17", reason) == (found.smsc_id, found.reason)
    number = int.from_bytes(code[1:], "big")
    assert f"UNDELIVERABLE {code[0]}/{number}" == found.raw


def test_intermediate_notification_is_not_the_end_unless_delivered() -> None:
    text = "id:1 stat:{} err:000"
    found = [
        receipt(text.format(word), esm_class=0x20).state
        for word in ("UNDELIV", "ENROUTE", "whatever", "DELIVRD")
    ]
    assert [
        ReceiptState.INTERIM,
        ReceiptState.INTERIM,
        ReceiptState.INTERIM,
        ReceiptState.DELIVERED,
    ] == found


@pytest.mark.parametrize(
    ("done", "at"),
    [
        ("2611230829", NOW - 60),
        ("0000000000", NOW),
        ("2611231030", NOW),  # two hours ahead: local time
        ("1611230830", NOW),
        ("nonsense", NOW),
    ],
)
def test_dates_that_cannot_be(done: str, at: float) -> None:
    assert at == receipt(f"id:1 stat:DELIVRD done date:{done}").at


def test_dates_ahead_of_utc() -> None:
    found = receipt("id:1 stat:DELIVRD done date:2611231029", receipt_utc_offset=120)
    assert NOW - 60 == found.at


def test_normal_form_of_ids() -> None:
    found = receipt("id:0000032675 stat:DELIVRD", message_ids="hex_dec")
    assert ("0000032675", "32675") == (found.smsc_id, found.smsc_key)


def test_pattern_of_the_link() -> None:
    found = receipt(
        "MSG 17 is DELIVRD", receipt_pattern=r"MSG (?P<id>\d+) is (?P<stat>\w+)"
    )
    assert ("17", ReceiptState.DELIVERED) == (found.smsc_id, found.state)


@pytest.mark.parametrize("text", ["", "\0", "stat:DELIVRD err:000", "DELIVRD"])
def test_receipt_that_names_nothing(text: str) -> None:
    assert "" == receipt(text).smsc_id


@pytest.mark.parametrize(
    ("tlv", "text", "ids"),
    [
        (b"3039\0", "id:12345 stat:DELIVRD", ("3039", "12345")),
        (b"12345", "id:12345 stat:DELIVRD", ("12345", "")),
        (b"12345 \0", "id:12345\0stat:DELIVRD", ("12345", "")),
        (b"\0", "id:12345 stat:DELIVRD", ("12345", "")),
        (b"3039", "", ("3039", "")),
    ],
)
def test_both_ids_of_a_receipt(tlv: bytes, text: str, ids: tuple[str, str]) -> None:
    found = receipt(text, [(tags.RECEIPTED_MESSAGE_ID, tlv)])
    assert ids == (found.smsc_id, found.other_id)


def test_normal_forms_of_both_ids() -> None:
    tlvs = [(tags.RECEIPTED_MESSAGE_ID, b"3039\0")]
    found = receipt("id:0012345 stat:DELIVRD", tlvs, message_ids="hex_dec")
    assert ("3039", "12345") == (found.smsc_key, found.other_key)


def test_words_of_receipts_are_windows_1252() -> None:
    assert "UNDELIV 5€" == receipt("id:1 stat:UNDELIV err:5\x80").raw


# Messages


def test_message() -> None:
    assert InboundPart("+4799999999", "2229", 0, False, b"Hei", {}, NOW) == inbound(
        delivery(b"Hei")
    )


def test_message_with_header_and_parameters() -> None:
    payload = bytes.fromhex("050003450201") + b"Hei"
    tlvs = [(tags.SAR_MSG_REF_NUM, b"\0\1"), (0x1400, b"x")]
    found = inbound(delivery(payload, tlvs, esm_class=0x40, data_coding=8))
    assert (True, 8, payload) == (found.udhi, found.data_coding, found.payload)
    assert {tags.SAR_MSG_REF_NUM: b"\0\1", 0x1400: b"x"} == found.tlvs


@pytest.mark.parametrize(
    ("short", "payload", "read"),
    [
        (b"Hei", b"Hei du", b"Hei du"),  # the beginning, and all of it
        (b"Hei", b"Hopp", b"HeiHopp"),  # nothing is lost
        (b"Hei du", b"Hei", b"Hei du"),
        (b"\5\0\3\7\2\1", b"Hei", b"\5\0\3\7\2\1Hei"),  # the header alone
        (b"Hei", b"", b"Hei"),
        (b"", b"Hei", b"Hei"),
    ],
)
def test_text_and_payload_both(short: bytes, payload: bytes, read: bytes) -> None:
    pdu = delivery(short, [(tags.MESSAGE_PAYLOAD, payload)])
    assert read == inbound(pdu).payload


@pytest.mark.parametrize(
    ("payload", "header"),
    [
        (b"\5\0\3\x70\2\1Hei", True),
        (b"\6\x08\4\0\x70\2\1Hei", True),
        (b"\5\0\3\x70\2\3Hei", False),  # part 3 of 2
        (b"\5\0\3\x70\1\1Hei", False),  # all of it
        (b"\5\0\3\x70\2", False),
        (b"\3\x24\1\1Hei", False),  # this may be a text
        (b"Hei", False),
    ],
)
def test_a_part_without_the_bit_for_a_header(payload: bytes, *, header: bool) -> None:
    assert header is inbound(delivery(payload)).udhi


def test_message_in_payload_and_data_sm() -> None:
    tlvs = [(tags.MESSAGE_PAYLOAD, b"Hei")]
    assert b"Hei" == inbound(delivery(b"", tlvs)).payload
    body = DataSm(source_addr="4799999999", destination_addr="+4722")
    found = inbound(Pdu(cmd.DATA_SM, 0, 1, body, tlvs))
    assert ("+4799999999", "4722", b"Hei") == (
        found.originator,
        found.recipient,
        found.payload,
    )


@pytest.mark.parametrize(
    ("address", "ton", "written"),
    [
        ("4799999999", 1, "+4799999999"),
        ("4799999999", 0, "+4799999999"),
        ("+4799999999", 0, "+4799999999"),
        ("004799999999", 0, "+4799999999"),
        ("4712", 1, "4712"),
        ("2229", 3, "2229"),
        ("Bank", 5, "Bank"),
        ("", 0, ""),
    ],
)
def test_originators(address: str, ton: int, written: str) -> None:
    pdu = delivery(b"Hei", source_addr=address, source_addr_ton=ton)
    assert written == inbound(pdu).originator


@pytest.mark.parametrize(
    ("home", "address", "ton", "written"),
    [
        ("+47", "91000003", 2, "+4791000003"),
        ("+47", "91000003", 0, "+4791000003"),
        ("+47", "91000003", 4, "+4791000003"),
        ("+46", "0701234567", 2, "+46701234567"),
        ("+46", "0701234567", 0, "+46701234567"),
        ("+46", "4791000003", 0, "+4791000003"),
        ("+46", "+4791000003", 2, "+4791000003"),
        ("+47", "91000003", 5, "91000003"),
        ("+47", "12345", 5, "12345"),
        ("+47", "12345", 6, "12345"),
        ("+47", "2229", 2, "2229"),
        ("", "91000003", 2, "91000003"),
        ("", "91000003", 0, "91000003"),
        ("", "4791000003", 2, "4791000003"),
    ],
)
def test_home_completes_national_numbers(
    home: str, address: str, ton: int, written: str
) -> None:
    pdu = delivery(b"Hei", source_addr=address, source_addr_ton=ton)
    assert written == inbound(pdu, home=home).originator
    text = b"id:17 stat:DELIVRD"
    fields: dict[str, Any] = {
        "source_addr": address,
        "source_addr_ton": ton,
        "esm_class": 4,
    }
    found = Incoming(settings(2775, home=home)).receipt(delivery(text, **fields), NOW)
    assert found is not None
    assert written == found.recipient


def test_without_home_the_country_is_that_of_our_number() -> None:
    fields: dict[str, Any] = {"source_addr": "91000003", "source_addr_ton": 2}
    found = inbound(delivery(b"Hei", destination_addr="4759440002", **fields))
    assert found.originator == "+4791000003"
    assert "91000003" == inbound(delivery(b"Hei", **fields)).originator


@pytest.mark.parametrize(
    ("address", "ton", "written"),
    [
        ("004759440000", 1, "4759440000"),
        ("+4759440000", 0, "4759440000"),
        ("59440000", 2, "4759440000"),
        ("59440002", 0, "4759440002"),
        ("2229 ", 0, "2229"),
        ("+2229", 1, "2229"),
        ("26114123456789", 0, "26114123456789"),
        ("4726114123456789", 1, "26114123456789"),
    ],
)
def test_numbers_of_ours(address: str, ton: int, written: str) -> None:
    pdu = delivery(b"Hei", destination_addr=address, dest_addr_ton=ton)
    assert written == inbound(pdu, home="+47").recipient


@pytest.mark.parametrize(
    ("changes", "coding", "found"),
    [
        ({}, 0, 0),
        ({}, 3, 3),
        ({"alphabet": LinkAlphabet.LATIN1}, 0, 3),
        ({"alphabet": LinkAlphabet.ASCII}, 0, 1),
        ({"alphabet": LinkAlphabet.LATIN1}, 8, 8),
        ({"inbound_data_codings": {"0": 8}}, 0, 8),
        ({"inbound_data_codings": {"0xf1": 0}}, 0xF1, 0),
    ],
)
def test_data_codings(changes: dict[str, Any], coding: int, found: int) -> None:
    pdu = delivery(b"Hei", data_coding=coding)
    assert found == inbound(pdu, **changes).data_coding


@pytest.mark.parametrize("coding", [0x00, 0x10, 0x80, 0xC0, 0xF1])
def test_all_that_is_in_the_default_alphabet_is_unpacked(coding: int) -> None:
    pdu = delivery(bytes.fromhex("e8329bfd4697d9ec37"), data_coding=coding)
    assert b"hellohello" == inbound(pdu, alphabet=LinkAlphabet.GSM_PACKED).payload


@pytest.mark.parametrize(
    ("coding", "changes"),
    [(3, {}), (4, {}), (8, {}), (0xF5, {}), (0, {"inbound_data_codings": {"0": 8}})],
)
def test_what_is_in_another_alphabet_is_not_unpacked(
    coding: int, changes: dict[str, Any]
) -> None:
    pdu = delivery(b"\0H\0e", data_coding=coding)
    found = inbound(pdu, alphabet=LinkAlphabet.GSM_PACKED, **changes)
    assert b"\0H\0e" == found.payload


def test_what_is_addressed_to_a_port_is_not_unpacked() -> None:
    packed: dict[str, Any] = {"alphabet": LinkAlphabet.GSM_PACKED}
    pdu = delivery(b"\x01\x02\xff", [(tags.DESTINATION_PORT, b"\x23\xf0")])
    assert b"\x01\x02\xff" == inbound(pdu, **packed).payload
    payload = bytes.fromhex("06050423f400000102ff")
    found = inbound(delivery(payload, esm_class=0x40), **packed)
    assert (True, payload) == (found.udhi, found.payload)


@pytest.mark.parametrize("text", ["Hei, dette er en test", "@kari hei", "\x05abc"])
def test_packed_text_with_the_bit_for_a_header_and_none(text: str) -> None:
    septets = gsm_encode(text) if text.isprintable() else text.encode()
    pdu = delivery(pack(septets, counted=False), esm_class=0x40)
    found = inbound(pdu, alphabet=LinkAlphabet.GSM_PACKED)
    assert (False, septets) == (found.udhi, found.payload)


AT_THE_END: list[tuple[Filling | None, str, str]] = [
    (None, "1234567", "1234567"),  # seven bits are left over, and zero
    (None, "123456789012345", "123456789012345"),
    (None, "1234567@", "1234567"),  # the same octets as the first
    (None, "12345@", "12345@"),  # ends within an octet
    (None, "123456@@", "123456@@"),
    (None, "123456@", "123456@@"),  # the same octets
    (Filling.RETURN, "1234567", "1234567@"),
    (Filling.RETURN, "1234567@", "1234567@"),
    (Filling.ZERO, "1234567", "1234567"),
    (Filling.ZERO, "123456@", "123456@"),
    (Filling.ZERO, "123456@@", "123456@"),
]


@pytest.mark.parametrize(("filling", "sent", "read"), AT_THE_END)
def test_filling_of_packed_texts(filling: Filling | None, sent: str, read: str) -> None:
    changes: dict[str, Any] = {"alphabet": LinkAlphabet.GSM_PACKED}
    if filling is not None:
        changes["packed_filling"] = filling
    octets = pack(gsm_encode(sent))
    assert gsm_encode(read) == inbound(delivery(octets), **changes).payload


@pytest.mark.parametrize("number", [1, 2])
def test_only_the_last_part_of_a_packed_text_may_end_in_filling(number: int) -> None:
    header = udh_concat8(1, 2, number)
    septets = b"x" * 8 + b"\0"  # one bit before them, 63 of them
    payload = header + pack(septets, fill_bits_after(header))
    found = inbound(delivery(payload, esm_class=0x40), alphabet=LinkAlphabet.GSM_PACKED)
    assert header + (septets if number == 1 else septets[:-1]) == found.payload


def test_packed_receipt() -> None:
    octets = pack(b"id:17 stat:DELIVRD err:000", counted=False)
    incoming = Incoming(settings(2775, alphabet=LinkAlphabet.GSM_PACKED))
    found = incoming.receipt(delivery(octets, esm_class=4), NOW)
    assert found is not None
    assert ("17", ReceiptState.DELIVERED) == (found.smsc_id, found.state)


def test_packed_is_unpacked() -> None:
    changes = {"alphabet": LinkAlphabet.GSM_PACKED}
    pdu = delivery(bytes.fromhex("e8329bfd4697d9ec37"))
    assert b"hellohello" == inbound(pdu, **changes).payload
    header = bytes.fromhex("050003450201")
    pdu = delivery(header + b"\xc2", esm_class=0x40)
    assert header + b"a" == inbound(pdu, **changes).payload
    assert b"" == inbound(delivery(b"", esm_class=0x40), **changes).payload


# Command statuses


def test_every_status_has_a_meaning() -> None:
    assert set(status.NAMES) == set(STATUSES) | {status.ESME_ROK}


def test_verdicts() -> None:
    verdicts = Verdicts({0x45: Retry.NEVER})
    assert Rejected(Reason.REJECTED, "ESME_RSUBMITFAIL", Retry.NEVER) == (
        verdicts.rejected(0x45)
    )
    assert Rejected(Reason.THROTTLED, "ESME_RMSGQFUL", Retry.SLOWER) == (
        verdicts.rejected(0x14)
    )
    assert Rejected(Reason.UNKNOWN, "0x00000412", Retry.ELSEWHERE) == (
        verdicts.rejected(0x412)
    )
