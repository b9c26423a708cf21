from __future__ import annotations

import asyncio
import re
import time
from itertools import pairwise
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import uvloop

from budstikke.carriers.simulator import mailbox as mailbox_module
from budstikke.carriers.simulator import redelivery as patience
from budstikke.carriers.simulator.deliver import Delivery
from budstikke.carriers.simulator.mailbox import Mailbox
from budstikke.domain.text import (
    concatenation,
    gsm_decode,
    parse_udh,
    udh_concat8,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp import tags
from budstikke.smpp.pdus import MessageId, Sm
from budstikke.smpp.receipt import MessageState
from carriers.simulator.operator_bind import (
    NOW,
    OLA,
    UDHI,
    bound_to,
    operator,
)
from carriers.waiting import LONG

# Receipts


@pytest.mark.parametrize(
    ("registered", "delivered", "undelivered", "interim"),
    [
        (0, 0, 0, 0),
        (1, 1, 1, 0),
        (2, 0, 1, 0),
        (3, 1, 0, 0),
        (0x10, 0, 0, 1),
        (0x11, 1, 1, 1),
        (0x0C, 0, 0, 0),
    ],
)
async def test_registered_delivery(
    registered: int, delivered: int, undelivered: int, interim: int
) -> None:
    async with bound_to() as (centre, esme):
        centre.phones.switch("+4799991111", on=False)
        for digits in ("9999", "0001", "1111"):
            await esme.submit(digits, registered_delivery=registered)
        centre.after(2)
        # One that is always wanted, so that the others have surely come before it.
        await esme.submit("0006", registered_delivery=1)
        centre.after(3)

        found = await esme.receipts(delivered + undelivered + interim + 2)
        states = [(each.state, each.interim) for each in found[:-2]]
        expected = [(MessageState.DELIVERED, False)] * delivered
        expected += [(MessageState.UNDELIVERABLE, False)] * undelivered
        expected += [(MessageState.ENROUTE, True)] * interim
        assert expected == states


@pytest.mark.parametrize(
    ("style", "text", "tlvs"), [("text", 1, 0), ("tlv", 0, 1), ("both", 1, 1)]
)
async def test_styles_of_receipts(style: str, text: int, tlvs: int) -> None:
    async with bound_to(receipts=style) as (centre, esme):
        await esme.submit("0001", "blåbær".encode("latin-1"), data_coding=3)
        centre.after(2)
        (receipt,) = await esme.receipts(1)
        (pdu,) = esme.delivered
        body = pdu.body
        assert isinstance(body, Sm)
        assert ("4799990001", 1, "Bud", 5, 4) == (
            body.source_addr,
            body.source_addr_ton,
            body.destination_addr,
            body.dest_addr_ton,
            body.esm_class,
        )
        assert MessageState.UNDELIVERABLE is receipt.state
        assert bool(text) == bool(body.short_message)
        assert bool(tlvs) == bool(pdu.tlvs)
        if text:
            assert b"stat:UNDELIV err:001 text:bl?b?r" in body.short_message
        if tlvs:
            assert (3, 1) == receipt.network_error


@pytest.mark.parametrize(
    ("response", "receipt"),
    [("decimal", "decimal"), ("hex", "decimal"), ("decimal", "padded")],
)
async def test_spellings_of_ids(response: str, receipt: str) -> None:
    base = {"decimal": 10, "padded": 10, "hex": 16}

    async with bound_to(response_id=response, receipt_id=receipt) as (centre, esme):
        answer = await esme.submit()
        centre.after(2)
        (found,) = await esme.receipts(1)

        assert isinstance(answer.body, MessageId)
        given = answer.body.message_id
        assert int(given, base[response]) == int(found.id, base[receipt])
        assert (response == receipt) == (given == found.id)
        assert found.text_id == found.id
        if receipt == "padded":
            assert 20 == len(found.id)


async def test_receipts_wait_for_a_bind_that_receives() -> None:
    async with operator() as centre:
        sender = await centre.bound(cmd.BIND_TRANSMITTER)
        await sender.submit()
        centre.after(2)
        await sender.submit()
        assert [] == sender.delivered

        receiver = await centre.bound(cmd.BIND_RECEIVER)
        assert 1 == len(await receiver.receipts(1))
        centre.after(2)
        assert 2 == len(await receiver.receipts(2))
        assert [] == sender.delivered


async def test_what_a_lost_bind_did_not_acknowledge_is_sent_again_in_order() -> None:
    async with bound_to() as (centre, esme):
        esme.statuses = [-1, 0, -1, -1]
        answers = [await esme.submit() for _ in range(4)]
        centre.after(2)
        await esme.receipts(4)
        esme.transport.abort()

        again = await centre.bound()
        receipts = await again.receipts(3)
        ids = [a.body.message_id for a in answers if isinstance(a.body, MessageId)]
        assert [ids[0], ids[2], ids[3]] == [each.id for each in receipts]


async def test_what_was_not_stored_is_sent_again_what_was_refused_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "RETRY", 0)

    async with bound_to() as (centre, esme):
        esme.statuses = [st.ESME_RX_T_APPN, st.ESME_RX_P_APPN, st.ESME_RSYSERR]
        await esme.submit()
        await esme.submit()
        centre.after(2)

        receipts = await esme.receipts(4)
        ids = [each.id for each in receipts]
        assert [ids[0], ids[1], ids[0], ids[0]] == ids
        assert 1 == centre.listener.mailbox("acme").dropped
        assert 0 == len(centre.listener.mailbox("acme"))


