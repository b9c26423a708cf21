"""The SMPP carrier when links are lost, answers come late, and at the end."""

from __future__ import annotations

from budstikke.domain.receipt import Reason, Rejected, Retry, Sent, Unsure
from budstikke.smpp import Pdu, State
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Empty, MessageId, Outbind
from carriers.rig import Rig, play
from carriers.smsc import SILENT, Peer, Smsc, fate

# Lost links


def test_lost_link_is_unsure_of_what_was_written_and_gives_back_the_rest() -> None:
    def script(smsc: Smsc) -> None:
        def on_submit(peer: Peer, pdu: Pdu) -> None:
            if len(smsc.submits) == 4:
                peer.raw(b"\0\0\0\x11\x80\0\0\4\0\0")  # half an answer
                peer.hang_up()

        smsc.on_submit = on_submit

    async def story(rig: Rig, smsc: Smsc) -> None:
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

    play(story, script=script, window=4)


def test_what_was_never_written_is_given_back() -> None:
    async def story(rig: Rig, smsc: Smsc) -> None:
        parts = [rig.part(), rig.part()]
        rig.carrier.offer(parts)
        # The transport dies in the same turn of the loop, before the write.
        link = rig.carrier._links[0]  # type: ignore[attr-defined] # of SMPP
        link._connection.connection_lost(None)
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 2)
        for part in parts:
            outcome = rig.sink.outcome(part)
            assert isinstance(outcome, Rejected)
            assert Retry.LATER == outcome.retry

    play(story)


def test_silent_link_is_cut_and_bound_again() -> None:
    async def story(rig: Rig, smsc: Smsc) -> None:
        smsc.peers[0].deaf = True
        await rig.sink.until(lambda: rig.sink.rooms == 2)
        assert 2 == len(smsc.peers)
        assert smsc.peers[0].transport is None

    play(story, enquire_link=0.1, response_timeout=0.1)


def test_unbind_by_the_operator() -> None:
    async def story(rig: Rig, smsc: Smsc) -> None:
        peer = smsc.peers[0]
        peer.session.send_request(cmd.UNBIND, Empty(), None, 0.0)
        peer.flush()
        await rig.sink.until(lambda: rig.sink.rooms == 2)
        assert State.CLOSED is peer.session.state
        assert [cmd.UNBIND_RESP] == [pdu.command for pdu in smsc.answers]

    play(story)


def test_outbind_and_alerts_are_passed_over() -> None:
    async def story(rig: Rig, smsc: Smsc) -> None:
        peer = smsc.peers[0]
        peer.session.send_request(cmd.ENQUIRE_LINK, Empty(), "ask", 0.0)
        peer.flush()
        await smsc.until(lambda: bool(smsc.answers))
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Sent)

    def script(smsc: Smsc) -> None:
        def on_connect(peer: Peer) -> None:
            peer.session.send_request(cmd.OUTBIND, Outbind("mc", "pw"), None, 0.0)
            peer.flush()

        smsc.on_connect = on_connect

    play(story, script=script)


def test_late_answer_is_told() -> None:
    held: list[tuple[Peer, Pdu]] = []

    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: held.append((peer, pdu))

    async def story(rig: Rig, _smsc: Smsc) -> None:
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

    play(story, script=script, response_timeout=0.05)


def test_answer_to_nothing_is_passed_over() -> None:
    async def story(rig: Rig, smsc: Smsc) -> None:
        peer = smsc.peers[0]
        peer.session.respond(Pdu(cmd.SUBMIT_SM, 0, 999, None), 0, MessageId("1"))
        peer.flush()
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Sent)
        counters = rig.carrier.counters  # type: ignore[attr-defined] # of SMPP
        assert 1 == counters.unexpected

    play(story)


# Ends


def test_drain_unbinds() -> None:
    async def story(rig: Rig, smsc: Smsc) -> None:
        await rig.send([rig.part(report=False)])
        await rig.carrier.drain(1.0)
        assert cmd.UNBIND == smsc.received[-1].command

    play(story, bind="tx+rx")


def test_drain_with_an_operator_that_does_not_answer_unbind() -> None:
    async def story(rig: Rig, smsc: Smsc) -> None:
        smsc.peers[0].deaf = True
        part = rig.part(SILENT)
        rig.carrier.offer([part])
        await rig.carrier.drain(0.01)
        assert isinstance(rig.sink.outcome(part), Unsure)

    play(story, response_timeout=0.1)
