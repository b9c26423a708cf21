"""Message ids, times, optional parameters, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.smpp import PduError, status, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp.ids import RULES, Side, normal_form
from budstikke.smpp.times import absolute, parse_time, receipt_date, relative

# Ids


@pytest.mark.parametrize(
    ("rule", "response", "receipt"),
    [
        ("caseless", "7FA3-b", "7fa3-B"),
        ("unpadded", "0000012345", "12345"),
        ("unpadded", "0a8C", "A8c"),
        ("hex_dec", "7FA3", "32675"),
        ("hex_dec", "0x7fa3", "0000032675"),
        ("dec_hex", "32675", "7fa3"),
        ("hex_hex", "00007FA3", "7fa3"),
        ("dec_dec", "0032675", "32675"),
        ("dec_dec", "0", "000"),
    ],
)
def test_two_spellings_meet(rule: str, response: str, receipt: str) -> None:
    key = normal_form(rule, Side.RESPONSE, response)
    assert key is not None
    assert key == normal_form(rule, Side.RECEIPT, receipt)


@pytest.mark.parametrize(
    ("rule", "side", "text"),
    [
        ("as_written", Side.RESPONSE, "12"),
        ("caseless", Side.RECEIPT, ""),
        ("hex_dec", Side.RESPONSE, "xyz"),
        ("hex_dec", Side.RESPONSE, ""),
        ("hex_dec", Side.RESPONSE, "0x"),
        ("hex_dec", Side.RESPONSE, "1_0"),
        ("hex_dec", Side.RESPONSE, " 1"),
        ("hex_dec", Side.RECEIPT, "7fa3"),
        ("dec_dec", Side.RECEIPT, "٣"),
    ],
)
def test_no_normal_form(rule: str, side: Side, text: str) -> None:
    assert normal_form(rule, side, text) is None


@given(st.integers(0, 2**128), st.sampled_from(sorted(RULES)))
def test_numbers_meet_under_their_rule(number: int, rule: str) -> None:
    if "_" not in rule or rule == "as_written":
        return
    spell = {"hex": f"{number:08x}", "dec": f"{number:08}"}
    response, receipt = (spell[each] for each in rule.split("_"))
    assert str(number) == normal_form(rule, Side.RESPONSE, response)
    assert str(number) == normal_form(rule, Side.RECEIPT, receipt)


@given(st.text(max_size=70), st.sampled_from(sorted(RULES)), st.sampled_from(Side))
def test_any_id_is_taken(text: str, rule: str, side: Side) -> None:
    normal_form(rule, side, text)


# Times

FAULT = status.ESME_RINVEXPIRY


def test_times_of_the_standard() -> None:
    # § 7.1.1: 2 years, 6 months, 10 days, 23 hours, 34 minutes, 29 seconds
    days = 2 * 365 + 6 * 30 + 10
    seconds = days * 86400 + 23 * 3600 + 34 * 60 + 29
    assert seconds == parse_time("020610233429000R", 0.0, FAULT)
    assert "020610233429000R" == relative(seconds)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("261123083000000+", 1_795_422_600.0),
        ("261123093000004+", 1_795_422_600.0),
        ("261123073000004-", 1_795_422_600.0),
        ("261123083000500+", 1_795_422_600.5),
        ("261123083000", 1_795_422_600.0),
        ("000000000100000R", 1_060.0),
        ("", None),
    ],
)
def test_parse_time(text: str, at: float | None) -> None:
    assert at == parse_time(text, 1_000.0, FAULT)


@pytest.mark.parametrize(
    "text", ["x", "261323083000000+", "260230083000000+", "26112308300", "1" * 40]
)
def test_nonsense_time(text: str) -> None:
    with pytest.raises(PduError) as caught:
        parse_time(text, 0.0, FAULT)
    assert (FAULT, False) == (caught.value.status, caught.value.fatal)


@given(st.integers(946_684_800, 4_102_444_799))
def test_absolute_round_trip(at: int) -> None:
    text = absolute(at)
    assert 16 == len(text)
    assert at == parse_time(text, 0.0, FAULT)


@given(st.integers(0, 99 * 365 * 86400))
def test_relative_round_trip(seconds: int) -> None:
    text = relative(seconds)
    assert 16 == len(text)
    assert seconds == parse_time(text, 0.0, FAULT)


@pytest.mark.parametrize(
    "text", ["", "0000000000", "123", "2613990000", "abcdefghij", "٢٦١١٢٣٠٨٣٠"]
)
def test_nonsense_receipt_date(text: str) -> None:
    assert receipt_date(text) is None


# Optional parameters


@pytest.mark.parametrize(
    ("tag", "octets", "value"),
    [
        (tags.SAR_MSG_REF_NUM, b"\1\2", 0x0102),
        (tags.RECEIPTED_MESSAGE_ID, b"a7\0", "a7"),
        (tags.MESSAGE_PAYLOAD, b"hei", b"hei"),
        (0x1400, b"\1\2", b"\1\2"),
    ],
)
def test_parameters(tag: int, octets: bytes, value: object) -> None:
    assert value == tags.value(tag, octets)
    assert (tag, octets) == tags.parameter(tag, tags.value(tag, octets))


def test_parameter_read_with_another_length() -> None:
    assert 0 == tags.value(tags.MESSAGE_STATE, b"")
    assert 2 == tags.value(tags.MESSAGE_STATE, b"\0\2")
    assert "a7" == tags.value(tags.RECEIPTED_MESSAGE_ID, b"a7")


@pytest.mark.parametrize(
    ("tag", "content"),
    [(tags.MESSAGE_STATE, 256), (0x1400, 1), (tags.RECEIPTED_MESSAGE_ID, "Č")],
)
def test_parameter_not_built(tag: int, content: int | str) -> None:
    with pytest.raises(PduError):
        tags.parameter(tag, content)


# Names


def test_names() -> None:
    assert "submit_sm_resp" == cmd.name(cmd.SUBMIT_SM_RESP)
    assert "generic_nack" == cmd.name(cmd.GENERIC_NACK)
    assert "0x00000777" == cmd.name(0x777)
    assert "ESME_RTHROTTLED" == status.name(0x58)
    assert "0x00000412" == status.name(0x412)
    assert "message_payload" == tags.name(0x424)
    assert "0x1400" == tags.name(0x1400)
    assert 0x424 == tags.TAGS["message_payload"]
