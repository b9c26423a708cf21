"""Receipts as operators write them, and as we write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.smpp import Pdu, Tlvs, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp.pdus import DataSm, MessageId, Sm
from budstikke.smpp.receipt import (
    WORDS,
    DeliveryReceipt,
    MessageState,
    Rules,
    parse_receipt_text,
    read_receipt,
    receipt_text,
    receipt_tlvs,
)

AT = 1_795_422_600.0  # 2026-11-23 08:30 UTC
STANDARD = (
    "id:0123456789 sub:001 dlvrd:001 submit date:2611230829 done date:2611230830 "
    "stat:DELIVRD err:000 text:id:9 stat:UNDELIV"
)


# (text; id, word, state, error, done)
TEXTS = [
    pytest.param(
        STANDARD,
        ("0123456789", "DELIVRD", MessageState.DELIVERED, "000", AT),
        id="appendix B",
    ),
    pytest.param(
        "id:7 submit date:2611230829 done date:261123083000 stat:UNDELIV err:0000",
        ("7", "UNDELIV", MessageState.UNDELIVERABLE, "0000", AT),
        id="no sub, dlvrd or text; 12 digits; err of four",
    ),
    pytest.param(
        "id:7 sub:1 dlvrd:1 submit date:20261123082900 done date:20261123083000 "
        "stat:EXPIRED err:21b Text:",
        ("7", "EXPIRED", MessageState.EXPIRED, "21b", AT),
        id="14 digits; err is a word",
    ),
    pytest.param(
        "id:7 done date:202611230830 stat:REJECTD",
        ("7", "REJECTD", MessageState.REJECTED, "", AT),
        id="12 digits with the century",
    ),
    pytest.param(
        "id: 7 sub: 001 dlvrd: 001 done date: 2611230830 stat: ACCEPTD err: 000",
        ("7", "ACCEPTD", MessageState.ACCEPTED, "000", AT),
        id="space after the colon",
    ),
    pytest.param(
        "id:7 stat:FAILED err: text:",
        ("7", "FAILED", MessageState.UNDELIVERABLE, "", None),
        id="six letters; empty err",
    ),
    pytest.param(
        "id:7 submit date:0000000000 done date:0000000000 stat:ACKED",
        ("7", "ACKED", MessageState.ACCEPTED, "", None),
        id="zeros for dates",
    ),
    pytest.param(
        "stat:BUFFRED;id:7;err:1",
        ("7", "BUFFRED", MessageState.ENROUTE, "1", None),
        id="another order and separator",
    ),
    pytest.param(
        "ID:7 STAT:delivrd DONE DATE:2611230830",
        ("7", "delivrd", MessageState.DELIVERED, "", AT),
        id="case",
    ),
    pytest.param(
        "id:6ba7b810-9dad-11d1-80b4-00c04fd430c8 done_date:2699993099 stat:0",
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "0", None, "", None),
        id="UUID; no such date; unknown word",
    ),
    pytest.param("message id:7", ("7", "", None, "", None), id="only an id"),
    *(
        pytest.param(text, ("7", "DELIVRD", MessageState.DELIVERED, "1", None), id=text)
        for text in (
            "msgid:7 stat:DELIVRD err:1",
            "message_id=7&stat=DELIVRD&err=1",
            "msg-id:7|stat:DELIVRD|err:1",
            "id:7/stat:DELIVRD/err:1",
            '{"id":"7","stat":"DELIVRD","err":"1"}',
            "id:'7' sub:1 dlvrd:1 submit date: done date: stat:'DELIVRD' err:'1'",
        )
    ),
    pytest.param("id:a|b&c/d= err:1", ("a|b&c/d=", "", None, "1", None), id="signs"),
    pytest.param("id:{7} err:1", ("{7}", "", None, "1", None), id="braces of an id"),
    pytest.param("Hei", ("", "", None, "", None), id="no receipt"),
    pytest.param("grid:7 restat:x", ("", "", None, "", None), id="no such keys"),
]


@pytest.mark.parametrize(("text", "wanted"), TEXTS)
def test_text(text: str, wanted: tuple[object, ...]) -> None:
    found = parse_receipt_text(text)
    assert wanted == (found.id, found.word, found.state, found.error, found.done)
    assert text == found.raw


def test_words_of_the_link_come_first() -> None:
    rules = Rules(words={"0": MessageState.DELIVERED, "EXPIRED": MessageState.UNKNOWN})
    found = [
        parse_receipt_text(f"id:1 stat:{word}", rules).state
        for word in ("0", "expired", "DELIVRD")
    ]
    assert [
        MessageState.DELIVERED,
        MessageState.UNKNOWN,
        MessageState.DELIVERED,
    ] == found


def test_pattern_of_the_link() -> None:
    rules = Rules(
        pattern=re.compile(r"MSG=(?P<id>\w+)/(?P<stat>\w+)(?:/(?P<err>\d+))?")
    )
    found = parse_receipt_text("MSG=a7/DELIVRD", rules)
    assert ("a7", MessageState.DELIVERED, "") == (found.id, found.state, found.error)
    assert "" == parse_receipt_text(STANDARD, rules).id


def test_pattern_of_the_link_sees_the_beginning_alone() -> None:
    rules = Rules(pattern=re.compile(r"MSG=(?P<id>\w+)/(?P<stat>\w+)"))
    assert "a7" == parse_receipt_text(" " * 490 + "MSG=a7/DELIVRD", rules).id
    assert "" == parse_receipt_text(" " * 510 + "MSG=a7/DELIVRD", rules).id


def test_dates_ahead_of_utc() -> None:
    found = parse_receipt_text(STANDARD, Rules(ahead=3600))
    assert (AT - 3660, AT - 3600) == (found.submitted, found.done)


# Which PDU is a receipt


def delivery(esm_class: int, text: str = "", tlvs: Tlvs = ()) -> Pdu:
    body = Sm(esm_class=esm_class, short_message=text.encode())
    return Pdu(cmd.DELIVER_SM, 0, 1, body, tlvs)


@pytest.mark.parametrize("esm_class", [0x04, 0x08, 0x20, 0x44 & ~0x40, 0x24])
def test_esm_class_makes_a_receipt(esm_class: int) -> None:
    found = read_receipt(delivery(esm_class, STANDARD))
    assert found is not None
    assert "0123456789" == found.id
    assert bool(esm_class & 0x20) == found.interim


def test_a_person_may_write_what_looks_like_a_receipt() -> None:
    assert read_receipt(delivery(0, "id:1 stat:DELIVRD")) is None


def test_text_alone_if_the_link_says_so() -> None:
    rules = Rules(text=True)
    found = read_receipt(delivery(0, "id:1 stat:DELIVRD"), rules)
    assert found is not None
    assert "1" == found.id
    assert read_receipt(delivery(0, "id:1 Hei"), rules) is None
    assert read_receipt(delivery(0, "id:1 FAILED"), rules) is None
    assert read_receipt(delivery(0, "Hei"), rules) is None


def test_parameters_make_a_receipt() -> None:
    tlvs = receipt_tlvs("a7", MessageState.EXPIRED, (3, 0x0102))
    found = read_receipt(delivery(0, "", tlvs))
    assert (
        DeliveryReceipt("a7", state=MessageState.EXPIRED, network_error=(3, 0x0102))
        == found
    )


def test_parameters_over_text_and_gaps_from_text() -> None:
    tlvs = [(tags.RECEIPTED_MESSAGE_ID, b"a7"), (tags.MESSAGE_STATE, b"\x05")]
    found = read_receipt(delivery(4, STANDARD, tlvs))
    assert found is not None
    assert ("a7", "0123456789") == (found.id, found.text_id)
    assert (MessageState.UNDELIVERABLE, "DELIVRD") == (found.state, found.word)
    assert AT == found.done


def test_id_without_state_takes_the_state_of_the_text() -> None:
    tlvs = [(tags.RECEIPTED_MESSAGE_ID, b"a7\0")]
    found = read_receipt(delivery(0, STANDARD, tlvs))
    assert found is not None
    assert ("a7", MessageState.DELIVERED) == (found.id, found.state)


def test_a_parameters_id_between_nuls_or_given_twice() -> None:
    for values in ([b"\x0017\0"], [b"17", b"\0"], [b"17\0", b" "]):
        tlvs = [(tags.RECEIPTED_MESSAGE_ID, value) for value in values]
        found = read_receipt(delivery(4, "id:8 stat:DELIVRD", tlvs))
        assert found is not None
        assert ("17", "8") == (found.id, found.text_id)


@pytest.mark.parametrize(
    "tlvs",
    [
        [(tags.MESSAGE_STATE, b"")],
        [(tags.MESSAGE_STATE, b"\x63")],
        [(tags.NETWORK_ERROR_CODE, b"\3")],
        [(tags.RECEIPTED_MESSAGE_ID, b"\0")],
    ],
)
def test_nonsense_in_parameters_is_passed_over(tlvs: Tlvs) -> None:
    found = read_receipt(delivery(4, STANDARD, tlvs))
    assert found is not None
    assert ("0123456789", MessageState.DELIVERED) == (found.id, found.state)


def test_message_payload() -> None:
    tlvs = [(tags.MESSAGE_PAYLOAD, STANDARD.encode())]
    found = read_receipt(delivery(4, "", tlvs))
    assert found is not None
    assert "0123456789" == found.id


def test_data_sm() -> None:
    tlvs = [(tags.MESSAGE_PAYLOAD, STANDARD.encode())]
    found = read_receipt(Pdu(cmd.DATA_SM, 0, 1, DataSm(esm_class=4), tlvs))
    assert found is not None
    assert "0123456789" == found.id


def test_ucs2_and_user_data_header() -> None:
    body = Sm(esm_class=4, data_coding=8, short_message=STANDARD.encode("utf-16-be"))
    found = read_receipt(Pdu(cmd.DELIVER_SM, 0, 1, body))
    assert found is not None
    assert "0123456789" == found.id
    body = Sm(esm_class=0x44, short_message=b"\5\0\3\1\1\1" + STANDARD.encode())
    found = read_receipt(Pdu(cmd.DELIVER_SM, 0, 1, body))
    assert found is not None
    assert "0123456789" == found.id


@pytest.mark.parametrize(
    "wide",
    [
        b"\xfe\xff" + STANDARD.encode("utf-16-be"),
        b"\xff\xfe" + STANDARD.encode("utf-16-le"),
        STANDARD.encode("utf-16-le"),
        b"\xef\xbb\xbf" + STANDARD.encode(),
    ],
)
@pytest.mark.parametrize("data_coding", [0, 8])
def test_mark_before_a_receipt(wide: bytes, data_coding: int) -> None:
    body = Sm(esm_class=4, data_coding=data_coding, short_message=wide)
    found = read_receipt(Pdu(cmd.DELIVER_SM, 0, 1, body))
    assert found is not None
    assert ("0123456789", MessageState.DELIVERED) == (found.id, found.state)


@pytest.mark.parametrize("header", ["", "050003010101", "06050423f40069"])
def test_bit_for_a_header_with_a_header_or_none(header: str) -> None:
    octets = bytes.fromhex(header) + STANDARD.encode()
    body = Sm(esm_class=0x44, short_message=octets)
    found = read_receipt(Pdu(cmd.DELIVER_SM, 0, 1, body))
    assert found is not None
    assert ("0123456789", MessageState.DELIVERED) == (found.id, found.state)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("id:7 stat:DELIVRD\0", ("7", "DELIVRD", "")),
        ("id:7 stat:UNDELIV err:001\0", ("7", "UNDELIV", "001")),
        ("\0\0 id:7\0 stat:UNDELIV\0err:001 \r\n\0", ("7", "UNDELIV", "001")),
        ("id:7 DELIVRD", ("7", "DELIVRD", "")),
        ("Message id:7 status: UNDELIV, err:21", ("7", "UNDELIV", "21")),
        ("delivered id:7", ("7", "delivered", "")),
        ("id:7 stat:0 DELIVRD", ("7", "0", "")),  # it does say a state
        ("id:7 til +4799999999 EXPIRED", ("7", "EXPIRED", "")),
        ("DELIVRD", ("", "DELIVRD", "")),
        ("stat:DELIVRD err:000", ("", "DELIVRD", "000")),
        ("id:7 text:FAILED", ("7", "", "")),
        ("", ("", "", "")),
        ("\0 ", ("", "", "")),
    ],
)
@pytest.mark.parametrize("esm_class", [0x04, 0x08, 0x20])
def test_what_is_a_receipt(
    esm_class: int, text: str, wanted: tuple[str, str, str]
) -> None:
    found = read_receipt(delivery(esm_class, text))
    assert found is not None
    assert wanted == (found.id, found.word, found.error)


@pytest.mark.parametrize(
    "text",
    [
        "Hei",
        "?",
        "\x01\x02",
        "12345",
        "Hei id:5 her",
        "My id: 5 was rejected",
        "Delivered",
        "DELIVERED? Nei, den kom ikke",
        "err: 404",
    ],
)
@pytest.mark.parametrize("esm_class", [0x04, 0x08, 0x10, 0x18, 0x20, 0x48])
def test_what_a_person_writes_is_no_receipt(esm_class: int, text: str) -> None:
    assert read_receipt(delivery(esm_class, text)) is None


def test_a_persons_text_with_an_id_in_a_parameter() -> None:
    tlvs = [(tags.RECEIPTED_MESSAGE_ID, b"7\0")]
    assert read_receipt(delivery(0x08, "Ja takk", tlvs)) is None
    assert read_receipt(delivery(0x00, "Ja takk", tlvs)) is None
    state = (tags.MESSAGE_STATE, b"\2")
    for esm_class, more in ((0x04, []), (0x20, []), (0x08, [state]), (0, [state])):
        found = read_receipt(delivery(esm_class, "Message arrived", tlvs + more))
        assert found is not None
        assert "7" == found.id


def test_pattern_that_does_not_match() -> None:
    rules = Rules(pattern=re.compile(r"MSG (?P<id>\d+) (?P<stat>\w+)"))
    assert read_receipt(delivery(4, "Hei"), rules) is None
    found = read_receipt(delivery(4, STANDARD), rules)
    assert found is not None
    assert "" == found.id


@pytest.mark.parametrize(
    "octets", ["02", "0002", "00000002", "00" * 9 + "02", "0200", "02000000"]
)
def test_state_of_any_width(octets: str) -> None:
    tlvs = [(tags.MESSAGE_STATE, bytes.fromhex(octets))]
    found = read_receipt(delivery(4, "id:7 stat:UNDELIV", tlvs))
    assert found is not None
    assert MessageState.DELIVERED is found.state


@pytest.mark.parametrize("octets", ["00", "0000"])
def test_state_of_zero(octets: str) -> None:
    found = read_receipt(delivery(4, "", [(tags.MESSAGE_STATE, bytes.fromhex(octets))]))
    assert found is not None
    assert MessageState.SCHEDULED is found.state


def test_other_pdus_are_none() -> None:
    assert read_receipt(Pdu(cmd.SUBMIT_SM_RESP, 0, 1, MessageId("1"))) is None


# What we write


def test_written_as_appendix_b_has_it() -> None:
    assert (
        "id:a7 sub:001 dlvrd:001 submit date:2611230829 done date:2611230830 "
        "stat:DELIVRD err:000 text:Hei du som leser den"
    ) == receipt_text(
        "a7",
        MessageState.DELIVERED,
        submitted=AT - 60,
        done=AT,
        text="Hei du som leser denne",
    )


@given(
    st.from_regex(r"[0-9a-zA-Z-]{1,36}", fullmatch=True),
    st.sampled_from(MessageState),
    st.integers(0, 2**31 // 60 - 1),
    st.from_regex(r"[0-9A-F]{3}", fullmatch=True),
    st.text(max_size=30),
)
def test_round_trip(
    message_id: str, state: MessageState, minute: int, error: str, text: str
) -> None:
    done = 946_684_800.0 + minute * 60  # two digits of year mean 20xx
    written = receipt_text(
        message_id, state, submitted=done, done=done, error=error, text=text
    )
    found = parse_receipt_text(written)
    assert (message_id, state, done, done, error) == (
        found.id,
        found.state,
        found.submitted,
        found.done,
        found.error,
    )


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    parse_receipt_text(text)


def test_every_state_has_its_appendix_b_word() -> None:
    for state in MessageState:
        word = re.search(r"stat:(\S+)", receipt_text("1", state, submitted=0, done=0))
        assert word is not None
        assert 7 == len(word[1])
        assert state == WORDS[word[1]]
