"""Two sessions joined in memory; time is whatever the test says."""

from __future__ import annotations

import pytest

from budstikke.smpp import (
    Answered,
    Closed,
    Malformed,
    Pdu,
    Received,
    Role,
    State,
    Unexpected,
    build,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.codec import HEADER, HEADER_SIZE
from budstikke.smpp.layouts import LAYOUTS
from budstikke.smpp.pdus import (
    Bind,
    Body,
    Empty,
    MessageId,
    Outbind,
    QuerySm,
    QuerySmResp,
    Sm,
)
from budstikke.smpp.states import SENDS, TAKES
from smpp.pair import OK, SessionPair, answer, pdus

# Errors: who has a body then (SMPP 3.4 § 4)

ERRORS = {
    cmd.BIND_RECEIVER: "",
    cmd.BIND_TRANSMITTER: "",
    cmd.BIND_TRANSCEIVER: "",
    cmd.SUBMIT_SM: "",
    cmd.SUBMIT_MULTI: "00 00",
    cmd.DATA_SM: "00",
    cmd.DELIVER_SM: "00",
    cmd.QUERY_SM: "3137 00 00 07 00",
    cmd.CANCEL_SM: "",
    cmd.REPLACE_SM: "",
    cmd.UNBIND: "",
}
ASKED: dict[int, Body] = {cmd.QUERY_SM: QuerySm("17")}


@pytest.mark.parametrize(("command", "body"), ERRORS.items())
def test_errors_have_the_mandatory_fields(command: int, body: str) -> None:
    role = Role.ESME if command == cmd.DELIVER_SM else Role.MC
    bind = 0 if command in cmd.BINDS else cmd.BIND_TRANSCEIVER
    pair = SessionPair(bind)
    session = pair.esme if role is Role.ESME else pair.mc
    asked = ASKED.get(command) or LAYOUTS[command].body()
    (event,) = session.receive(build(Pdu(command, 0, 77, asked)), 0.0)
    assert isinstance(event, Received)
    session.respond(event.pdu, st.ESME_RSYSERR)
    octets = bytes.fromhex(body)
    head = (16 + len(octets), command | cmd.RESPONSE, st.ESME_RSYSERR, 77)
    assert HEADER.pack(*head) + octets == session.data_to_send()


@pytest.mark.parametrize(
    ("asked", "body"), [("1" * 64, "1" * 64), ("1" * 65, ""), ("Ø", "Ø")]
)
def test_a_query_that_fails_names_what_it_can(asked: str, body: str) -> None:
    pair = SessionPair(cmd.BIND_TRANSCEIVER)
    octets = asked.encode("latin-1") + bytes(4)
    head = HEADER.pack(16 + len(octets), cmd.QUERY_SM, 0, 5)
    (event,) = pair.mc.receive(head + octets, 0.0)
    assert isinstance(event, Received)
    pair.mc.respond(event.pdu, st.ESME_RINVMSGID)
    (answer_,) = pdus(pair.mc.data_to_send())
    assert QuerySmResp(body, "", 7, 0) == answer_.body


@pytest.mark.parametrize(
    ("command", "written", "answered"),
    [
        (cmd.SUBMIT_MULTI, "00 0000 00 01 07", "00 00"),
        (cmd.DATA_SM, "00 0000", "00"),
        (cmd.QUERY_SM, "", "00 00 07 00"),
        (cmd.CANCEL_SM, "", ""),
        (cmd.REPLACE_SM, "", ""),
        (cmd.SUBMIT_SM, "", ""),
        (0x0000_0111, "00 01", None),
        (0x0001_0200, "", None),
    ],
)
def test_what_cannot_be_read_is_answered_whole(
    command: int, written: str, answered: str | None
) -> None:
    """What no specification of 3.4 knows has a generic_nack, of the same sequence."""
    pair = SessionPair(cmd.BIND_TRANSCEIVER)
    octets = bytes.fromhex(written)
    head = HEADER.pack(16 + len(octets), command, 0, 0x7FFFFFFF)
    (event,) = pair.mc.receive(head + octets, 0.0)
    assert isinstance(event, Malformed)
    data = pair.mc.data_to_send()
    _, response, status, sequence = HEADER.unpack_from(data)
    assert 0x7FFFFFFF == sequence
    if answered is None:
        assert (cmd.GENERIC_NACK, st.ESME_RINVCMDID) == (response, status)
        assert HEADER_SIZE == len(data)
    else:
        assert command | cmd.RESPONSE == response
        assert status
        assert bytes.fromhex(answered) == data[HEADER_SIZE:]


# Binding


@pytest.mark.parametrize(
    ("bind", "state"),
    [
        (cmd.BIND_TRANSMITTER, State.BOUND_TX),
        (cmd.BIND_RECEIVER, State.BOUND_RX),
        (cmd.BIND_TRANSCEIVER, State.BOUND_TRX),
    ],
)
def test_bind(bind: int, state: State) -> None:
    pair = SessionPair(bind)
    assert (state, state) == (pair.esme.state, pair.mc.state)


def test_bind_refused() -> None:
    pair = SessionPair(0)
    pair.esme.send_request(cmd.BIND_TRANSCEIVER, Bind("esme"), "bind", 0.0)
    pair.mc.respond(pair.asked(), st.ESME_RINVPASWD)
    assert [
        Answered("bind", Pdu(cmd.BIND_TRANSCEIVER_RESP, st.ESME_RINVPASWD, 1, None))
    ] == pair.to_esme()
    assert (State.OPEN, State.OPEN) == (pair.esme.state, pair.mc.state)


def test_bind_twice_is_refused_unseen() -> None:
    pair = SessionPair(0)
    bind = build(Pdu(cmd.BIND_TRANSCEIVER, 0, 1, Bind("esme")))
    first, second = pair.mc.receive(bind + bind, 0.0)
    assert isinstance(first, Received)
    assert isinstance(second, Malformed)
    pair.mc.respond(first.pdu)
    (third,) = pair.mc.receive(bind, 0.0)
    assert isinstance(third, Malformed)
    statuses = [each.status for each in pdus(pair.mc.data_to_send())]
    assert [st.ESME_RALYBND, OK, st.ESME_RALYBND] == statuses


def test_submit_before_bind_is_refused_unseen() -> None:
    pair = SessionPair(0)
    assert pair.submit(1) is None
    (event,) = pair.mc.receive(build(Pdu(cmd.SUBMIT_SM, 0, 7, Sm())), 0.0)
    assert isinstance(event, Malformed)
    assert [Pdu(cmd.SUBMIT_SM_RESP, st.ESME_RINVBNDSTS, 7, None)] == pdus(
        pair.mc.data_to_send()
    )


def test_outbind_has_no_answer() -> None:
    pair = SessionPair(0)
    pair.mc.send_request(cmd.OUTBIND, Outbind("mc", "pw"), None, 0.0)
    (event,) = pair.to_esme()
    assert isinstance(event, Received)
    assert Outbind("mc", "pw") == event.pdu.body
    assert 0 == pair.esme.unanswered
    assert [Closed("gone", [])] == pair.mc.lost("gone")


def test_tables_cover_every_state() -> None:
    for role in Role:
        assert set(State) == set(SENDS[role])
        assert set(State) == set(TAKES[role])


# Asking and answering


def test_submit_and_answer() -> None:
    pair = SessionPair()
    sequence = pair.submit("token")
    request = pair.asked()
    assert (sequence, Sm()) == (request.sequence, request.body)
    assert (1, 1) == (pair.esme.outstanding, pair.mc.unanswered)
    pair.mc.respond(request, OK, MessageId("17"))
    assert [
        Answered(
            "token", Pdu(cmd.SUBMIT_SM_RESP, OK, request.sequence, MessageId("17"))
        )
    ] == pair.to_esme()
    assert (0, 0) == (pair.esme.outstanding, pair.mc.unanswered)


def test_answers_in_any_order() -> None:
    pair = SessionPair()
    for token in "abc":
        pair.submit(token)
    requests = [event.pdu for event in pair.to_mc() if isinstance(event, Received)]
    for request in reversed(requests):
        pair.mc.respond(request, st.ESME_RSYSERR)
    answers = pair.to_esme()
    assert ["c", "b", "a"] == [
        each.token for each in answers if isinstance(each, Answered)
    ]


def test_deliver_is_answered_with_an_empty_id_even_when_refused() -> None:
    pair = SessionPair()
    pair.mc.send_request(cmd.DELIVER_SM, Sm(short_message=b"hei"), "mo", 0.0)
    (event,) = pair.to_esme()
    assert isinstance(event, Received)
    pair.esme.respond(event.pdu, st.ESME_RX_T_APPN)
    resp = Pdu(cmd.DELIVER_SM_RESP, st.ESME_RX_T_APPN, 1, MessageId(""))
    assert [Answered("mo", resp)] == pair.to_mc()


def test_deliver_on_a_transmitter_is_taken() -> None:
    pair = SessionPair(cmd.BIND_TRANSMITTER)
    delivery = build(Pdu(cmd.DELIVER_SM, 0, 9, Sm()))
    (event,) = pair.esme.receive(delivery, 0.0)
    assert isinstance(event, Received)


def test_default_bodies_of_answers() -> None:
    pair = SessionPair()
    for command in (cmd.QUERY_SM, cmd.CANCEL_SM, cmd.SUBMIT_MULTI, cmd.DATA_SM):
        pair.mc.respond(Pdu(command, 0, 5, None))
    bodies = [each.body for each in pdus(pair.mc.data_to_send())]
    assert [
        "QuerySmResp",
        "Empty",
        "SubmitMultiResp",
        "MessageId",
    ] == [type(body).__name__ for body in bodies]


def test_window() -> None:
    pair = SessionPair(window=2)
    assert 2 == pair.esme.room()
    assert [True, True, False] == [pair.submit(token) is not None for token in range(3)]
    assert 0 == pair.esme.room()
    pair.esme.tick(30.0)  # the enquire_link does not count, and the window is empty
    assert 2 == pair.esme.room()


def test_window_leaves_control_alone() -> None:
    pair = SessionPair(window=1)
    pair.submit("a")
    assert pair.esme.send_request(cmd.UNBIND, Empty(), "bye", 0.0) is not None


def test_what_cannot_be_built_is_not_sent() -> None:
    pair = SessionPair()
    with pytest.raises(Exception, match="source_addr"):
        pair.esme.send_request(cmd.SUBMIT_SM, Sm(source_addr="1" * 30), "a", 0.0)
    assert (b"", 0) == (pair.esme.data_to_send(), pair.esme.outstanding)
    assert [Closed("gone", [])] == pair.esme.lost("gone")


def test_answer_to_nothing() -> None:
    resp = Pdu(cmd.SUBMIT_SM_RESP, OK, 77, MessageId("1"))
    assert [Unexpected(resp)] == answer(SessionPair(), resp)


def test_answer_of_another_kind() -> None:
    pair = SessionPair()
    sequence = pair.submit("a")
    assert sequence is not None
    resp = Pdu(cmd.DATA_SM_RESP, OK, sequence, MessageId("1"))
    assert [Unexpected(resp)] == answer(pair, resp)
    assert 1 == pair.esme.outstanding


def test_generic_nack_answers_anything() -> None:
    pair = SessionPair()
    sequence = pair.submit("a")
    assert sequence is not None
    nack = Pdu(cmd.GENERIC_NACK, st.ESME_RINVCMDID, sequence, Empty())
    assert [Answered("a", nack)] == answer(pair, nack)


@pytest.mark.parametrize("body", [None, MessageId("")])
def test_answer_without_an_id(body: Body | None) -> None:
    pair = SessionPair()
    sequence = pair.submit("a")
    assert sequence is not None
    resp = Pdu(cmd.SUBMIT_SM_RESP, OK, sequence, body)
    assert [Answered("a", resp)] == answer(pair, resp)


def test_unreadable_answer_still_answers() -> None:
    pair = SessionPair()
    sequence = pair.submit("a")
    assert sequence is not None
    pair.esme.data_to_send()
    head = build(Pdu(cmd.SUBMIT_SM_RESP, OK, sequence, None))
    data = (16 + 300).to_bytes(4, "big") + head[4:] + b"1" * 300
    fault, event = pair.esme.receive(data, 0.0)
    assert isinstance(fault, Malformed)
    assert Answered("a", Pdu(cmd.SUBMIT_SM_RESP, OK, sequence, None)) == event
    assert b"" == pair.esme.data_to_send()


# Sequence numbers


def test_sequence_wraps_and_skips_what_is_in_flight() -> None:
    pair = SessionPair(bind=0, window=10)
    pair.bind(cmd.BIND_TRANSCEIVER)
    assert 2 == pair.submit("a")
    pair.esme._window.upcoming = 0x7FFFFFFF
    assert [0x7FFFFFFF, 1, 3] == [pair.submit(token) for token in "bcd"]


def test_peers_sequence_may_be_any() -> None:
    pair = SessionPair()
    for sequence in (0, 0x80000000, 0xFFFFFFFF):
        (event,) = pair.esme.receive(build(Pdu(cmd.DELIVER_SM, 0, sequence, Sm())), 0.0)
        assert isinstance(event, Received)
        pair.esme.respond(event.pdu)
    assert [0, 0x80000000, 0xFFFFFFFF] == [
        each.sequence for each in pdus(pair.esme.data_to_send())
    ]
