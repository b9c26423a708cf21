"""The SMPP carrier when links are lost, answers come late, and at the end."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from budstikke.carriers.smpp import bind as link
from budstikke.domain.receipt import Reason, Rejected, Retry, Sent, Unsure
from budstikke.smpp import Limits, Pdu, State
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.codec import build, parse
from budstikke.smpp.pdus import Empty, MessageId, Outbind
from budstikke.smpp_connection import Connection
from carriers.rig import Rig, logged, smpp_link
from carriers.smpp.smsc import SILENT, Peer, Smsc, fate, refuse_bind

if TYPE_CHECKING:
    import pytest

# Lost links


async def test_lost_link_is_unsure_of_what_was_written_and_gives_back_the_rest() -> (
    None
):
    def script(smsc: Smsc) -> None:
        def on_submit(peer: Peer, pdu: Pdu) -> None:
            if len(smsc.submits) == 4:
                peer.raw(b"\0\0\0\x11\x80\0\0\4\0\0")  # half an answer
                peer.hang_up()

        smsc.on_submit = on_submit

    async with smpp_link(script=script, window=4) as (rig, smsc):
        parts = [rig.part() for _ in range(10)]
        outcomes = await rig.send(parts)
        assert all(isinstance(each, Unsure) for each in outcomes[:4])
        for each in outcomes[4:]:
            assert isinstance(each, Rejected)
            assert Retry.LATER == each.retry
        await smsc.until(lambda: len(smsc.bound) == 1)
        smsc.on_submit = fate
        await rig.sink.until(lambda: rig.sink.rooms == 2)
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Sent)
        assert 2 == len(smsc.peers)


async def test_what_was_never_written_is_given_back() -> None:
    async with smpp_link() as (rig, _smsc):
        parts = [rig.part(), rig.part()]
        rig.carrier.offer(parts)
        # The transport dies in the same turn of the loop, before the write.
        bound = rig.carrier._binds[0]  # type: ignore[attr-defined] # of SMPP
        bound._connection.connection_lost(None)
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 2)
        for part in parts:
            outcome = rig.sink.outcome(part)
            assert isinstance(outcome, Rejected)
            assert Retry.LATER == outcome.retry


async def test_silent_link_is_cut_and_bound_again() -> None:
    async with smpp_link(enquire_link=0.1, response_timeout=0.1) as (rig, smsc):
        smsc.peers[0].deaf = True
        await rig.sink.until(lambda: rig.sink.rooms == 2)
        assert 2 == len(smsc.peers)
        assert smsc.peers[0].transport is None


async def test_unbind_by_the_operator() -> None:
    async with smpp_link() as (rig, smsc):
        peer = smsc.peers[0]
        peer.session.send_request(cmd.UNBIND, Empty(), None, 0.0)
        peer.flush()
        await rig.sink.until(lambda: rig.sink.rooms == 2)
        assert State.CLOSED is peer.session.state
        assert [cmd.UNBIND_RESP] == [pdu.command for pdu in smsc.answers]


def unbind(smsc: Smsc) -> None:
    """Have every submit held, and the operator unbind at the second."""

    def on_submit(peer: Peer, _pdu: Pdu) -> None:
        if len(smsc.submits) == 2:
            peer.session.send_request(cmd.UNBIND, Empty(), None, 0.0)
            peer.flush()

    smsc.on_submit = on_submit


async def test_an_operator_that_unbinds_may_answer_what_it_has(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO, "budstikke.carrier"):
        async with smpp_link(script=unbind, window=2, response_timeout=60) as (
            rig,
            smsc,
        ):
            parts = [rig.part() for _ in range(4)]
            rig.carrier.offer(parts)
            await logged("the operator unbinds")
            assert (0, False) == (rig.carrier.room(), rig.carrier.healthy())
            for peer, pdu in smsc.submits:
                peer.ok(pdu, "17")
            await rig.sink.until(lambda: len(rig.sink.outcomes) == 4)
            outcomes = [rig.sink.outcome(part) for part in parts]
            assert [Sent, Sent] == [type(each) for each in outcomes[:2]]
            for each in outcomes[2:]:
                assert isinstance(each, Rejected)
                assert each.raw.startswith("not sent")
            await smsc.until(lambda: len(smsc.answers) == 1)
            assert cmd.UNBIND_RESP == smsc.answers[0].command
            assert 2 == len(smsc.submits)
            smsc.on_submit = fate
            await rig.sink.until(lambda: rig.sink.rooms == 2)
            (outcome,) = await rig.send([rig.part()])
            assert isinstance(outcome, Sent)


async def test_an_operator_that_unbinds_is_not_waited_for_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "_LAST_ANSWERS", 0.05)

    async with smpp_link(script=unbind, window=2, response_timeout=60) as (rig, smsc):
        outcomes = await rig.send([rig.part(), rig.part()])
        assert [Unsure, Unsure] == [type(each) for each in outcomes]
        await smsc.until(lambda: len(smsc.answers) == 1)
        assert cmd.UNBIND_RESP == smsc.answers[0].command


async def test_outbind_and_alerts_are_passed_over() -> None:
    def script(smsc: Smsc) -> None:
        def on_connect(peer: Peer) -> None:
            peer.session.send_request(cmd.OUTBIND, Outbind("mc", "pw"), None, 0.0)
            peer.flush()

        smsc.on_connect = on_connect

    async with smpp_link(script=script) as (rig, smsc):
        peer = smsc.peers[0]
        peer.session.send_request(cmd.ENQUIRE_LINK, Empty(), "ask", 0.0)
        peer.flush()
        await smsc.until(lambda: bool(smsc.answers))
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Sent)


async def test_what_the_session_answers_by_itself_goes_out_at_once() -> None:
    class Socket(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.written: list[Any] = []

        def write(self, data: Any) -> None:
            self.written.append(data)

    socket = Socket()
    loop = asyncio.get_running_loop()
    connection = Connection(loop, Limits(), lambda *_: None)
    connection.connection_made(socket)
    connection.data_received(build(Pdu(cmd.ENQUIRE_LINK, 0, 7, Empty())))
    await asyncio.sleep(0)
    assert [cmd.ENQUIRE_LINK_RESP] == [parse(data).command for data in socket.written]
    connection.connection_lost(None)


async def test_late_answer_is_told() -> None:
    held: list[tuple[Peer, Pdu]] = []

    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: held.append((peer, pdu))

    async with smpp_link(script=script, response_timeout=0.05) as (rig, _smsc):
        parts = [rig.part(), rig.part()]
        outcomes = await rig.send(parts)
        assert all(isinstance(each, Unsure) for each in outcomes)
        (peer, first), (_, second) = held
        peer.ok(first, "77")
        peer.answer(second, st.ESME_RSUBMITFAIL)
        await rig.sink.until(lambda: len(rig.sink.lates) == 2)
        assert [
            (parts[0], Sent("77")),
            (parts[1], Rejected(Reason.REJECTED, "ESME_RSUBMITFAIL", Retry.ELSEWHERE)),
        ] == rig.sink.lates


async def test_answer_to_nothing_is_passed_over() -> None:
    async with smpp_link() as (rig, smsc):
        peer = smsc.peers[0]
        peer.session.respond(Pdu(cmd.SUBMIT_SM, 0, 999, None), 0, MessageId("1"))
        peer.flush()
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Sent)
        counters = rig.carrier.counters  # type: ignore[attr-defined] # of SMPP
        assert 1 == counters.unexpected


# Ends


async def test_drain_unbinds() -> None:
    async with smpp_link(bind_type="tx+rx") as (rig, smsc):
        await rig.send([rig.part(report=False)])
        await rig.carrier.drain(1.0)
        assert cmd.UNBIND == smsc.received[-1].command


async def test_drain_with_an_operator_that_does_not_answer_unbind() -> None:
    async with smpp_link(response_timeout=0.1) as (rig, smsc):
        smsc.peers[0].deaf = True
        part = rig.part(SILENT)
        rig.carrier.offer([part])
        await rig.carrier.drain(0.01)
        assert isinstance(rig.sink.outcome(part), Unsure)


async def test_drain_while_the_operator_refuses_us() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_bind = refuse_bind

    async with smpp_link(
        script=script, started=False, reconnect_min=60.0, reconnect_max=60.0
    ) as (rig, _smsc):
        await logged("is down")
        await rig.carrier.drain(1.0)
        assert rig.task is not None
        await rig.task


async def test_drain_while_binding() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_bind = lambda _peer, _pdu: None

    async with smpp_link(script=script, started=False, response_timeout=30.0) as (
        rig,
        smsc,
    ):
        await smsc.until(lambda: bool(smsc.received))
        await rig.carrier.drain(1.0)
        assert rig.task is not None
        await rig.task
        await smsc.until(lambda: smsc.peers[0].transport is None)


async def test_drain_when_nothing_runs() -> None:
    async with smpp_link(started=False) as (rig, _smsc):
        assert rig.task is not None
        rig.task.cancel()
        await rig.carrier.drain(1.0)


async def test_throttled_when_the_link_is_lost() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: peer.answer(pdu, st.ESME_RTHROTTLED)

    async with smpp_link(
        script=script, window=4, throttle_min=30.0, throttle_max=30.0
    ) as (rig, smsc):
        parts = [rig.part() for _ in range(6)]
        rig.carrier.offer(parts)
        carrier: Any = rig.carrier
        await logged_throttle(rig, smsc, 4)
        assert carrier.throttled
        smsc.peers[0].hang_up()
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 6)
        for part in parts:
            outcome = rig.sink.outcome(part)
            assert isinstance(outcome, Rejected)
            assert Retry.LATER == outcome.retry
            wanted = Reason.THROTTLED if part in parts[:4] else Reason.INTERNAL
            assert wanted == outcome.reason
        assert not carrier.throttled


async def logged_throttle(rig: Rig, smsc: Smsc, count: int) -> None:
    """Wait until so many throttlings have been seen: an answered question shows it."""
    await smsc.until(lambda: len(smsc.submits) == count)
    peer = smsc.peers[0]
    peer.session.send_request(cmd.ENQUIRE_LINK, Empty(), None, 0.0)
    peer.flush()
    await smsc.until(lambda: bool(smsc.answers))


async def test_offered_when_the_link_has_just_gone() -> None:
    async with smpp_link() as (rig, smsc):
        smsc.on_bind = refuse_bind
        smsc.peers[0].hang_up()
        await smsc.until(lambda: len(smsc.peers) == 2)
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Rejected)
        assert Retry.LATER == outcome.retry
        assert (0, False) == (rig.carrier.room(), rig.carrier.healthy())


async def test_home_of_a_message_moves_when_its_link_is_down() -> None:
    async with smpp_link(binds=2) as (rig, smsc):
        await smsc.until(lambda: len(smsc.bound) == 2)
        smsc.on_bind = refuse_bind
        smsc.peers[0].hang_up()
        await smsc.until(lambda: len(smsc.peers) == 3)
        parts = [rig.part(message=message, total=2) for message in (2, 3, 4, 5)]
        outcomes = await rig.send(parts)
        assert all(isinstance(each, Sent) for each in outcomes)
        assert {id(smsc.peers[1])} == {id(peer) for peer, _ in smsc.submits}


async def test_nothing_is_written_while_the_operator_does_not_read() -> None:
    async with smpp_link() as (rig, smsc):
        link: Any = rig.carrier._binds[0]  # type: ignore[attr-defined] # of SMPP
        link._connection.pause_writing()
        rig.carrier.offer([rig.part()])
        peer = smsc.peers[0]
        peer.session.send_request(cmd.ENQUIRE_LINK, Empty(), "ask", 0.0)
        peer.flush()
        await smsc.until(lambda: bool(smsc.answers))
        assert [] == smsc.submits
        link._connection.resume_writing()
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 1)
        assert isinstance(rig.sink.outcomes[0][1], Sent)


async def test_throttled_while_waiting_for_the_rate() -> None:
    def script(smsc: Smsc) -> None:
        def on_submit(peer: Peer, pdu: Pdu) -> None:
            if len(smsc.submits) == 1:
                peer.answer(pdu, st.ESME_RTHROTTLED)
            else:
                fate(peer, pdu)

        smsc.on_submit = on_submit

    async with smpp_link(script=script, throughput=10.0) as (rig, _smsc):
        parts = [rig.part(report=False) for _ in range(3)]
        await rig.send(parts)
        assert parts == [part for part, _ in rig.sink.outcomes]


async def test_many_faults_are_logged_seldom(caplog: pytest.LogCaptureFixture) -> None:
    async with smpp_link() as (rig, smsc):
        peer = smsc.peers[0]
        for number in range(100):
            stray = Pdu(cmd.SUBMIT_SM, 0, 1000 + number, None)
            peer.session.respond(stray, 0, MessageId("1"))
        peer.flush()
        await rig.send([rig.part(report=False)])
        counters = rig.carrier.counters  # type: ignore[attr-defined] # of SMPP
        assert 100 == counters.unexpected
    lines = [each for each in caplog.messages if "unexpected response" in each]
    assert 7 == len(lines)
