"""Timers, ends and nonsense; time is whatever the test says."""

from __future__ import annotations

from math import inf

import pytest

from budstikke.smpp import (
    Answered,
    Closed,
    Expired,
    Late,
    Malformed,
    Pdu,
    Received,
    State,
    Unexpected,
    build,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, Empty, MessageId, Sm
from smpp.pair import OK, SessionPair, answer, pdus

# Timers


def test_expired_then_late() -> None:
    pair = SessionPair(timing={"response": 10.0})
    sequence = pair.submit("a")
    assert sequence is not None
    assert 10.0 == pair.esme.next_deadline()
    assert [] == pair.esme.tick(9.9)
    assert [Expired("a", sequence)] == pair.esme.tick(10.0)
    assert 0 == pair.esme.outstanding
    resp = Pdu(cmd.SUBMIT_SM_RESP, OK, sequence, MessageId("1"))
    assert [Late("a", resp)] == answer(pair, resp)
    assert [Unexpected(resp)] == answer(pair, resp)


def test_expired_ones_are_remembered_up_to_a_limit() -> None:
    pair = SessionPair(timing={"response": 10.0}, remember=1)
    first, second = pair.submit("a"), pair.submit("b")
    assert first is not None
    assert second is not None
    pair.esme.tick(10.0)
    resp = Pdu(cmd.SUBMIT_SM_RESP, OK, first, MessageId("1"))
    assert [Unexpected(resp)] == answer(pair, resp)
    resp.sequence = second
    assert [Late("b", resp)] == answer(pair, resp)


def test_enquire_link_answered_unseen_by_both() -> None:
    pair = SessionPair(timing={"enquire_link": 20.0})
    assert [] == pair.esme.tick(19.0)
    assert b"" == pair.esme.data_to_send()
    assert ([], []) == (pair.esme.tick(20.0), pair.mc.tick(20.0))
    pair.now = 20.0
    assert ([], [], []) == (pair.to_mc(), pair.to_esme(), pair.to_mc())
    assert (40.0, 40.0) == (pair.esme.next_deadline(), pair.mc.next_deadline())


def test_any_pdu_is_life() -> None:
    pair = SessionPair(timing={"enquire_link": 20.0})
    nack = build(Pdu(cmd.GENERIC_NACK, 0, 99, Empty()))
    for now in (15.0, 30.0, 45.0):
        pair.esme.receive(nack, now)
        assert [] == pair.esme.tick(now + 15)
    assert b"" == pair.esme.data_to_send()


def test_half_a_pdu_is_no_life() -> None:
    pair = SessionPair(timing={"enquire_link": 20.0})
    pair.esme.receive(b"\0\0", 19.0)
    pair.esme.tick(20.0)
    assert [cmd.ENQUIRE_LINK] == [
        each.command for each in pdus(pair.esme.data_to_send())
    ]


def test_silent_peer_is_dead() -> None:
    pair = SessionPair(
        timing={"enquire_link": 20.0, "enquire_misses": 2, "response": 5.0}
    )
    assert [] == pair.esme.tick(20.0)
    assert [] == pair.esme.tick(25.0)
    pair.esme.send_request(cmd.SUBMIT_SM, Sm(), "a", 27.0)
    assert [Closed("peer is silent", ["a"])] == pair.esme.tick(30.0)
    assert 2 + 1 == len(pdus(pair.esme.data_to_send()))
    assert ([], inf) == (pair.esme.tick(99.0), pair.esme.next_deadline())


def test_no_bind_in_time() -> None:
    pair = SessionPair(0, timing={"session_init": 5.0})
    assert 5.0 == pair.mc.next_deadline()
    assert [Closed("no bind in time", [])] == pair.mc.tick(5.0)


def test_no_answer_to_bind() -> None:
    pair = SessionPair(0, timing={"response": 5.0})
    pair.esme.send_request(cmd.BIND_TRANSCEIVER, Bind("esme"), "bind", 0.0)
    assert [Closed("no answer to bind_transceiver", ["bind"])] == pair.esme.tick(5.0)


def test_inactivity_counts_operations_only() -> None:
    pair = SessionPair(timing={"inactivity": 60.0, "enquire_link": 20.0})
    pair.now = 50.0
    pair.esme.send_request(cmd.ENQUIRE_LINK, Empty(), "x", 50.0)
    pair.to_mc()
    assert [Closed("no operation in time", [])] == pair.mc.tick(60.0)
    pair = SessionPair(timing={"inactivity": 60.0, "enquire_link": 0.0})
    pair.now = 50.0
    pair.submit("a")
    pair.to_mc()
    assert 110.0 == pair.mc.next_deadline()


def test_timers_off() -> None:
    off = {"session_init": 0.0, "enquire_link": 0.0, "response": 0.0}
    pair = SessionPair(timing=off)
    pair.submit("a")
    assert inf == pair.esme.next_deadline()
    assert [] == pair.esme.tick(1e9)


# The end


def test_unbind_by_us() -> None:
    pair = SessionPair()
    pair.submit("a")
    pair.to_mc()
    pair.esme.send_request(cmd.UNBIND, Empty(), "bye", 0.0)
    assert (None, 0) == (pair.submit("b"), pair.esme.room())
    pair.mc.respond(pair.asked())
    assert State.CLOSED is pair.mc.state
    resp = Pdu(cmd.UNBIND_RESP, OK, 3, Empty())
    assert [Answered("bye", resp), Closed("unbound", ["a"])] == pair.to_esme()
    assert [Closed("connection closed", [])] == pair.mc.lost("connection closed")
    assert [] == pair.mc.lost("again")


def test_unbind_unanswered() -> None:
    pair = SessionPair(timing={"response": 5.0})
    pair.esme.send_request(cmd.UNBIND, Empty(), "bye", 0.0)
    assert [Closed("no answer to unbind", ["bye"])] == pair.esme.tick(5.0)


def test_deliveries_that_cross_our_unbind_are_taken() -> None:
    pair = SessionPair()
    pair.mc.send_request(cmd.DELIVER_SM, Sm(), "mo", 0.0)
    pair.esme.send_request(cmd.UNBIND, Empty(), "bye", 0.0)
    (event,) = pair.to_esme()
    assert isinstance(event, Received)
    pair.esme.respond(event.pdu)
    assert 2 == len(pdus(pair.esme.data_to_send()))


def test_crossing_unbinds() -> None:
    pair = SessionPair()
    pair.mc.send_request(cmd.UNBIND, Empty(), "bye", 0.0)
    pair.esme.send_request(cmd.UNBIND, Empty(), "bye", 0.0)
    (event,) = pair.to_esme()
    assert isinstance(event, Received)
    pair.esme.respond(event.pdu)
    assert State.CLOSED is pair.esme.state


def test_lost_link_names_what_is_unanswered_in_order() -> None:
    pair = SessionPair()
    for token in "abc":
        pair.submit(token)
    assert [Closed("reset", ["a", "b", "c"])] == pair.esme.lost("reset")
    assert [] == pair.esme.receive(build(Pdu(cmd.ENQUIRE_LINK, 0, 1, Empty())), 0.0)
    assert (None, b"") == (pair.submit("d"), b"")


def test_answers_after_the_end_are_ignored() -> None:
    pair = SessionPair()
    pair.mc.send_request(cmd.DELIVER_SM, Sm(), "mo", 0.0)
    (event,) = pair.to_esme()
    assert isinstance(event, Received)
    pair.esme.lost("reset")
    pair.esme.respond(event.pdu)
    assert b"" == pair.esme.data_to_send()


# Nonsense


@pytest.mark.parametrize("length", [0, 15, 70_000 + 4_096, 0xFFFFFFFF])
def test_impossible_length_is_fatal(length: int) -> None:
    pair = SessionPair()
    pair.submit("a")
    pair.to_mc()
    data = length.to_bytes(4, "big") + build(Pdu(cmd.ENQUIRE_LINK, 0, 5, Empty()))[4:]
    fault, closed = pair.esme.receive(data + b"more", 0.0)
    assert isinstance(fault, Malformed)
    assert fault.error.fatal
    assert isinstance(closed, Closed)
    assert ["a"] == closed.unanswered
    assert [Pdu(cmd.GENERIC_NACK, st.ESME_RINVCMDLEN, 5, Empty())] == pdus(
        pair.esme.data_to_send()
    )


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (
            Pdu(0x00000777, 0, 5, None),
            Pdu(cmd.GENERIC_NACK, st.ESME_RINVCMDID, 5, Empty()),
        ),
        (
            Pdu(cmd.DELIVER_SM, 0, 5, None),
            Pdu(cmd.DELIVER_SM_RESP, st.ESME_RINVSERTYP, 5, MessageId("")),
        ),
        (
            Pdu(cmd.ALERT_NOTIFICATION, 0, 5, None),
            Pdu(cmd.GENERIC_NACK, st.ESME_RINVCMDLEN, 5, Empty()),
        ),
        (
            Pdu(cmd.SUBMIT_SM, 0, 5, None),
            Pdu(cmd.SUBMIT_SM_RESP, st.ESME_RINVBNDSTS, 5, None),
        ),
    ],
)
def test_nonsense_is_answered_and_we_stay_bound(data: Pdu, reply: Pdu) -> None:
    pair = SessionPair()
    (event,) = pair.esme.receive(build(data), 0.0)
    assert isinstance(event, Malformed)
    assert [reply] == pdus(pair.esme.data_to_send())
    assert State.BOUND_TRX is pair.esme.state


def test_unknown_response_is_reported_only() -> None:
    pair = SessionPair()
    pdu = Pdu(0x80000777, 0, 5, None)
    fault, stray = pair.esme.receive(build(pdu), 0.0)
    assert isinstance(fault, Malformed)
    assert Unexpected(pdu) == stray
    assert b"" == pair.esme.data_to_send()
