"""PDUs whose mandatory part is whole, and something behind it is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.smpp import (
    Answered,
    Malformed,
    Pdu,
    Received,
    Tlvs,
    build,
    parse,
    tags,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as statuses
from budstikke.smpp.pdus import DataSm, Empty, MessageId, QuerySmResp, Sm
from smpp.pair import SessionPair

HEI = Sm(source_addr="4790000001", destination_addr="2229", short_message=b"Hei 2")
DELIVERY = Pdu(cmd.DELIVER_SM, 0, 1, HEI)
STATE = (tags.MESSAGE_STATE, b"\2")
GOOD = bytes.fromhex("0427 0001 02")


def framed(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "big") + octets[4:]


def with_tail(pdu: Pdu, tail: str | bytes) -> bytes:
    octets = tail if isinstance(tail, bytes) else bytes.fromhex(tail)
    return framed(build(pdu) + octets)


@pytest.mark.parametrize(
    ("tail", "tlvs", "status"),
    [
        ("02", [], statuses.ESME_RINVOPTPARSTREAM),
        ("0204", [], statuses.ESME_RINVOPTPARSTREAM),
        ("020400", [], statuses.ESME_RINVOPTPARSTREAM),
        ("02040004", [], statuses.ESME_RINVPARLEN),
        ("0204 0004 01", [], statuses.ESME_RINVPARLEN),
        ("0427 0001 02 0204 0004 01", [STATE], statuses.ESME_RINVPARLEN),
        ("0427 0001 02 0204", [STATE], statuses.ESME_RINVOPTPARSTREAM),
        ("0427 0004 02", [], statuses.ESME_RINVPARLEN),
        ("ffffffffff", [], statuses.ESME_RINVPARLEN),
    ],
)
@pytest.mark.parametrize(
    "pdu",
    [
        DELIVERY,
        Pdu(cmd.DATA_SM, 0, 1, DataSm(source_addr="4790000001")),
        Pdu(cmd.SUBMIT_SM_RESP, 0, 1, MessageId("17")),
        Pdu(cmd.DATA_SM_RESP, 0, 1, MessageId("17")),
        Pdu(cmd.QUERY_SM_RESP, 0, 1, QuerySmResp("17", "", 2, 0)),
    ],
    ids=lambda pdu: cmd.name(pdu.command),
)
def test_what_is_whole_is_kept(pdu: Pdu, tail: str, tlvs: Tlvs, status: int) -> None:
    found = parse(with_tail(pdu, tail))
    assert (pdu.body, tlvs) == (found.body, list(found.tlvs))
    assert found.fault is not None
    assert (status, False) == (found.fault.status, found.fault.fatal)


def test_nothing_is_wrong_with_what_is_whole() -> None:
    assert parse(build(DELIVERY)).fault is None
    assert parse(with_tail(DELIVERY, GOOD)).fault is None


def test_payload_that_is_cut_off_is_kept_as_far_as_it_came() -> None:
    found = parse(with_tail(Pdu(cmd.DATA_SM, 0, 1, DataSm()), "0424 0010 48656920"))
    assert b"Hei " == found.tlv(tags.MESSAGE_PAYLOAD)
    assert found.fault is not None


def test_text_shorter_than_its_length_says() -> None:
    octets = build(DELIVERY)
    found = parse(framed(octets[:-2]))
    assert isinstance(found.body, Sm)
    assert b"Hei" == found.body.short_message
    assert found.fault is not None
    assert statuses.ESME_RINVMSGLEN == found.fault.status


@pytest.mark.parametrize("tail", ["00", "00 0427 0001 02", "00 0427 0001 02 000000"])
def test_one_nul_after_the_text_that_its_length_does_not_count(tail: str) -> None:
    found = parse(with_tail(DELIVERY, tail))
    assert (HEI, None) == (found.body, found.fault)
    assert ([STATE] if len(tail) > 2 else []) == list(found.tlvs)


def test_parameters_after_an_uncounted_nul_and_a_cut_one() -> None:
    found = parse(with_tail(DELIVERY, "00 0427 0001 02 1400 0009 31"))
    assert ([STATE], True) == (list(found.tlvs), found.fault is not None)


def test_a_first_parameter_whose_tag_begins_with_nul_is_no_padding() -> None:
    found = parse(with_tail(DELIVERY, "001e 0003 313700 0204"))
    assert [(tags.RECEIPTED_MESSAGE_ID, b"17\0")] == list(found.tlvs)


@given(
    st.lists(st.tuples(st.integers(0x1400, 0x3FFF), st.binary(max_size=9)), max_size=4),
    st.integers(0, 60),
)
def test_cut_anywhere_behind_the_text(tlvs: list[tuple[int, bytes]], cut: int) -> None:
    whole = build(Pdu(cmd.DELIVER_SM, 0, 1, HEI, tlvs))
    least = len(build(DELIVERY))
    found = parse(framed(whole[: max(least, len(whole) - cut)]))
    assert found.body == HEI
    assert tlvs[: len(found.tlvs)] == list(found.tlvs)


def test_a_client_takes_what_its_operator_cut() -> None:
    pair = SessionPair()
    (event,) = pair.esme.receive(with_tail(DELIVERY, "0204 0004 01"), pair.now)
    assert isinstance(event, Received)
    assert HEI == event.pdu.body
    assert event.pdu.fault is not None


def test_a_centre_refuses_what_its_client_cut() -> None:
    pair = SessionPair()
    cut = with_tail(Pdu(cmd.SUBMIT_SM, 0, 7, HEI), "0204 0004 01")
    (event,) = pair.mc.receive(cut, pair.now)
    assert isinstance(event, Malformed)
    (answer,) = pair.to_esme()
    assert statuses.ESME_RINVPARLEN == getattr(answer, "pdu").status  # noqa: B009


def test_a_centre_passes_over_what_follows_a_question_without_a_message() -> None:
    pair = SessionPair()
    pair.mc.receive(with_tail(Pdu(cmd.ENQUIRE_LINK, 0, 7, Empty()), "0204"), pair.now)
    assert build(Pdu(cmd.ENQUIRE_LINK_RESP, 0, 7, Empty())) == pair.mc.data_to_send()


@pytest.mark.parametrize("tail", ["0204 0004 01", "0204", "00", "ffffffff"])
def test_an_answer_with_a_cut_tail_answers(tail: str) -> None:
    pair = SessionPair()
    pair.submit("mine")
    pdu = pair.asked()
    octets = with_tail(Pdu(cmd.SUBMIT_SM_RESP, 0, pdu.sequence, MessageId("17")), tail)
    (event,) = pair.esme.receive(octets, pair.now)
    assert isinstance(event, Answered)
    assert ("mine", MessageId("17")) == (event.token, event.pdu.body)
