"""
What every carrier must do (``carriers.contract``), against its own other side.

A new carrier is a row of ``RIGS``. Its other side decides a part's fate by the last
four digits of the recipient, as the simulator's phones do.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import pytest

from budstikke.domain.receipt import (
    Reason,
    ReceiptState,
    Rejected,
    Retry,
    Sent,
    Unsure,
)
from carriers.rig import Rig, http_rig, mm7_rig, simulator_rig, smpp_rig
from carriers.smpp.smsc import (
    EXPIRED,
    NO_RECEIPT,
    RECEIPT_FIRST,
    RECEIPT_TWICE,
    REJECTED,
    SILENT,
    THROTTLED,
    UNDELIVERED,
)
from carriers.waiting import LONG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

Story: TypeAlias = "Callable[[Rig], Coroutine[None, None, None]]"
MakeRig: TypeAlias = "Callable[[], AbstractAsyncContextManager[Rig]]"

RIGS: dict[str, MakeRig] = {
    "http": http_rig,
    "mm7": mm7_rig,
    "simulator": simulator_rig,
    "simulator, MMS": lambda: simulator_rig("mms"),
    "smpp": smpp_rig,
    "smpp, two links": lambda: smpp_rig(binds=2),
    "smpp, tx and rx": lambda: smpp_rig(bind_type="tx+rx"),
}


@pytest.fixture(params=list(RIGS))
def make_rig(request: pytest.FixtureRequest) -> MakeRig:
    return RIGS[request.param]


@asynccontextmanager
async def started(make_rig: MakeRig) -> AsyncIterator[Rig]:
    async with asyncio.timeout(LONG), make_rig() as rig:
        await rig.start()
        yield rig


async def test_no_room_before_it_runs(make_rig: MakeRig) -> None:
    async with make_rig() as rig:
        assert (0, False) == (rig.carrier.room(), rig.carrier.healthy())
        await rig.start()
        assert rig.carrier.room() > 0
        assert rig.carrier.healthy()


async def test_answer(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        first, second = await rig.send([rig.part(NO_RECEIPT), rig.part(NO_RECEIPT)])
        assert isinstance(first, Sent)
        assert isinstance(second, Sent)
        assert first.smsc_id
        assert first.smsc_id != second.smsc_id


async def test_refuse(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        refused = Rejected(Reason.UNKNOWN_SUBSCRIBER, rig.refusal, Retry.NEVER)
        assert [refused] == await rig.send([rig.part(REJECTED)])


async def test_silence(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        (outcome,) = await rig.send([rig.part(SILENT)])
        assert isinstance(outcome, Unsure)
        assert outcome.raw


async def test_each_part_is_answered_once(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        endings = [NO_RECEIPT, REJECTED, SILENT, THROTTLED, RECEIPT_FIRST, "9999"]
        parts = [rig.part(endings[index % len(endings)]) for index in range(48)]
        outcomes = await rig.send(parts)
        assert 8 == sum(isinstance(each, Unsure) for each in outcomes)
        assert 8 == sum(isinstance(each, Rejected) for each in outcomes)
        assert 32 == sum(isinstance(each, Sent) for each in outcomes)
        assert {1} == set(rig.sink.times().values())


async def test_throttle_keeps_the_order(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        # Each of the phones is throttled three times. Links keep order, each its own:
        # first segments with even ids have the same of two links.
        parts = [rig.part(THROTTLED, message=2 * each, total=2) for each in range(9)]
        outcomes = await rig.send(parts)
        assert all(isinstance(each, Sent) for each in outcomes)
        assert parts == [part for part, _ in rig.sink.outcomes]


async def test_receipts(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        parts = [rig.part("9999"), rig.part(UNDELIVERED), rig.part(EXPIRED)]
        outcomes = await rig.send(parts)
        sent = [each.smsc_id for each in outcomes if isinstance(each, Sent)]
        await rig.sink.until(lambda: len(rig.sink.got) == 3)
        found = {each.smsc_id: each for each in rig.sink.got}
        assert [
            ReceiptState.DELIVERED,
            ReceiptState.UNDELIVERED,
            ReceiptState.EXPIRED,
        ] == [found[each].state for each in sent]
        assert [part.recipient for part in parts] == [
            found[each].recipient for each in sent
        ]


async def test_no_receipt_when_none_is_asked(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        await rig.send([rig.part("9999", report=False), rig.part("9999")])
        await rig.sink.until(lambda: bool(rig.sink.got))
        assert 1 == len(rig.sink.got)


async def test_receipt_before_the_answer(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        (outcome,) = await rig.send([rig.part(RECEIPT_FIRST)])
        await rig.sink.until(lambda: bool(rig.sink.got))
        assert isinstance(outcome, Sent)
        assert [outcome.smsc_id] == [each.smsc_id for each in rig.sink.got]


async def test_receipt_twice(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        (outcome,) = await rig.send([rig.part(RECEIPT_TWICE)])
        await rig.sink.until(lambda: len(rig.sink.got) == 2)
        assert isinstance(outcome, Sent)
        assert {outcome.smsc_id} == {each.smsc_id for each in rig.sink.got}


async def test_everything_is_answered_when_it_is_cancelled(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        parts = [rig.part(SILENT) for _ in range(30)]
        rig.carrier.offer(parts)
        await rig.stop()
        assert {part.id: 1 for part in parts} == dict(rig.sink.times())
        assert (0, False) == (rig.carrier.room(), rig.carrier.healthy())
        for _, outcome in rig.sink.outcomes:
            assert isinstance(outcome, Unsure) or outcome.retry is Retry.LATER  # type: ignore[union-attr] # never Sent


async def test_drain_waits_for_answers(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        parts = [rig.part(NO_RECEIPT) for _ in range(30)]
        rig.carrier.offer(parts)
        await rig.carrier.drain(LONG)
        assert 30 == len(rig.sink.outcomes)
        assert all(isinstance(each, Sent) for _, each in rig.sink.outcomes)
        assert (0, False) == (rig.carrier.room(), rig.carrier.healthy())
        assert rig.task is not None
        await rig.task


async def test_drain_gives_up(make_rig: MakeRig) -> None:
    async with started(make_rig) as rig:
        parts = [rig.part(SILENT) for _ in range(30)]
        rig.carrier.offer(parts)
        await rig.carrier.drain(0.01)
        assert {part.id: 1 for part in parts} == dict(rig.sink.times())
