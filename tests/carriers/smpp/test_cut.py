"""PDUs of an operator that end too early: taken, acknowledged, and logged once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from budstikke.domain.receipt import ReceiptState, Sent
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import DataSm, MessageId, Sm
from carriers.rig import smpp_link

if TYPE_CHECKING:
    import pytest

    from budstikke.smpp import Pdu
    from budstikke.smpp.pdus import Body
    from carriers.smpp.smsc import Peer

CUT = bytes.fromhex("0204 0004 01")


def deliver(
    peer: Peer, body: Body, tail: bytes = CUT, command: int = cmd.DELIVER_SM
) -> None:
    """Deliver with a tail that the PDU's own length counts."""
    peer.flush()
    peer.session.send_request(command, body, None, 0.0)
    octets = peer.session.data_to_send() + tail
    peer.raw(len(octets).to_bytes(4, "big") + octets[4:])


async def test_messages_and_receipts_are_taken_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "budstikke.carrier"):
        async with smpp_link() as (rig, smsc):
            peer = smsc.peers[0]
            deliver(peer, Sm(source_addr="4799999999", short_message=b"Hemmelig"))
            deliver(peer, Sm(source_addr="4799999999", short_message=b"Hei"), b"\1\2")
            payload = bytes.fromhex("0424 0003 486569 0424 00ff")
            body = DataSm(source_addr="4799999999")
            deliver(peer, body, payload, cmd.DATA_SM)
            report = Sm(esm_class=4, short_message=b"id:17 stat:DELIVRD")
            deliver(peer, report, bytes.fromhex("0427 0001"))
            await smsc.until(lambda: len(smsc.answers) == 4)
            assert {st.ESME_ROK} == {answer.status for answer in smsc.answers}
            texts = [each.payload for each in rig.sink.messages]
            assert [b"Hemmelig", b"Hei", b"Hei"] == texts
            (receipt,) = rig.sink.got
            assert ("17", ReceiptState.DELIVERED) == (receipt.smsc_id, receipt.state)
    (line,) = [each for each in caplog.messages if "cut off" in each]
    assert "deliver_sm: parameter user_message_reference is cut off" in line
    assert "Hemmelig" not in caplog.text


async def test_an_answer_with_a_cut_tail_is_no_doubt() -> None:
    def answer(peer: Peer, pdu: Pdu) -> None:
        peer.smsc.in_flight -= 1
        peer.session.respond(pdu, 0, MessageId("17"))
        octets = peer.session.data_to_send() + CUT
        peer.raw(len(octets).to_bytes(4, "big") + octets[4:])

    async with smpp_link() as (rig, smsc):
        smsc.on_submit = answer
        (outcome,) = await rig.send([rig.part(report=False)])
        assert Sent("17") == outcome