@pytest.mark.parametrize(
    ("status", "times"),
    [
        (st.ESME_RX_T_APPN, 2),
        (st.ESME_RMSGQFUL, 2),
        (st.ESME_RTHROTTLED, 2),
        (st.ESME_RUNKNOWNERR, 2),
        (0x412, 2),
        (st.ESME_RX_R_APPN, 1),
        (st.ESME_RINVDSTADR, 1),
        (st.ESME_RINVDCS, 1),
    ],
)
async def test_which_answers_have_a_delivery_repeated(
    monkeypatch: pytest.MonkeyPatch, status: int, times: int
) -> None:
    monkeypatch.setattr(patience, "RETRY", 0)

    async with bound_to() as (centre, esme):
        esme.statuses = [status]
        await esme.submit()
        await esme.submit()
        centre.after(2)
        ids = [each.id for each in await esme.receipts(1 + times)]
        assert times == ids.count(ids[0])
        await esme.submit("0007")  # what was answered before it is read before it
        assert 2 - times == centre.listener.mailbox("acme").dropped


def test_a_client_that_refuses_for_ever_is_asked_ever_less_often() -> None:
    asked = []
    client = patience.RedeliveryBackoff()
    now = 0.0
    while now < 3_600:
        asked.append(now)
        now += client.refused(now)
    pauses = [after - before for before, after in pairwise([*asked, now])]
    assert pauses[:10] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert {300} == set(pauses[10:])


def test_what_was_in_flight_is_one_refusal_and_one_delivery_tries_a_rested_client() -> (
    None
):
    client = patience.RedeliveryBackoff()
    assert client.may_ask(0.0, 99)
    assert [1.0, 0.75] == [client.refused(0.0), client.refused(0.25)]
    assert not client.may_ask(0.5, 0)
    assert client.may_ask(1.0, 0)
    assert not client.may_ask(1.0, 1)
    assert 2.0 == client.refused(1.0)
    client.accepted()
    assert client.may_ask(1.0, 99)
    assert 1.0 == client.refused(1.0)


async def test_a_client_that_refuses_is_not_sent_what_waits_and_one_that_takes_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "RETRY", 0.05)

    async with bound_to() as (centre, esme):
        esme.statuses = [st.ESME_RX_T_APPN] * 2
        await esme.submit()
        centre.after(2)
        await esme.receipts(1)
        for _ in range(5):
            await esme.submit()
        centre.after(2)
        # Resting: nothing of it is sent with the answer to something else.
        await esme.submit("0007")
        assert 1 == len(esme.delivered)
        receipts = await esme.receipts(2 + 6)
        ids = [each.id for each in receipts]
        assert 6 == len(set(ids))
        assert sorted(set(ids)) == ids[2:]


class Slow:
    """A bind that takes what it is told to."""

    def __init__(self) -> None:
        self.takes = 0
        self.taken: list[Delivery] = []

    def deliver(self, delivery: Delivery) -> bool:
        if len(self.taken) < self.takes:
            self.taken.append(delivery)
            return True
        return False


def test_what_comes_again_comes_in_its_place() -> None:
    deliveries = [Delivery(Sm()) for _ in range(5)]
    mailbox, bind = Mailbox(), Slow()
    mailbox.add_bind(bind)
    bind.takes = 3
    mailbox.put(*deliveries)
    mailbox.pump()
    for delivery in deliveries[:3]:
        assert 1.0 == mailbox.refused(delivery, st.ESME_RX_T_APPN)
    for delivery in (deliveries[1], deliveries[0], deliveries[2]):
        mailbox.retry(delivery)
    assert 5 == len(mailbox)
    bind.takes = 8
    mailbox.pump()
    assert deliveries == bind.taken[3:]


# Clients of SMPP 3.3, and of 5.0


