"""The SMPP carrier against a scripted message centre: binds, windows, ends."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
import uvloop

from budstikke.domain.receipt import Reason, Rejected, Retry, Sent
from budstikke.smpp import Pdu
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, Empty
from carriers.rig import logged, smpp_link
from carriers.smpp.smsc import (
    REJECTED,
    SILENT,
    THROTTLED,
    Peer,
    Smsc,
    fate,
    refuse_bind,
    sm,
    take_bind,
)

# Binding


async def test_bind_says_who_we_are() -> None:
    async with smpp_link(
        system_type="VMS",
        interface_version=0x50,
        bind_ton=1,
        bind_npi=1,
        address_range="47",
    ) as (_rig, smsc):
        (bind,) = smsc.received
        assert cmd.BIND_TRANSCEIVER == bind.command
        assert Bind("bud", "secret", "VMS", 0x50, 1, 1, "47") == bind.body


async def test_transmitter_and_receiver_pairs() -> None:
    async with smpp_link(bind_type="tx+rx", binds=2) as (_rig, smsc):
        await smsc.until(lambda: len(smsc.bound) == 4)
        assert [
            cmd.BIND_RECEIVER,
            cmd.BIND_RECEIVER,
            cmd.BIND_TRANSMITTER,
            cmd.BIND_TRANSMITTER,
        ] == sorted(pdu.command for pdu in smsc.received)


async def test_bind_refused_then_accepted(caplog: pytest.LogCaptureFixture) -> None:
    def script(smsc: Smsc) -> None:
        def on_bind(peer: Peer, pdu: Pdu) -> None:
            (take_bind if len(smsc.peers) > 3 else refuse_bind)(peer, pdu)

        smsc.on_bind = on_bind

    with caplog.at_level(logging.INFO, "budstikke.carrier"):
        async with smpp_link(script=script, started=False) as (rig, smsc):
            await smsc.until(lambda: len(smsc.peers) == 2)
            assert (0, False) == (rig.carrier.room(), rig.carrier.healthy())
            await rig.sink.until(lambda: rig.sink.rooms > 0)
            counters = rig.carrier.counters  # type: ignore[attr-defined] # of SMPP
            assert (1, 3, 1) == (counters.binds, counters.binds_failed, counters.bound)
            (outcome,) = await rig.send([rig.part()])
            assert isinstance(outcome, Sent)
    lines = [record.getMessage() for record in caplog.records]
    assert ["op/1 is down: bind refused: ESME_RINVPASWD"] * 3 == lines[:3]
    assert "op/1 is bound" == lines[3]
    assert "secret" not in caplog.text


async def test_alarm_says_why_it_is_not_bound() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_bind = refuse_bind

    async with smpp_link(script=script, started=False) as (rig, smsc):
        await smsc.until(lambda: len(smsc.peers) == 2)
        alarm = rig.carrier.alarm  # type: ignore[attr-defined] # of SMPP
        assert "op/1: bind refused: ESME_RINVPASWD" == alarm
        smsc.on_bind = take_bind
        await rig.sink.until(lambda: rig.sink.rooms > 0)
        assert "" == rig.carrier.alarm  # type: ignore[attr-defined] # of SMPP


async def test_silent_at_bind_is_tried_again() -> None:
    def script(smsc: Smsc) -> None:
        def on_bind(peer: Peer, pdu: Pdu) -> None:
            if len(smsc.peers) > 1:
                take_bind(peer, pdu)

        smsc.on_bind = on_bind

    async with smpp_link(script=script, started=False, response_timeout=0.05) as (
        rig,
        smsc,
    ):
        await rig.sink.until(lambda: rig.sink.rooms > 0)
        assert 2 == len(smsc.peers)


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0\0\0\4",
        b"\0\0\0\x10",
        b"\0\0\0\x20\x80\0\0\x09\0\0\0\0\0\0\0\1half",
        b"\xff" * 100,
    ],
)
async def test_garbage_at_bind_is_tried_again(octets: bytes) -> None:
    def script(smsc: Smsc) -> None:
        def on_bind(peer: Peer, pdu: Pdu) -> None:
            if len(smsc.peers) > 1:
                take_bind(peer, pdu)
            else:
                peer.raw(octets)
                peer.hang_up()

        smsc.on_bind = on_bind

    async with smpp_link(script=script, started=False) as (rig, smsc):
        await rig.sink.until(lambda: rig.sink.rooms > 0)
        assert 2 == len(smsc.peers)


async def test_nobody_listens() -> None:
    async with smpp_link() as (rig, smsc):
        carrier: Any = rig.carrier
        smsc.server.close()
        await smsc.server.wait_closed()
        smsc.peers[0].hang_up()
        await logged("no connection")
        assert "no connection" in carrier.alarm
        assert not carrier.healthy()


# Sending


async def test_window_is_kept_and_kept_full() -> None:
    held: list[tuple[Peer, Pdu]] = []

    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: held.append((peer, pdu))

    async with smpp_link(script=script, window=4) as (rig, smsc):
        parts = [rig.part() for _ in range(25)]
        assert 4 == rig.carrier.room()
        rig.carrier.offer(parts)
        assert 0 == rig.carrier.room()
        for done in range(25):
            await smsc.until(lambda: bool(held))
            peer, pdu = held.pop(0)
            peer.ok(pdu, str(done))
            await rig.sink.until(lambda: len(rig.sink.outcomes) == done + 1)  # noqa: B023 - waited for at once
            wanted = min(25, done + 5)
            await smsc.until(lambda: len(smsc.submits) == wanted)  # noqa: B023 - likewise
        assert 4 == smsc.most_in_flight
        assert parts == [part for part, _ in rig.sink.outcomes]


async def test_one_write_a_turn() -> None:
    async with smpp_link(window=100) as (rig, smsc):
        before = smsc.reads
        for _ in range(100):
            rig.carrier.offer([rig.part(report=False)])
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 100)
        assert smsc.reads - before <= 3
        assert len(rig.sink.batches) <= 5


async def test_throughput_is_kept() -> None:
    async with smpp_link(throughput=100.0, window=100) as (rig, _smsc):
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await rig.send([rig.part(report=False) for _ in range(30)])
        # 10 are saved up (a tenth of a second), the others come at 100 a second
        assert loop.time() - begun >= 0.19


async def test_parts_of_a_message_take_one_link_in_order() -> None:
    async with smpp_link(binds=3) as (rig, smsc):
        await smsc.until(lambda: len(smsc.bound) == 3)
        parts = [
            rig.part(message=message, number=number, total=4)
            for number in range(1, 5)
            for message in range(20, 29)
        ]
        rig.carrier.offer(parts[:18])
        rig.carrier.offer(parts[18:])
        await rig.sink.until(lambda: len(rig.sink.outcomes) == len(parts))
        for message in range(20, 29):
            mine = [
                (peer, sm(pdu).short_message[6:])
                for peer, pdu in smsc.submits
                if sm(pdu).short_message[6:].startswith(b"%d/" % message)
            ]
            assert 1 == len({id(peer) for peer, _ in mine})
            assert [b"%d/%d" % (message, number) for number in range(1, 5)] == [
                text for _, text in mine
            ]
        assert 3 == len({id(peer) for peer, _ in smsc.submits})


async def test_throttled_window_goes_again_in_order_and_nothing_overtakes() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda _peer, _pdu: None

    async with smpp_link(script=script, window=8) as (rig, smsc):
        parts = [rig.part(report=False) for _ in range(20)]
        rig.carrier.offer(parts)
        await smsc.until(lambda: len(smsc.submits) == 8)
        for peer, pdu in smsc.submits[:4]:
            peer.ok(pdu, "1")
        await smsc.until(lambda: len(smsc.submits) == 12)
        for begin in (4, 12):
            *early, (peer, last) = smsc.submits[begin : begin + 8]
            for _, pdu in reversed(early):
                peer.answer(pdu, st.ESME_RTHROTTLED)
            carrier: Any = rig.carrier
            await rig.sink.until(lambda: len(rig.sink.outcomes) == 4)
            peer.answer(last, st.ESME_RMSGQFUL)
            wanted = begin + 16
            await smsc.until(lambda: len(smsc.submits) >= wanted)  # noqa: B023 - waited for at once
            assert wanted == len(smsc.submits)
            assert smsc.texts()[4:12] == smsc.texts()[begin + 8 : wanted]
        assert 16 == carrier.counters.throttled
        smsc.on_submit = fate
        for peer, pdu in smsc.submits[20:28]:
            peer.ok(pdu, "1")
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 20)
        assert parts == [part for part, _ in rig.sink.outcomes]
        assert not carrier.throttled


async def test_a_part_that_is_throttled_for_long_is_reported() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: peer.answer(pdu, st.ESME_RTHROTTLED)

    async with smpp_link(
        script=script, window=1, throttle_min=0.01, throttle_max=0.02
    ) as (rig, smsc):
        carrier: Any = rig.carrier
        parts = [rig.part(), rig.part()]
        rig.carrier.offer(parts)
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 2)
        assert 4 <= len(smsc.submits)  # at 0, 10, 30, 50 ms
        overflow = Rejected(Reason.THROTTLED, "ESME_RTHROTTLED", Retry.OVERFLOW)
        assert [overflow] * 2 == [outcome for _, outcome in rig.sink.outcomes]
        assert 0 == carrier.in_flight


async def test_whatever_becomes_of_a_part_it_leaves_its_room() -> None:
    async with smpp_link(response_timeout=0.1, throttle_min=0.05, window=4) as (
        rig,
        smsc,
    ):
        carrier: Any = rig.carrier
        parts = [
            *(rig.part(), rig.part(REJECTED), rig.part(THROTTLED), rig.part(SILENT)),
            *(rig.part(originator="A" * 30), rig.part(expires_at=0.0)),
        ]
        rig.carrier.offer(parts)
        assert (6, 0) == (carrier.in_flight, rig.carrier.room())
        await rig.sink.until(lambda: len(rig.sink.outcomes) == len(parts))
        assert (0, 4) == (carrier.in_flight, rig.carrier.room())
        smsc.on_submit = lambda peer, _: peer.hang_up()
        await rig.send([rig.part() for _ in range(6)])  # two of them wait
        assert (0, 0) == (carrier.in_flight, rig.carrier.room())
        await rig.sink.until(lambda: rig.sink.rooms == 2)
        assert 4 == rig.carrier.room()


async def test_throttled_until_the_validity_is_over() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: peer.answer(pdu, st.ESME_RTHROTTLED)

    async with smpp_link(script=script) as (rig, _smsc):
        part = rig.part()
        part.expires_at -= 3600 - 0.1
        (outcome,) = await rig.send([part])
        assert isinstance(outcome, Rejected)
        assert (Reason.EXPIRED, Retry.NEVER) == (outcome.reason, outcome.retry)


async def test_status_of_the_link_comes_first() -> None:
    def script(smsc: Smsc) -> None:
        smsc.on_submit = lambda peer, pdu: peer.answer(pdu, 0x412)

    async with smpp_link(script=script, statuses={"0x412": Retry.LATER}) as (
        rig,
        _smsc,
    ):
        assert [Rejected(Reason.UNKNOWN, "0x00000412", Retry.LATER)] == await rig.send(
            [rig.part()]
        )


async def test_what_cannot_be_written_is_refused_and_the_rest_goes_on() -> None:
    async with smpp_link() as (rig, smsc):
        bad = rig.part(originator="A" * 30)
        alien = rig.part(text="Čaj")
        outcomes = await rig.send([rig.part(), bad, alien, rig.part()])
        assert isinstance(outcomes[0], Sent)
        assert isinstance(outcomes[3], Sent)
        assert isinstance(outcomes[1], Rejected)
        assert Reason.BAD_ORIGINATOR == outcomes[1].reason
        assert isinstance(outcomes[2], Rejected)
        assert Reason.CONTENT == outcomes[2].reason
        assert 2 == len(smsc.submits)


async def test_generic_nack_is_a_no() -> None:
    def script(smsc: Smsc) -> None:
        def on_submit(peer: Peer, pdu: Pdu) -> None:
            nack = Pdu(cmd.GENERIC_NACK & 0x7FFFFFFF, 0, pdu.sequence, None)
            peer.session.respond(nack, st.ESME_RINVCMDID, Empty())

        smsc.on_submit = on_submit

    async with smpp_link(script=script) as (rig, _smsc):
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Rejected)
        assert "ESME_RINVCMDID" == outcome.raw


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})])
async def test_uvloop() -> None:
    assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
    async with smpp_link() as (rig, smsc):
        outcomes = await rig.send([rig.part() for _ in range(50)])
        assert all(isinstance(each, Sent) for each in outcomes)
        await smsc.until(lambda: len(smsc.answers) == 50)
        await rig.carrier.drain(1.0)
