"""A link that tears again and again is paused, says so, and resumes by itself."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers.smpp.carrier import SmppCarrier
from budstikke.carriers.smpp.flapping import FlapDetector
from budstikke.domain.receipt import Sent, Unsure
from carriers.rig import Rig, smpp_link
from carriers.smpp.smsc import Peer, Smsc, fate

if TYPE_CHECKING:
    from budstikke.smpp import Pdu

LONG: dict[str, Any] = {"reconnect_max": 3600, "response_timeout": 60}
"""So that a slow machine's connections are not taken for well."""


def tears(most: int = 3) -> FlapDetector:
    return FlapDetector(most, first=10.0, longest=600.0, well=60.0)


def test_the_third_tear_in_a_row_pauses_and_each_pause_is_longer() -> None:
    link = tears()
    pauses = [link.ended(1.0, answered=5, unsure=2) for _ in range(10)]
    assert [0, 0, 10, 20, 40, 80, 160, 320, 600, 600] == pauses


@pytest.mark.parametrize(
    ("lasted", "answered", "unsure", "then"),
    [
        (1.0, 5, 0, 0.0),  # all was answered
        (61.0, 5, 2, 0.0),  # it was well for long
        (1.0, 0, 0, 10.0),  # it had nothing to do: says nothing
        (1.0, 0, 2, 20.0),
    ],
)
def test_what_begins_the_count_anew(
    lasted: float, answered: int, unsure: int, then: float
) -> None:
    link = tears()
    for _ in range(2):
        link.ended(1.0, answered=0, unsure=1)
    link.ended(lasted, answered=answered, unsure=unsure)
    assert then == link.ended(1.0, answered=0, unsure=1)


def test_none_is_paused_where_the_setting_says_so() -> None:
    link = tears(0)
    assert {0.0} == {link.ended(1.0, answered=0, unsure=9) for _ in range(100)}


def tear(peer: Peer, _pdu: Pdu) -> None:
    peer.hang_up()


def of(rig: Rig) -> SmppCarrier:
    assert isinstance(rig.carrier, SmppCarrier)
    return rig.carrier


async def rounds(rig: Rig, number: int) -> None:
    """Wait until the link was bound so many times."""
    await rig.sink.until(lambda: rig.sink.rooms == number)


def script(smsc: Smsc) -> None:
    smsc.on_submit = tear


async def test_a_link_is_paused_with_an_alarm_and_resumes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "budstikke.carrier"):
        async with smpp_link(script=script, flap_pause_min=0.3, **LONG) as (rig, smsc):
            carrier = of(rig)
            for number in range(1, 4):
                await rounds(rig, number)
                assert 0 == carrier.paused
                (outcome,) = await rig.send([rig.part()])
                assert isinstance(outcome, Unsure)
            assert (1, 0) == (carrier.paused, carrier.room())
            assert not carrier.healthy()
            broke = "the connection broke 3 times in a row with parts in flight"
            alarm = f"op/1: paused for 0.3 s after {broke}"
            assert alarm in carrier.alarm
            smsc.on_submit = fate

            await rounds(rig, 4)
            assert (0, "") == (carrier.paused, carrier.alarm)
            (outcome,) = await rig.send([rig.part()])
            assert isinstance(outcome, Sent)
            assert 4 == len(smsc.peers)
    lines = [record.getMessage() for record in caplog.records]
    assert 1 == lines.count(f"op/1 is paused: {broke}")


async def test_the_pause_is_kept() -> None:
    async with smpp_link(script=script, flap_pause_min=0.2, **LONG) as (rig, smsc):
        loop = smsc.server.get_loop()
        came: list[float] = []
        smsc.on_connect = lambda _peer: came.append(loop.time())
        for number in range(1, 6):
            await rounds(rig, number)
            await rig.send([rig.part()])
        # The first came before; the second and third were the second and third tear.
        pauses = [after - before for before, after in pairwise(came)]
        assert pauses[1] >= 0.2
        assert pauses[2] >= 0.4


async def test_a_paused_link_is_ended_at_once_and_another_carries_on() -> None:
    async with smpp_link(
        binds=2, flap_pause_min=3600.0, flap_pause_max=3600.0, **LONG
    ) as (rig, smsc):
        await smsc.until(lambda: len(smsc.bound) == 2)
        first = smsc.peers[0]

        def on_submit(peer: Peer, pdu: Pdu) -> None:
            (tear if peer in smsc.peers[2:] or peer is first else fate)(peer, pdu)

        smsc.on_submit = on_submit
        carrier = of(rig)
        while not carrier.paused:
            await rig.send([rig.part() for _ in range(4)])
            await rig.sink.until(
                lambda: carrier.counters.bound == 2 or carrier.paused > 0
            )
        assert carrier.healthy()
        (outcome,) = await rig.send([rig.part()])
        assert isinstance(outcome, Sent)
        await carrier.drain(1.0)
        assert (0, 0) == (carrier.counters.bound, carrier.paused)


async def test_ending_a_link_that_has_parts_is_no_tear() -> None:
    async with smpp_link(**LONG) as (rig, _smsc):
        rig.carrier.offer([rig.part("0003")])
        await rig.carrier.drain(0.01)
        assert 0 == of(rig)._binds[0]._flaps.count
