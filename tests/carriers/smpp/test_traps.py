"""What has bitten others (a test a row): known troubles of SMPP gateways."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

import pytest

from budstikke.carriers.smpp import SmppCarrier
from budstikke.domain.receipt import Reason, ReceiptState, Rejected, Retry, Sent, Unsure
from budstikke.domain.text import GSM_CHARACTERS, Concat, gsm_decode
from budstikke.smpp import Pdu, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, DataSm, MessageId, Sm
from budstikke.smpp.receipt import MessageState
from carriers.rig import Rig, smpp_link
from carriers.smpp.smsc import (
    RECEIPT_FIRST,
    SILENT,
    THROTTLED,
    Peer,
    Smsc,
    fate,
    refuse_bind,
    sm,
    take_bind,
)


async def receive(pdus: list[tuple[int, Any, Any]], **changes: Any) -> Rig:
    """Have these delivered and acknowledged; returns the rig with what came of it."""
    async with smpp_link(**changes) as (rig, smsc):
        for command, body, tlvs in pdus:
            smsc.peers[0].deliver(body, tlvs, command)
        await smsc.until(lambda: len(smsc.answers) == len(pdus))
        assert {st.ESME_ROK} == {answer.status for answer in smsc.answers}
    return rig


def text(octets: bytes, esm_class: int = 4) -> tuple[int, Sm, tuple[()]]:
    return cmd.DELIVER_SM, Sm(esm_class=esm_class, short_message=octets), ()


def answer_with(*ids: str) -> Any:
    """Script: give these message ids, one after the other."""
    left = list(ids)

    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: peer.ok(pdu, left.pop(0))

    return script


async def test_dlr_text() -> None:
    rig = await receive(
        [
            text(b"id:1 submit date:0000000000 stat:DELIVRD err:0000"),
            text(b"id: 2 stat: FAILED err:21b"),
            text(b"id:3 done date:20261123083000 stat:BUFFRED Text:id:9 stat:EXPIRED"),
            text(b"id:4 stat:ACKED"),
            text(b"id:5 stat:0"),
        ]
    )
    assert [
        ("1", ReceiptState.DELIVERED, "DELIVRD 0000"),
        ("2", ReceiptState.UNDELIVERED, "FAILED 21b"),
        ("3", ReceiptState.INTERIM, "BUFFRED"),
        ("4", ReceiptState.INTERIM, "ACKED"),
        ("5", ReceiptState.UNKNOWN, "0"),
    ] == [(each.smsc_id, each.state, each.raw) for each in rig.sink.got]


async def test_which_pdu_is_a_dlr() -> None:
    looks = b"id:1 stat:DELIVRD"
    rig = await receive([text(looks, 0), text(looks, 4), text(looks, 0x20)])
    assert [looks] == [each.payload for each in rig.sink.messages]
    assert 2 == len(rig.sink.got)
    rig = await receive([text(looks, 0)], receipt_text=True)
    assert ([], 1) == (rig.sink.messages, len(rig.sink.got))


async def test_receipted_message_id_and_message_state_tlv() -> None:
    tlvs = [(tags.RECEIPTED_MESSAGE_ID, b"a7\0"), (tags.MESSAGE_STATE, b"\x05")]
    body = Sm(esm_class=4, short_message=b"id:wrong stat:DELIVRD err:034")
    rig = await receive(
        [(cmd.DELIVER_SM, body, tlvs), (cmd.DELIVER_SM, Sm(), tlvs[:1])]
    )
    assert [
        ("a7", ReceiptState.UNDELIVERED, "DELIVRD 034"),
        ("a7", ReceiptState.UNKNOWN, ""),
    ] == [(each.smsc_id, each.state, each.raw) for each in rig.sink.got]


async def test_dlr_in_message_payload_or_data_sm() -> None:
    tlvs = [(tags.MESSAGE_PAYLOAD, b"id:1 stat:DELIVRD")]
    rig = await receive(
        [
            (cmd.DELIVER_SM, Sm(esm_class=4), tlvs),
            (cmd.DATA_SM, DataSm(esm_class=4), tlvs),
        ]
    )
    assert ["1", "1"] == [each.smsc_id for each in rig.sink.got]


@pytest.mark.parametrize(
    ("rule", "answered", "receipted"),
    [
        ("hex_dec", "7FA3", "32675"),
        ("dec_hex", "32675", "00007fa3"),
        ("unpadded", "0000012345", "12345"),
        ("unpadded", "0ba7b810-9dad", "BA7B810-9DAD"),
        ("caseless", "A7", "a7"),
    ],
)
async def test_message_id(rule: str, answered: str, receipted: str) -> None:
    async with smpp_link(script=answer_with(answered), message_ids=rule) as (rig, smsc):
        (outcome,) = await rig.send([rig.part()])
        smsc.peers[0].receipt(receipted, MessageState.DELIVERED)
        await rig.sink.until(lambda: bool(rig.sink.got))
        (found,) = rig.sink.got
        assert isinstance(outcome, Sent)
        assert (answered, receipted) == (outcome.smsc_id, found.smsc_id)
        assert outcome.smsc_key is not None
        assert outcome.smsc_key == found.smsc_key


def got(rig: Rig, count: int) -> bool:
    return len(rig.sink.got) == count


async def test_message_id_in_a_form_that_the_carrier_learns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    numbers = [0x7FA3 + 16 * n for n in range(7)]
    async with smpp_link(script=answer_with(*(f"{n:X}" for n in numbers))) as (
        rig,
        smsc,
    ):
        parts = [rig.part() for _ in numbers]
        for count, (part, number) in enumerate(zip(parts, numbers, strict=True), 1):
            await rig.send([part])
            phone = part.recipient.removeprefix("+")
            smsc.peers[0].receipt(f"{number}", MessageState.DELIVERED, phone)
            await rig.sink.until(partial(got, rig, count))
        outcomes = [rig.sink.outcome(part) for part in parts]
    keys = [each.smsc_key for each in outcomes if isinstance(each, Sent)]
    assert [None] * 5 + [f"{n}" for n in numbers[5:]] == keys
    assert keys == [each.smsc_key for each in rig.sink.got]
    assert 'set message_ids = "hex_dec"' in caplog.text


def answer_nothing(smsc: Smsc) -> None:
    smsc.on_submit = lambda _peer, _pdu: None


async def test_a_pause_returns_what_is_not_submitted_and_keeps_the_bind() -> None:
    async with smpp_link(script=answer_nothing, window=1) as (
        rig,
        smsc,
    ):
        carrier = rig.carrier
        assert isinstance(carrier, SmppCarrier)
        parts = [rig.part() for _ in range(3)]
        carrier.offer(parts)
        await smsc.until(lambda: bool(smsc.submits))
        carrier.pause(paused=True)
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 2)
        for part in parts[1:]:
            outcome = rig.sink.outcome(part)
            assert isinstance(outcome, Rejected)
            assert "paused" in outcome.raw
            assert outcome.retry is Retry.LATER
        assert (0, 1) == (carrier.room(), carrier.in_flight)
        smsc.peers[0].receipt("1", MessageState.DELIVERED)
        await rig.sink.until(lambda: bool(rig.sink.got))
        smsc.peers[0].answer(smsc.submits[0][1], st.ESME_RTHROTTLED)
        smsc.peers[0].flush()
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 3)
        throttled = rig.sink.outcome(parts[0])
        assert isinstance(throttled, Rejected)
        assert (Reason.THROTTLED, Retry.LATER) == (throttled.reason, throttled.retry)
        carrier.offer([rig.part()])
        connection = carrier._binds[0].submissions._connection
        assert connection is not None
        assert connection.session.outstanding == 0
        carrier.pause(paused=False)
        await smsc.until(lambda: len(smsc.submits) == 2)


async def test_dlr_before_submit_sm_resp() -> None:
    async with smpp_link() as (rig, _smsc):
        (outcome,) = await rig.send([rig.part(RECEIPT_FIRST)])
        await rig.sink.until(lambda: bool(rig.sink.got))
        assert isinstance(outcome, Sent)
        assert outcome.smsc_id == rig.sink.got[0].smsc_id


async def test_dlr_on_another_bind_or_after_restart() -> None:
    async with smpp_link(script=answer_with("77"), binds=2) as (rig, smsc):
        await smsc.until(lambda: len(smsc.bound) == 2)
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Sent)
        (used, _) = smsc.submits[0]
        used.hang_up()
        await rig.sink.until(lambda: rig.sink.rooms == 3)
        smsc.peers[-1].receipt(outcome.smsc_id, MessageState.DELIVERED)
        await rig.sink.until(lambda: bool(rig.sink.got))
        assert outcome.smsc_id == rig.sink.got[0].smsc_id


async def test_registered_delivery() -> None:
    async with smpp_link(registered_delivery=0x11) as (rig, smsc):
        await rig.send([rig.part(report=True), rig.part(report=False)])
        assert [0x11, 0] == [sm(pdu).registered_delivery for _, pdu in smsc.submits]


async def test_multi_part_dlr_is_asked_for_each_part() -> None:
    async with smpp_link() as (rig, smsc):
        await rig.send(
            [rig.part(message=5, number=number, total=3) for number in (1, 2, 3)]
        )
        assert [1, 1, 1] == [sm(pdu).registered_delivery for _, pdu in smsc.submits]
        await rig.sink.until(lambda: len(rig.sink.got) == 3)


@pytest.mark.parametrize("concat", [Concat.UDH8, Concat.UDH16, Concat.SAR])
async def test_long_text_forms(concat: Concat) -> None:
    async with smpp_link(concat=concat) as (rig, smsc):
        await rig.send([rig.part(message=5, number=2, total=3)])
        ((_, pdu),) = smsc.submits
        header = {
            Concat.UDH8: "050003050302",
            Concat.UDH16: "06080400050302",
            Concat.SAR: "",
        }[concat]
        assert bytes.fromhex(header) + b"5/2" == sm(pdu).short_message
        assert (concat is Concat.SAR) == bool(pdu.tlvs)


async def test_reassembly_gets_header_and_parameters_untouched() -> None:
    header = bytes.fromhex("0c050403e80000000003420201")
    sar = [(tags.SAR_MSG_REF_NUM, b"\0\7"), (tags.SAR_TOTAL_SEGMENTS, b"\2")]
    rig = await receive(
        [
            (cmd.DELIVER_SM, Sm(esm_class=0x40, short_message=header + b"Hei"), ()),
            (cmd.DELIVER_SM, Sm(short_message=b"Hei"), sar),
        ]
    )
    first, second = rig.sink.messages
    assert (True, header + b"Hei") == (first.udhi, first.payload)
    assert (False, dict(sar)) == (second.udhi, second.tlvs)


async def test_window_and_throttle() -> None:
    async with smpp_link(window=5) as (rig, smsc):
        parts = [rig.part(THROTTLED) for _ in range(5)]
        outcomes = await rig.send(parts)
        assert all(isinstance(each, Sent) for each in outcomes)
        assert parts == [part for part, _ in rig.sink.outcomes]
        assert smsc.most_in_flight <= 5
        # the wish for a receipt survives being sent again
        assert {1} == {sm(pdu).registered_delivery for _, pdu in smsc.submits}


async def test_enquire_link() -> None:
    async with smpp_link(enquire_link=0.05, response_timeout=0.1) as (rig, smsc):
        smsc.peers[0].deaf = True
        await rig.sink.until(lambda: rig.sink.rooms == 2)


async def test_sequence_beyond_the_standard() -> None:
    async with smpp_link() as (rig, smsc):
        peer = smsc.peers[0]
        peer.session._window.upcoming = 0x7FFFFFFF
        for _ in range(3):
            peer.deliver(Sm(short_message=b"Hei"))
        await smsc.until(lambda: len(smsc.answers) == 3)
        assert [0x7FFFFFFF, 1, 2] == [answer.sequence for answer in smsc.answers]
        assert len(rig.sink.messages) == 3


async def test_timeout_of_a_submit_is_unsure_and_never_sent_again() -> None:
    async with smpp_link(response_timeout=0.05) as (rig, smsc):
        (outcome,) = await rig.send([rig.part(SILENT)])
        assert isinstance(outcome, Unsure)
        await rig.send([rig.part()])
        assert 2 == len(smsc.submits)


async def test_deliver_sm_resp_is_empty_and_follows_the_commit() -> None:
    async with smpp_link() as (rig, smsc):
        rig.sink.keep = False
        smsc.peers[0].deliver(Sm(short_message=b"Hei"))
        await rig.sink.until(lambda: bool(rig.sink.pending))
        assert [] == smsc.answers
        rig.sink.pending[0].set_result(None)
        await smsc.until(lambda: bool(smsc.answers))
        assert MessageId("") == smsc.answers[0].body


async def test_data_coding_0_every_gsm_character() -> None:
    chars = "".join(sorted(GSM_CHARACTERS - {"\x1b"}))

    async with smpp_link() as (rig, smsc):
        await rig.send([rig.part(text=chars[:70]), rig.part(text=chars[70:])])
        assert chars == "".join(gsm_decode(octets) for octets in smsc.texts())
        assert {0} == {sm(pdu).data_coding for _, pdu in smsc.submits}


async def test_ton_and_npi() -> None:
    async with smpp_link() as (rig, smsc):
        for originator in ("Bud-1_2", "2229", "4799999999"):
            await rig.send([rig.part(originator=originator)])
        assert [(5, 0), (3, 0), (1, 1)] == [
            (sm(pdu).source_addr_ton, sm(pdu).source_addr_npi)
            for _, pdu in smsc.submits
        ]


@pytest.mark.parametrize(("form", "ending"), [("relative", "R"), ("absolute", "+")])
async def test_validity_time(form: str, ending: str) -> None:
    async with smpp_link(validity=form) as (rig, smsc):
        await rig.send([rig.part()])
        ((_, pdu),) = smsc.submits
        assert 16 == len(sm(pdu).validity_period)
        assert ending == sm(pdu).validity_period[-1]


@pytest.mark.parametrize("body", [MessageId(""), None])
async def test_submit_resp_oddities(body: MessageId | None) -> None:
    def script(smsc: Smsc) -> None:
        def on_submit(peer: Peer, pdu: Pdu) -> None:
            stray = Pdu(cmd.SUBMIT_SM, 0, pdu.sequence + 500, None)
            peer.session.respond(stray, 0, MessageId("9"))
            if body is None:
                head = (16).to_bytes(4, "big") + (0x80000004).to_bytes(4, "big")
                peer.flush()
                peer.raw(head + bytes(4) + pdu.sequence.to_bytes(4, "big"))
            else:
                peer.answer(pdu, 0, body)

        smsc.on_submit = on_submit

    async with smpp_link(script=script) as (rig, _smsc):
        assert [Sent("", None)] == await rig.send([rig.part()])
        carrier: Any = rig.carrier
        assert (1, 1) == (carrier.counters.unnamed, carrier.counters.unexpected)


async def test_bind_refused_for_good_is_tried_for_ever() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_bind = refuse_bind

    async with smpp_link(script=script, started=False) as (rig, smsc):
        await smsc.until(lambda: len(smsc.peers) == 6)
        carrier: Any = rig.carrier
        assert "ESME_RINVPASWD" in carrier.alarm
        smsc.on_bind = take_bind
        await rig.sink.until(lambda: rig.sink.rooms > 0)
        assert "" == carrier.alarm


async def test_unbind_after_the_window_is_drained() -> None:
    held: list[tuple[Peer, Pdu]] = []

    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: held.append((peer, pdu))

    async with smpp_link(script=script) as (rig, smsc):
        rig.carrier.offer([rig.part(), rig.part()])
        await smsc.until(lambda: len(held) == 2)
        drained = asyncio.create_task(rig.carrier.drain(5.0))
        for peer, pdu in held:
            fate(peer, pdu)
        await drained
        assert all(isinstance(each, Sent) for _, each in rig.sink.outcomes)
        kinds = [pdu.command for pdu in smsc.received]
        assert [cmd.SUBMIT_SM, cmd.SUBMIT_SM, cmd.UNBIND] == kinds[1:]


async def test_ussd_unknown_parameters_are_kept() -> None:
    tlvs = [(0x0501, b"\x12"), (0x1383, b"\1\2"), (0x3FFF, b"")]
    rig = await receive([(cmd.DELIVER_SM, Sm(service_type="USSD"), tlvs)])
    assert dict(tlvs) == rig.sink.messages[0].tlvs


async def test_vendor_tlvs() -> None:
    async with smpp_link(tlvs={"1400": b"1101".hex(), "1401": b"1107".hex()}) as (
        rig,
        smsc,
    ):
        await rig.send([rig.part()])
        ((_, pdu),) = smsc.submits
        assert [(0x1400, b"1101"), (0x1401, b"1107")] == list(pdu.tlvs)


async def test_interface_version_and_system_type_as_the_operator_wants() -> None:
    async with smpp_link(system_type="OTA", interface_version=0x50) as (_rig, smsc):
        body = smsc.received[0].body
        assert isinstance(body, Bind)
        assert ("OTA", 0x50) == (body.system_type, body.interface_version)


async def test_error_in_the_answer_keeps_the_operators_word() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: peer.answer(pdu, st.ESME_RINVSRCADR)

    async with smpp_link(script=script) as (rig, _smsc):
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Rejected)
        assert (Reason.BAD_ORIGINATOR, "ESME_RINVSRCADR") == (
            outcome.reason,
            outcome.raw,
        )
