"""The codec against another one: smpplib builds what we parse, and the reverse."""

from __future__ import annotations

from typing import Any

import pytest
from smpplib import consts, smpp
from smpplib.client import SimpleSequenceGenerator

from budstikke.smpp import Pdu, build, parse, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, BindResp, MessageId, QuerySm, Sm


class Theirs:
    """What smpplib wants of a client when it builds."""

    sequence_generator = SimpleSequenceGenerator()

    @property
    def sequence(self) -> Any:
        return self.sequence_generator.sequence

    def next_sequence(self) -> Any:
        return self.sequence_generator.next_sequence()


def theirs(name: str, **fields: Any) -> bytes:
    octets: bytes = smpp.make_pdu(name, client=Theirs(), **fields).generate()
    return octets


def read_by_them(pdu: Pdu) -> Any:
    return smpp.parse_pdu(build(pdu), client=Theirs(), allow_unknown_opt_params=True)


SM = Sm(
    service_type="CMT",
    source_addr_ton=5,
    source_addr="Bud",
    dest_addr_ton=1,
    dest_addr_npi=1,
    destination_addr="4799999999",
    esm_class=0x40,
    protocol_id=0x41,
    priority_flag=2,
    schedule_delivery_time="261123083000000+",
    validity_period="000002000000000R",
    registered_delivery=1,
    replace_if_present_flag=1,
    data_coding=8,
    sm_default_msg_id=7,
    short_message=b"\5\0\3\1\2\1\0H\0e\0i",
)
FIELDS = {name: getattr(SM, name) for name in Sm.__dataclass_fields__}


@pytest.mark.parametrize("command", [cmd.SUBMIT_SM, cmd.DELIVER_SM])
def test_messages(command: int) -> None:
    found = parse(theirs(cmd.name(command), **FIELDS))
    assert (command, SM) == (found.command, found.body)
    read = read_by_them(Pdu(command, 0, 5, SM))
    for name, value in FIELDS.items():
        seen = getattr(read, name)
        text = seen.decode() if isinstance(value, str) and seen else seen
        assert value == text, name


def test_parameters() -> None:
    tlvs = [
        tags.parameter(tags.RECEIPTED_MESSAGE_ID, "a7"),
        tags.parameter(tags.MESSAGE_STATE, 2),
        tags.parameter(tags.USER_MESSAGE_REFERENCE, 0x0102),
    ]
    read = read_by_them(Pdu(cmd.DELIVER_SM, 0, 1, Sm(), tlvs))
    assert (b"a7", 2, 0x0102) == (
        read.receipted_message_id,
        read.message_state,
        read.user_message_reference,
    )
    octets = theirs(
        "deliver_sm", receipted_message_id="a7", message_state=2, sar_msg_ref_num=9
    )
    found = dict(parse(octets).tlvs)
    assert {0x1E: b"a7\0", 0x427: b"\2", 0x20C: b"\0\x09"} == found


def test_binds() -> None:
    octets = theirs("bind_transceiver", system_id="bud", password="pw")
    assert Bind("bud", "pw") == parse(octets).body
    read = read_by_them(Pdu(cmd.BIND_RECEIVER, 0, 1, Bind("bud", "pw", "VMS")))
    assert (b"bud", b"pw", b"VMS") == (read.system_id, read.password, read.system_type)
    read = read_by_them(Pdu(cmd.BIND_TRANSCEIVER_RESP, 0, 1, BindResp("mc")))
    assert b"mc" == read.system_id


@pytest.mark.parametrize("status", [st.ESME_ROK, st.ESME_RTHROTTLED])
def test_answers(status: int) -> None:
    body = None if status else MessageId("a7")
    read = read_by_them(Pdu(cmd.SUBMIT_SM_RESP, status, 5, body))
    assert (status, 5) == (read.status, read.sequence)
    if body is not None:
        assert b"a7" == read.message_id


def test_queries() -> None:
    octets = theirs(
        "query_sm",
        message_id="a7",
        source_addr_ton=1,
        source_addr_npi=1,
        source_addr="47",
    )
    assert QuerySm("a7", 1, 1, "47") == parse(octets).body


def test_statuses_have_the_same_names() -> None:
    shared = {name for name in st.NAMES.values() if hasattr(consts, f"SMPP_{name}")}
    assert len(shared) > 40
    for name in shared:
        assert getattr(consts, f"SMPP_{name}") == getattr(st, name)