@pytest.mark.parametrize("version", [0x00, 0x33])
@pytest.mark.parametrize("style", ["text", "tlv", "both"])
@pytest.mark.parametrize("form", ["decimal", "hex", "padded"])
async def test_a_client_of_smpp_3_3(version: int, style: str, form: str) -> None:
    reference = (tags.USER_MESSAGE_REFERENCE, b"\0\7")

    settings = {"receipts": style, "response_id": form, "receipt_id": form}
    async with operator(**settings) as centre:
        esme = await centre.connect()
        assert st.ESME_ROK == await esme.bind(version=version)
        assert () == esme.answers["bind"].tlvs
        ids = set()
        for _ in range(3):
            answer = await esme.submit(tlvs=(reference,))
            assert isinstance(answer.body, MessageId)
            ids.add(answer.body.message_id)
        centre.after(2)
        receipts = await esme.receipts(3)
        assert [()] * 3 == [tuple(pdu.tlvs) for pdu in esme.delivered]
        assert ids == {each.id for each in receipts}
        assert {MessageState.DELIVERED} == {each.state for each in receipts}
        assert 3 == len(ids)
        assert all(re.fullmatch("[0-9A-Fa-f]{1,8}", each) for each in ids)


async def test_receipts_are_written_for_the_client_that_fetches_them() -> None:
    """Submitted by a transmitter of 3.4; fetched by a receiver of 3.3."""

    async with operator(receipts="tlv") as centre:
        sender = await centre.bound(cmd.BIND_TRANSMITTER)
        await sender.submit()
        old = await centre.connect()
        await old.bind(cmd.BIND_RECEIVER, version=0x33)
        centre.after(2)
        (receipt,) = await old.receipts(1)
        assert MessageState.DELIVERED is receipt.state
        assert () == old.delivered[0].tlvs


@pytest.mark.parametrize(
    ("version", "status"),
    [
        (0x33, st.ESME_RSUBMITFAIL),
        (0x34, st.ESME_RSUBMITFAIL),
        (0x50, st.ESME_RINVDCS),
    ],
)
async def test_statuses_are_those_of_the_clients_version(
    version: int, status: int
) -> None:
    async with operator() as centre:
        esme = await centre.connect()
        await esme.bind(version=version)
        assert status == (await esme.submit(data_coding=4)).status


# What a receipt says of the message beside its end


async def test_a_receipt_echoes_what_belongs_to_the_message_and_its_addresses() -> None:
    submitted = (
        (tags.USER_MESSAGE_REFERENCE, b"\x12\x34"),
        (tags.SOURCE_SUBADDRESS, b"\xa0\x01"),
        (tags.DEST_SUBADDRESS, b"\xa0\x02\x03"),
        (tags.SOURCE_PORT, b"\x0b\x84"),
        (tags.ITS_SESSION_INFO, b"\1\2"),
        (tags.PRIVACY_INDICATOR, b"\1"),
        (0x1400, b"of the operator"),
    )

    async with bound_to() as (centre, esme):
        await esme.submit(tlvs=submitted)
        centre.after(2)
        await esme.receipts(1)
        (pdu,) = esme.delivered
        found = dict(pdu.tlvs)
        del found[tags.RECEIPTED_MESSAGE_ID], found[tags.MESSAGE_STATE]
        assert {
            tags.USER_MESSAGE_REFERENCE: b"\x12\x34",
            tags.DEST_SUBADDRESS: b"\xa0\x01",
            tags.SOURCE_SUBADDRESS: b"\xa0\x02\x03",
            tags.DESTINATION_PORT: b"\x0b\x84",
            tags.ITS_SESSION_INFO: b"\1\2",
        } == found


@pytest.mark.parametrize("registered", [1, 0x11])
async def test_receipts_say_it_twice_with_one_id_unless_told_otherwise(
    registered: int,
) -> None:
    async with bound_to() as (centre, esme):
        centre.phones.switch("+4799999999", on=False)
        answer = await esme.submit(registered_delivery=registered)
        centre.after(2)
        centre.phones.switch("+4799999999", on=True)
        centre.after(2)
        assert isinstance(answer.body, MessageId)
        for receipt in await esme.receipts(2 if registered & 0x10 else 1):
            assert answer.body.message_id == receipt.id == receipt.text_id
            assert receipt.word
        for pdu in esme.delivered:
            assert tags.MESSAGE_STATE in dict(pdu.tlvs)


async def test_the_window_of_a_bind_is_kept() -> None:
    async with bound_to(window=2) as (centre, esme):
        esme.statuses = [-1, -1]
        for _ in range(5):
            await esme.submit()
        centre.after(2)
        await esme.receipts(2)
        await esme.submit()
        assert 2 == len(esme.delivered)

        esme.session.respond(esme.delivered[0])
        esme.flush()
        await esme.receipts(3)


async def test_what_nobody_fetches_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox_module, "MOST", 2)

    async with operator() as centre:
        sender = await centre.bound(cmd.BIND_TRANSMITTER)
        for _ in range(3):
            await sender.submit()
        centre.after(2)
        assert 2 == len(centre.listener.mailbox("acme"))
        assert 1 == centre.listener.mailbox("acme").dropped


