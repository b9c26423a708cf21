"""PDUs on the wire: hexadecimal pairs, read both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from budstikke.smpp import Limits, Pdu, Role, Session, build, parse
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as statuses
from budstikke.smpp.codec import build_by_layout, parse_body, parse_by_layout
from budstikke.smpp.fast import BUILDERS, PARSERS
from budstikke.smpp.layouts import LAYOUTS, Kind
from budstikke.smpp.pdus import (
    AlertNotification,
    Bind,
    BindResp,
    CancelSm,
    DataSm,
    Destination,
    Empty,
    MessageId,
    Outbind,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    Sm,
    SubmitMulti,
    SubmitMultiResp,
    Unsuccessful,
)

HEI = Sm(
    source_addr_ton=5,
    source_addr="Bud",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr="4799999999",
    esm_class=0x40,
    validity_period="000002000000000R",
    registered_delivery=1,
    data_coding=8,
    short_message=b"\0H\0e\0i",
)
HEI_HEX = (
    "00 05 00 42756400 01 01 3437393939393939393900 40 00 00 00"
    "30303030303230303030303030303052 00 01 00 08 00 06 004800650069"
)

# (hex of command, status and what follows the sequence number; the PDU)
PAIRS = [
    pytest.param(
        # The example of SMPP 3.4 § 3.2.3, with its interface_version of 0.
        "00000002 00000000 00000001 534D50503354455354 00 7365637265743038 00"
        "5355424D495431 00 00 01 01 00",
        Pdu(
            cmd.BIND_TRANSMITTER,
            0,
            1,
            Bind("SMPP3TEST", "secret08", "SUBMIT1", 0, 1, 1, ""),
        ),
        id="bind_transmitter",
    ),
    pytest.param(
        "00000001 00000000 00000002 6100 00 00 34 00 00 343700",
        Pdu(cmd.BIND_RECEIVER, 0, 2, Bind("a", address_range="47")),
        id="bind_receiver",
    ),
    pytest.param(
        "00000009 00000000 7FFFFFFF 6100 6200 00 34 00 00 00",
        Pdu(cmd.BIND_TRANSCEIVER, 0, 0x7FFFFFFF, Bind("a", "b")),
        id="bind_transceiver",
    ),
    pytest.param(
        "80000009 00000000 00000003 6d6300 0210 0001 34",
        Pdu(cmd.BIND_TRANSCEIVER_RESP, 0, 3, BindResp("mc"), [(0x0210, b"\x34")]),
        id="bind_transceiver_resp",
    ),
    pytest.param(
        "80000002 0000000E 00000003",
        Pdu(cmd.BIND_TRANSMITTER_RESP, statuses.ESME_RINVPASWD, 3, None),
        id="bind_resp without body",
    ),
    pytest.param(
        "80000001 00000000 00000003 00",
        Pdu(cmd.BIND_RECEIVER_RESP, 0, 3, BindResp("")),
        id="bind_receiver_resp",
    ),
    pytest.param(
        "0000000B 00000000 00000001 6d6300 707700",
        Pdu(cmd.OUTBIND, 0, 1, Outbind("mc", "pw")),
        id="outbind",
    ),
    pytest.param(
        "00000006 00000000 00000004", Pdu(cmd.UNBIND, 0, 4, Empty()), id="unbind"
    ),
    pytest.param(
        "80000006 00000000 00000004",
        Pdu(cmd.UNBIND_RESP, 0, 4, Empty()),
        id="unbind_resp",
    ),
    pytest.param(
        "80000000 00000003 00000000",
        Pdu(cmd.GENERIC_NACK, statuses.ESME_RINVCMDID, 0, Empty()),
        id="generic_nack",
    ),
    pytest.param(
        "00000004 00000000 00000005" + HEI_HEX,
        Pdu(cmd.SUBMIT_SM, 0, 5, HEI),
        id="submit_sm",
    ),
    pytest.param(
        "00000005 00000000 00000006"
        + HEI_HEX
        + "001e 0003 616200 0427 0001 02 1400 0002 c3a5 1400 0000",
        Pdu(
            cmd.DELIVER_SM,
            0,
            6,
            HEI,
            [(0x1E, b"ab\0"), (0x427, b"\2"), (0x1400, b"\xc3\xa5"), (0x1400, b"")],
        ),
        id="deliver_sm with repeated and unknown parameters",
    ),
    pytest.param(
        "80000004 00000000 00000005 313233343500",
        Pdu(cmd.SUBMIT_SM_RESP, 0, 5, MessageId("12345")),
        id="submit_sm_resp",
    ),
    pytest.param(
        "80000004 00000058 00000005",
        Pdu(cmd.SUBMIT_SM_RESP, statuses.ESME_RTHROTTLED, 5, None),
        id="submit_sm_resp without body",
    ),
    pytest.param(
        "80000005 00000000 00000006 00",
        Pdu(cmd.DELIVER_SM_RESP, 0, 6, MessageId("")),
        id="deliver_sm_resp",
    ),
    pytest.param(
        "80000004 00000000 00000005 3100 0425 0001 00",
        Pdu(cmd.SUBMIT_SM_RESP, 0, 5, MessageId("1"), [(0x425, b"\0")]),
        id="submit_sm_resp with a parameter",
    ),
    pytest.param(
        "00000021 00000000 00000007 00 01 01 343700 02 01 01 01 343800 02 6c69737400"
        "00 00 00 00 00 00 00 00 00 02 4869",
        Pdu(
            cmd.SUBMIT_MULTI,
            0,
            7,
            SubmitMulti(
                source_addr_ton=1,
                source_addr_npi=1,
                source_addr="47",
                destinations=[
                    Destination(1, 1, "48"),
                    Destination(distribution_list="list"),
                ],
                short_message=b"Hi",
            ),
        ),
        id="submit_multi",
    ),
    pytest.param(
        "80000021 00000000 00000007 3900 01 01 01 343800 0000000B",
        Pdu(
            cmd.SUBMIT_MULTI_RESP,
            0,
            7,
            SubmitMultiResp("9", [Unsuccessful(1, 1, "48", statuses.ESME_RINVDSTADR)]),
        ),
        id="submit_multi_resp",
    ),
    pytest.param(
        "00000103 00000000 00000008 00 01 01 343700 01 01 343800 04 01 00"
        "0424 0002 4869",
        Pdu(
            cmd.DATA_SM,
            0,
            8,
            DataSm("", 1, 1, "47", 1, 1, "48", 4, 1, 0),
            [(0x424, b"Hi")],
        ),
        id="data_sm",
    ),
    pytest.param(
        "80000103 00000000 00000008 613100",
        Pdu(cmd.DATA_SM_RESP, 0, 8, MessageId("a1")),
        id="data_sm_resp",
    ),
    pytest.param(
        "00000003 00000000 00000009 613100 01 01 343700",
        Pdu(cmd.QUERY_SM, 0, 9, QuerySm("a1", 1, 1, "47")),
        id="query_sm",
    ),
    pytest.param(
        "80000003 00000000 00000009 613100 00 02 00",
        Pdu(cmd.QUERY_SM_RESP, 0, 9, QuerySmResp("a1", "", 2, 0)),
        id="query_sm_resp",
    ),
    pytest.param(
        "00000008 00000000 0000000A 00 613100 01 01 343700 01 01 343800",
        Pdu(cmd.CANCEL_SM, 0, 10, CancelSm("", "a1", 1, 1, "47", 1, 1, "48")),
        id="cancel_sm",
    ),
    pytest.param(
        "80000008 00000011 0000000A",
        Pdu(cmd.CANCEL_SM_RESP, statuses.ESME_RCANCELFAIL, 10, Empty()),
        id="cancel_sm_resp",
    ),
    pytest.param(
        "00000007 00000000 0000000B 613100 01 01 343700 00 00 01 00 03 4e6569",
        Pdu(
            cmd.REPLACE_SM,
            0,
            11,
            ReplaceSm("a1", 1, 1, "47", "", "", 1, 0, b"Nei"),
        ),
        id="replace_sm",
    ),
    pytest.param(
        "80000007 00000000 0000000B",
        Pdu(cmd.REPLACE_SM_RESP, 0, 11, Empty()),
        id="replace_sm_resp",
    ),
    pytest.param(
        "00000015 00000000 0000000C",
        Pdu(cmd.ENQUIRE_LINK, 0, 12, Empty()),
        id="enquire_link",
    ),
    pytest.param(
        "80000015 00000000 0000000C",
        Pdu(cmd.ENQUIRE_LINK_RESP, 0, 12, Empty()),
        id="enquire_link_resp",
    ),
    pytest.param(
        "00000102 00000000 0000000D 01 01 343700 00 00 6100 0422 0001 00",
        Pdu(
            cmd.ALERT_NOTIFICATION,
            0,
            13,
            AlertNotification(1, 1, "47", 0, 0, "a"),
            [(0x422, b"\0")],
        ),
        id="alert_notification",
    ),
]


def wire(text: str) -> bytes:
    rest = bytes.fromhex(text)
    return (len(rest) + 4).to_bytes(4, "big") + rest


def shown(pdu: Pdu) -> Pdu:
    """Sequences of parameters as lists: which kind they are is no matter."""
    return Pdu(pdu.command, pdu.status, pdu.sequence, pdu.body, list(pdu.tlvs))


@pytest.mark.parametrize(("text", "pdu"), PAIRS)
def test_build(text: str, pdu: Pdu) -> None:
    assert wire(text).hex() == build(pdu).hex()


@pytest.mark.parametrize(("text", "pdu"), PAIRS)
def test_parse(text: str, pdu: Pdu) -> None:
    assert shown(pdu) == shown(parse(wire(text)))


def test_every_command_has_a_pair() -> None:
    pairs: Any = [each.values for each in PAIRS]
    assert set(LAYOUTS) == {pdu.command for _, pdu in pairs}


def test_tables_and_classes_have_the_same_fields() -> None:
    for layout in LAYOUTS.values():
        names = [each.name for each in layout.fields]
        assert names == list(layout.body.__dataclass_fields__)


@pytest.mark.parametrize(("text", "pdu"), PAIRS)
def test_fast_paths_agree_with_the_tables(text: str, pdu: Pdu) -> None:
    if pdu.command not in PARSERS or pdu.body is None:
        return
    data = wire(text)
    layout = LAYOUTS[pdu.command]
    by_table = parse_by_layout(layout, pdu.command, data, 16, len(data))
    assert by_table == parse_body(pdu.command, data, 16, len(data))
    body_type, builder = BUILDERS[pdu.command]
    assert isinstance(pdu.body, body_type)
    assert build_by_layout(pdu.command, pdu.body) == builder(pdu.body)


# How they come: whole, octet by octet, and with the next one's beginning behind


def bound_client() -> Session:
    client = Session(Role.ESME, Limits(), 0.0)
    client.send_request(cmd.BIND_TRANSCEIVER, Bind("a"), "bind", 0.0)
    client.receive(build(Pdu(cmd.BIND_TRANSCEIVER_RESP, 0, 1, BindResp())), 0.0)
    client.data_to_send()
    return client


DELIVERY = build(Pdu(cmd.DELIVER_SM, 0, 9, HEI, [(0x1E, b"ab\0")]))


@pytest.mark.parametrize(
    "pieces",
    [
        [DELIVERY],
        [bytes((octet,)) for octet in DELIVERY],
        [DELIVERY + DELIVERY[:3], DELIVERY[3:]],
        [DELIVERY + DELIVERY[:40], DELIVERY[40:41], DELIVERY[41:]],
        [DELIVERY[:15], DELIVERY[15:]],
    ],
    ids=["whole", "octets", "short tail", "long tail", "split header"],
)
def test_pieces(pieces: list[bytes]) -> None:
    client = bound_client()
    events = [event for piece in pieces for event in client.receive(piece, 1.0)]
    count = sum(map(len, pieces)) // len(DELIVERY)
    wanted = Pdu(cmd.DELIVER_SM, 0, 9, HEI, [(0x1E, b"ab\0")])
    assert [wanted] * count == [event.pdu for event in events]  # type: ignore[union-attr] # only Received can have come


# Round trips

LATIN1 = st.characters(min_codepoint=1, max_codepoint=255)
TLVS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=3)
DESTINATIONS = st.lists(
    st.one_of(
        st.builds(
            Destination,
            st.integers(0, 255),
            st.integers(0, 255),
            st.text(LATIN1, max_size=20),
        ),
        st.builds(
            Destination, distribution_list=st.text(LATIN1, min_size=1, max_size=20)
        ),
    ),
    max_size=5,
)
UNSUCCESSFUL = st.lists(
    st.builds(
        Unsuccessful,
        st.integers(0, 255),
        st.integers(0, 255),
        st.text(LATIN1, max_size=20),
        st.integers(0, 0xFFFFFFFF),
    ),
    max_size=5,
)


def values(kind: Kind, size: int) -> st.SearchStrategy[object]:
    match kind:
        case Kind.INTEGER:
            return st.integers(0, 255)
        case Kind.STRING:
            return st.text(LATIN1, max_size=size - 1)
        case Kind.MESSAGE:
            return st.binary(max_size=size)
        case Kind.DESTINATIONS:
            return DESTINATIONS
        case Kind.UNSUCCESSFUL:
            return UNSUCCESSFUL


@st.composite
def pdus(draw: st.DrawFn) -> Pdu:
    command = draw(st.sampled_from(sorted(LAYOUTS)))
    layout = LAYOUTS[command]
    fields: list[Any] = [draw(values(each.kind, each.size)) for each in layout.fields]
    return Pdu(
        command,
        draw(st.integers(0, 0xFFFFFFFF)),
        draw(st.integers(0, 0xFFFFFFFF)),
        layout.body(*fields),
        draw(TLVS),
    )


@given(pdus())
def test_round_trip(pdu: Pdu) -> None:
    assert shown(pdu) == shown(parse(build(pdu)))
