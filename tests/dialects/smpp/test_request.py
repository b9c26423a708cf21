"""Requests as orders: whatever a client sends is an order or a refusal."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budstikke.dialects.smpp.request import LONGEST_VALIDITY, make_order, read_submit
from budstikke.dialects.smpp.settings import Settings
from budstikke.dialects.smpp.submission import Address, Submission, read
from budstikke.domain.message import Order
from budstikke.domain.refusal import Refusal
from budstikke.domain.text import LinkAlphabet
from budstikke.smpp import Pdu, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp.pdus import DataSm, Destination, Sm, SubmitMulti
from budstikke.smpp.times import absolute, relative

NOW = 1_800_000_000.0


def order(tlvs: Any = (), given: Settings | None = None, **fields: Any) -> Order:
    values = {"source_addr": "Bud", "destination_addr": "4799999999"} | fields
    body = Sm(**{"short_message": b"Hei", **values})
    pdu = Pdu(cmd.SUBMIT_SM, 0, 1, body, tlvs)
    return make_order([read_submit(pdu, body, given or Settings(), NOW)])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"registered_delivery": 0}, {"report": False, "interim": False}),
        ({"registered_delivery": 2}, {"report": True, "interim": False}),
        ({"registered_delivery": 0x10}, {"report": False, "interim": True}),
        ({"priority_flag": 0}, {"priority": 1}),
        ({"priority_flag": 1}, {"priority": 2}),
        ({"priority_flag": 3}, {"priority": 3}),
        ({"protocol_id": 0x41}, {"protocol_id": 0x41}),
        ({"data_coding": 0xF0}, {"flash": True, "text": "Hei"}),
        ({"data_coding": 0x10}, {"flash": True}),
        ({"data_coding": 0x11}, {"flash": False}),
        ({"data_coding": 0x18, "short_message": b"\0A"}, {"flash": True, "text": "A"}),
        ({"validity_period": relative(3600)}, {"validity": 3600}),
        ({"validity_period": absolute(NOW + 90)}, {"validity": 90}),
        ({"validity_period": "990000000000000R"}, {"validity": LONGEST_VALIDITY}),
        ({"schedule_delivery_time": relative(60)}, {"send_at": NOW + 60}),
        ({"schedule_delivery_time": absolute(NOW + 60)}, {"send_at": NOW + 60}),
        ({"schedule_delivery_time": absolute(NOW - 60)}, {"send_at": None}),
        (
            {
                "schedule_delivery_time": relative(60),
                "validity_period": absolute(NOW + 90),
            },
            {"validity": 30},
        ),
        (
            {"source_addr": "4799999998", "source_addr_ton": 1},
            {"originator": "+4799999998"},
        ),
        ({"source_addr": "2229", "source_addr_ton": 1}, {"originator": "2229"}),
        ({"source_addr": "\xd8re", "source_addr_ton": 5}, {"originator": "Øre"}),
        ({"source_addr": "\xc3\x98re", "source_addr_ton": 5}, {"originator": "Øre"}),
        ({"source_addr": "2229", "source_addr_ton": 3}, {"originator": "2229"}),
        ({"destination_addr": "4799999999"}, {"recipients": ("+4799999999",)}),
        ({"destination_addr": "+4799999999"}, {"recipients": ("+4799999999",)}),
        ({"destination_addr": "004799999999"}, {"recipients": ("+4799999999",)}),
        (
            {"destination_addr": "99999999", "dest_addr_ton": 2},
            {"recipients": ("99999999",)},
        ),
        ({"esm_class": 1}, {"text": "Hei"}),
        ({"esm_class": 3}, {"text": "Hei"}),
    ],
)
def test_fields(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    made = order(**fields)
    assert expected == {name: getattr(made, name) for name in expected}


def test_settings() -> None:
    assert "Acme" == order(given=Settings(originator="Acme"), source_addr="").originator
    national = order(given=Settings(home_numbers=True), destination_addr="99999999")
    assert ("99999999",) == national.recipients
    latin1 = Settings(alphabet=LinkAlphabet.LATIN1)
    assert "\xe9@" == order(given=latin1, short_message=b"\xe9@").text
    assert "é\xa1" == order(short_message=b"\x05\x40").text


def test_what_reports_need_is_kept() -> None:
    made = order(
        [(tags.USER_MESSAGE_REFERENCE, b"\x12\x34")],
        registered_delivery=0x13,
        source_addr_ton=5,
        dest_addr_ton=1,
        dest_addr_npi=1,
    )
    assert Submission(
        0x13, Address(5, 0, "Bud"), Address(1, 1, "4799999999"), NOW, "1234"
    ) == read(made.ref)


def test_data_sm_and_submit_multi() -> None:
    body = DataSm(source_addr="Bud", destination_addr="4799999999")
    tlvs = [(tags.MESSAGE_PAYLOAD, b"Hei"), (tags.QOS_TIME_TO_LIVE, b"\0\0\0\x3c")]
    pdu = Pdu(cmd.DATA_SM, 0, 1, body, tlvs)
    made = read_submit(pdu, body, Settings(), NOW).order
    assert ("Hei", 60) == (made.text, made.validity)
    to = [Destination(1, 1, "4799999999"), Destination(distribution_list="staff")]
    multi = SubmitMulti(source_addr="Bud", destinations=to, short_message=b"Hei")
    pdu = Pdu(cmd.SUBMIT_MULTI, 0, 1, multi)
    made = read_submit(pdu, multi, Settings(), NOW).order
    assert (("+4799999999",), ("staff",)) == (made.recipients, made.groups)


def segment(reference: int, number: int, octets: bytes, coding: int) -> Any:
    header = bytes((5, 0, 3, reference, 2, number))
    body = Sm(esm_class=0x40, data_coding=coding, short_message=header + octets)
    return read_submit(Pdu(cmd.SUBMIT_SM, 0, 1, body), body, Settings(), NOW)


def test_segments_may_cut_escapes_and_surrogates() -> None:
    halves = segment(1, 1, b"a\x1b", 0), segment(1, 2, b"\x65b", 0)
    assert halves[0].key == halves[1].key
    assert "a€b" == make_order(halves).text
    wide = "😀".encode("utf-16-be")
    assert (
        "😀"
        == make_order([segment(1, 1, wide[:2], 8), segment(1, 2, wide[2:], 8)]).text
    )


octet = st.integers(0, 255)
address = st.text("0123456789+Aø \x80", max_size=20)
bodies = st.builds(
    Sm,
    source_addr_ton=octet,
    source_addr=address,
    dest_addr_ton=octet,
    destination_addr=address,
    esm_class=octet,
    protocol_id=octet,
    priority_flag=octet,
    schedule_delivery_time=st.sampled_from(["", relative(9), "x", "991332000000000+"]),
    validity_period=st.sampled_from(["", relative(9), "x", "000000000000000R"]),
    registered_delivery=octet,
    data_coding=octet,
    short_message=st.binary(max_size=255),
)
tlvs = st.lists(
    st.tuples(st.sampled_from([0x020C, 0x020E, 0x020F, 0x0204, 0x0424, 5]), st.binary())
)


@settings(deadline=None, max_examples=300)
@given(bodies, tlvs)
def test_anything_is_an_order_or_a_refusal(body: Sm, given: Any) -> None:
    try:
        made = read_submit(Pdu(cmd.SUBMIT_SM, 0, 1, body, given), body, Settings(), NOW)
    except Refusal:
        return
    order = made.order
    msgspec.convert(msgspec.to_builtins(order), Order)  # types are as declared
    order.text.encode()  # no half surrogate pairs
    assert 0 < order.validity <= LONGEST_VALIDITY
    assert 1 <= order.priority <= 3
    assert order.send_at is None or order.send_at > NOW
    assert read(order.ref) is not None