# What phones send


async def test_a_message_from_a_phone() -> None:
    async with bound_to() as (centre, esme):
        centre.phones.compose("+" + OLA, "2229", "JA €", NOW)
        await esme.until(lambda: bool(esme.delivered))

        expected = Sm(
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=OLA,
            dest_addr_npi=1,
            destination_addr="2229",
            short_message=b"JA \x1be",
        )
        assert expected == esme.delivered[0].body


async def test_long_messages_from_a_phone_come_in_parts() -> None:
    async with bound_to() as (centre, esme):
        text = "Dette er en lang tekst. " * 20
        centre.phones.compose("+" + OLA, "+4790000000", text, NOW)
        await esme.until(lambda: len(esme.delivered) == 4)

        found = ""
        for number, pdu in enumerate(esme.delivered, start=1):
            assert isinstance(pdu.body, Sm)
            assert (UDHI, 1) == (pdu.body.esm_class, pdu.body.dest_addr_ton)
            elements, octets = parse_udh(pdu.body.short_message)
            where = concatenation(elements)
            assert where is not None
            assert (number, 4) == (where.number, where.total)
            found += gsm_decode(octets)
        assert text == found


async def test_messages_from_phones_wait_for_a_bind() -> None:
    async with operator(numbers=("22",)) as centre:
        centre.phones.compose("+" + OLA, "2229", "a", NOW)
        centre.phones.compose("+" + OLA, "26114", "b", NOW)
        centre.phones.compose("+" + OLA, "2229", "c", NOW)
        await centre.bound(cmd.BIND_TRANSMITTER)
        esme = await centre.bound()
        await esme.until(lambda: len(esme.delivered) == 2)

        texts = [pdu.body.short_message for pdu in esme.delivered]  # type: ignore[union-attr] # all are Sm
        assert [b"a", b"c"] == texts
        assert ["b"] == [composed.text for composed in centre.phones.take(10)]


async def test_many_messages_from_phones_all_come() -> None:
    async with bound_to(window=7) as (centre, esme):
        for number in range(500):
            centre.phones.compose("+" + OLA, "2229", str(number), NOW)
        await esme.until(lambda: len(esme.delivered) == 500)

        texts = [pdu.body.short_message for pdu in esme.delivered]  # type: ignore[union-attr] # all are Sm
        assert [str(number).encode() for number in range(500)] == texts


async def test_a_phone_that_was_off_gets_it_when_it_is_switched_on() -> None:
    async with bound_to() as (centre, esme):
        centre.phones.switch("+" + OLA, on=False)
        await esme.submit()
        centre.after(100)
        assert [] == centre.got()

        centre.phones.switch("+" + OLA, on=True)
        (receipt,) = await esme.receipts(1)
        assert MessageState.DELIVERED is receipt.state
        assert ["Hei"] == [message.text for message in centre.got()]


# A client that is not ours


def foreign(port: int) -> list[Any]:
    """Bind, send a long text, and take its receipts, with smpplib."""
    client = smpplib.client.Client(
        "127.0.0.1", port, timeout=LONG, allow_unknown_opt_params=True
    )
    deliveries: list[Any] = []
    answers: list[Any] = []
    client.set_message_received_handler(lambda pdu, **_: deliveries.append(pdu))
    client.set_message_sent_handler(lambda pdu, **_: answers.append(pdu))
    client.connect()
    client.bind_transceiver(system_id="acme", password="secret")
    for number in (1, 2):
        client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr="Foreign",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            destination_addr=OLA,
            short_message=udh_concat8(1, 2, number) + b"part%d " % number,
            esm_class=smpplib.consts.SMPP_GSMFEAT_UDHI,
            registered_delivery=True,
        )
    while len(deliveries) < 3:
        client.read_once()
    client.unbind()
    client.disconnect()
    ids = [answer.message_id for answer in answers]
    reported = [pdu.receipted_message_id for pdu in deliveries if pdu.esm_class]
    assert sorted(ids) == sorted(reported)
    return [pdu.short_message for pdu in deliveries if not pdu.esm_class]


async def test_a_foreign_client() -> None:
    async with operator(delivery_delay=0) as centre:
        centre.phones.compose("+" + OLA, "2229", "JA", NOW)
        centre.listener._clock = time.time
        async with asyncio.timeout(LONG):
            texts = await asyncio.to_thread(foreign, centre.listener.port)
        assert [b"JA"] == texts
        assert ["part1 part2 "] == [message.text for message in centre.got()]


def test_under_uvloop() -> None:
    async def story() -> None:
        async with operator() as centre:
            esme = await centre.bound()
            await esme.submit()
            centre.after(2)
            assert 1 == len(await esme.receipts(1))

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
