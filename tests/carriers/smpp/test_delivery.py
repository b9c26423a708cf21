"""Receipts and messages from the wire to the sink, and their acknowledgement."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.receipt import Sent
from budstikke.smpp import Pdu, build, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import DataSm, MessageId, Sm
from carriers.rig import smpp_link

if TYPE_CHECKING:
    from collections.abc import Sized

    from carriers.smpp.smsc import Peer

RECEIPT = b"id:%d sub:001 dlvrd:001 stat:DELIVRD err:000"


def receipts(peer: Peer, count: int) -> None:
    """Send receipts in one write."""
    for number in range(count):
        body = Sm(esm_class=4, short_message=RECEIPT % number)
        peer.session.send_request(cmd.DELIVER_SM, body, number, 0.0)
    peer.flush()


def messages(peer: Peer, count: int) -> None:
    for number in range(count):
        body = Sm(source_addr="4799999999", short_message=b"%d" % number)
        peer.session.send_request(cmd.DELIVER_SM, body, number, 0.0)
    peer.flush()


async def test_receipts_come_in_one_batch_and_are_acknowledged_when_kept() -> None:
    async with smpp_link() as (rig, smsc):
        rig.sink.keep = False
        receipts(smsc.peers[0], 7)
        await rig.sink.until(lambda: bool(rig.sink.pending))
        assert [str(number) for number in range(7)] == [
            each.smsc_id for each in rig.sink.got
        ]
        (kept,) = rig.sink.pending
        await rig.send([rig.part(report=False)])  # the link goes on meanwhile
        assert [] == smsc.answers
        kept.set_result(None)
        await smsc.until(lambda: len(smsc.answers) == 7)
        for answer in smsc.answers:
            assert (cmd.DELIVER_SM_RESP, st.ESME_ROK) == (answer.command, answer.status)
            assert MessageId("") == answer.body


@pytest.mark.parametrize("send", [receipts, messages])
async def test_what_is_not_kept_is_to_come_again(send: Any) -> None:
    async with smpp_link() as (rig, smsc):
        rig.sink.fail = True
        send(smsc.peers[0], 3)
        await smsc.until(lambda: len(smsc.answers) == 3)
        assert {st.ESME_RX_T_APPN} == {answer.status for answer in smsc.answers}
        carrier: Any = rig.carrier
        assert 3 == carrier.counters.postponed
        rig.sink.fail = False
        send(smsc.peers[0], 3)
        await smsc.until(lambda: len(smsc.answers) == 6)
        assert {st.ESME_ROK} == {answer.status for answer in smsc.answers[3:]}


async def test_messages_come_in_one_batch_and_are_acknowledged_when_kept() -> None:
    async with smpp_link() as (rig, smsc):
        rig.sink.keep = False
        messages(smsc.peers[0], 5)
        await rig.sink.until(lambda: bool(rig.sink.pending))
        assert [b"0", b"1", b"2", b"3", b"4"] == [
            each.payload for each in rig.sink.messages
        ]
        assert "+4799999999" == rig.sink.messages[0].originator
        (kept,) = rig.sink.pending
        kept.set_result(None)
        await smsc.until(lambda: len(smsc.answers) == 5)


async def test_link_lost_before_the_acknowledgement() -> None:
    async with smpp_link() as (rig, smsc):
        rig.sink.keep = False
        receipts(smsc.peers[0], 2)
        await rig.sink.until(lambda: bool(rig.sink.pending))
        smsc.peers[0].hang_up()
        await rig.sink.until(lambda: rig.sink.rooms == 2)
        rig.sink.pending[0].set_result(None)
        (outcome,) = await rig.send([rig.part(report=False)])
        assert isinstance(outcome, Sent)
        assert [] == smsc.answers


def has(kept: Sized, count: int) -> bool:
    return len(kept) == count


def half(peer: Peer, **fields: Any) -> None:
    """Send the first part of a long text."""
    text = bytes.fromhex("050003700201") + b"same"
    usual = {"source_addr": "4799999999", "esm_class": 0x40, "short_message": text}
    body = Sm(**(usual | fields))  # type: ignore[arg-type] # some text, some a number
    peer.session.send_request(cmd.DELIVER_SM, body, 0, 0.0)
    peer.flush()


async def test_equal_part_after_its_acknowledgement_is_another() -> None:
    async with smpp_link() as (rig, smsc):
        for count in range(1, 4):
            half(smsc.peers[0])
            await rig.sink.until(partial(has, rig.sink.messages, count))
            await smsc.until(partial(has, smsc.answers, count))
        half(smsc.peers[0], source_addr="4799999998")
        await smsc.until(lambda: len(smsc.answers) == 4)
        assert [False, True, True, False] == [each.new for each in rig.sink.messages]


async def test_equal_part_before_its_acknowledgement_is_perhaps_the_same() -> None:
    async with smpp_link() as (rig, smsc):
        rig.sink.fail = True
        half(smsc.peers[0])
        await smsc.until(lambda: len(smsc.answers) == 1)
        rig.sink.fail = False
        rig.sink.keep = False
        half(smsc.peers[0])
        await rig.sink.until(lambda: bool(rig.sink.pending))
        half(smsc.peers[0])
        await rig.sink.until(lambda: len(rig.sink.pending) == 2)
        assert [False] * 3 == [each.new for each in rig.sink.messages]


async def test_equal_part_after_the_link_was_lost_is_perhaps_the_same() -> None:
    async with smpp_link() as (rig, smsc):
        half(smsc.peers[0])
        await smsc.until(lambda: len(smsc.answers) == 1)
        smsc.peers[0].hang_up()
        await smsc.until(lambda: len(smsc.peers) == 2 and bool(smsc.bound))
        half(smsc.peers[1])
        await smsc.until(lambda: len(smsc.answers) == 2)
        assert [False, False] == [each.new for each in rig.sink.messages]


async def test_cancelled_keeping_is_to_come_again() -> None:
    async with smpp_link() as (rig, smsc):
        rig.sink.keep = False
        messages(smsc.peers[0], 1)
        await rig.sink.until(lambda: bool(rig.sink.pending))
        rig.sink.pending[0].cancel()
        await smsc.until(lambda: bool(smsc.answers))
        assert st.ESME_RX_T_APPN == smsc.answers[0].status


async def test_receipt_that_names_nothing_is_kept() -> None:
    async with smpp_link() as (rig, smsc):
        rig.sink.keep = False
        smsc.peers[0].deliver(Sm(esm_class=4, short_message=b"stat:UNDELIV err:001"))
        await rig.sink.until(lambda: bool(rig.sink.pending))
        assert [("", "UNDELIV 001")] == [(r.smsc_id, r.raw) for r in rig.sink.got]
        assert [] == smsc.answers
        rig.sink.pending[0].set_result(None)
        await smsc.until(lambda: bool(smsc.answers))
        assert st.ESME_ROK == smsc.answers[0].status
        carrier: Any = rig.carrier
        assert 1 == carrier.counters.unreadable


@pytest.mark.parametrize("esm_class", [*range(0x04, 0x40, 4), 0x48, 0x84])
async def test_text_of_a_person_is_a_message_whatever_esm_class_says(
    esm_class: int,
) -> None:
    async with smpp_link() as (rig, smsc):
        for text in (b"Hei, er id: 5 din?", b"?", b"My order failed"):
            smsc.peers[0].deliver(Sm(esm_class=esm_class, short_message=text))
        await smsc.until(lambda: len(smsc.answers) == 3)
        assert {st.ESME_ROK} == {answer.status for answer in smsc.answers}
        assert [] == rig.sink.got
        assert 3 == len(rig.sink.messages)


async def test_receipt_in_data_sm() -> None:
    async with smpp_link() as (rig, smsc):
        tlvs = [(tags.MESSAGE_PAYLOAD, RECEIPT % 17)]
        smsc.peers[0].deliver(DataSm(esm_class=4), tlvs, cmd.DATA_SM)
        await smsc.until(lambda: bool(smsc.answers))
        assert ["17"] == [each.smsc_id for each in rig.sink.got]
        assert cmd.DATA_SM_RESP == smsc.answers[0].command


async def test_broken_delivery_is_refused_and_the_link_stays() -> None:
    async with smpp_link() as (rig, smsc):
        whole = build(Pdu(cmd.DELIVER_SM, 0, 5, Sm(short_message=b"Hei")))
        cut = len(whole) - 4  # its length is missing
        smsc.peers[0].raw(cut.to_bytes(4, "big") + whole[4:cut])
        (outcome,) = await rig.send([rig.part(report=False)])
        assert isinstance(outcome, Sent)
        carrier: Any = rig.carrier
        assert (1, 1) == (carrier.counters.malformed, carrier.counters.bound)
        assert [] == rig.sink.messages


async def test_no_receipts_for_long_is_an_alarm() -> None:
    async with smpp_link(receipts_missing=600.0, window=30) as (rig, _smsc):
        await rig.send([rig.part("0007") for _ in range(25)])
        carrier: Any = rig.carrier
        assert "" == carrier.alarm
        now = carrier._clock()
        carrier._clock = lambda: now + 601
        assert carrier.alarm.startswith("no delivery report for 60")
        await rig.send([rig.part("9999", expires_at=now + 9999)])
        await rig.sink.until(lambda: bool(rig.sink.got))
        assert "" == carrier.alarm
