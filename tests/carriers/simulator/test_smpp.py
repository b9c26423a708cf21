"""Our SMPP carrier bound to the simulated operator: the real path, fate by fate."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.carriers import smpp
from budstikke.carriers.simulator.faults import Faults
from budstikke.carriers.simulator.listener import Listener
from budstikke.carriers.simulator.phones import Phones
from budstikke.carriers.simulator.settings import ListenerSettings
from budstikke.domain.receipt import ReceiptState, Rejected, Sent, Unsure
from carriers.rig import Recorder, Rig, settings
from carriers.waiting import LONG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def bound(phones: Phones, **operators: Any) -> AsyncIterator[Rig]:
    patience = operators.pop("patience", 30.0)
    numbers = random.Random(1)  # noqa: S311 - where ids begin, and jitter
    values: dict[str, Any] = {"port": 0, "delivery_delay": 0.01} | operators
    listener = Listener(phones, ListenerSettings(**values), random=numbers)
    await listener.start()
    ids = "hex_dec" if operators else "as_written"
    link = settings(listener.port, message_ids=ids, response_timeout=patience)
    carrier = smpp.carrier("op", link, random=numbers, clock=listener._clock)
    rig = Rig(carrier, Recorder(), None)
    try:
        async with asyncio.timeout(LONG):
            await rig.start()
            yield rig
    finally:
        await rig.stop()
        await listener.stop()


@pytest.mark.parametrize(
    ("digits", "outcome", "states"),
    [
        ("9999", Sent, [ReceiptState.DELIVERED]),
        ("0001", Sent, [ReceiptState.UNDELIVERED]),
        ("0002", Rejected, []),
        ("0003", Unsure, []),
        ("0004", Sent, [ReceiptState.EXPIRED]),
        ("0005", Sent, [ReceiptState.DELIVERED]),
        ("0006", Sent, [ReceiptState.DELIVERED] * 2),
        ("0007", Sent, []),
        ("0008", Sent, [ReceiptState.DELIVERED]),
    ],
)
async def test_fates(
    digits: str, outcome: type[object], states: list[ReceiptState]
) -> None:
    phones = Phones()
    async with bound(phones) as rig:
        part = rig.part(digits)
        (answer,) = await rig.send([part])
        assert outcome is type(answer)
        await rig.sink.until(lambda: len(rig.sink.got) == len(states))
        assert states == [receipt.state for receipt in rig.sink.got]
        if isinstance(answer, Sent):
            assert {answer.smsc_id} >= {each.smsc_id for each in rig.sink.got}


async def test_ids_that_are_spelt_in_two_ways() -> None:
    spellings = {"response_id": "hex", "receipt_id": "padded"}
    async with bound(Phones(), **spellings) as rig:
        (answer,) = await rig.send([rig.part()])
        await rig.sink.until(lambda: bool(rig.sink.got))
        assert isinstance(answer, Sent)
        assert answer.smsc_id != rig.sink.got[0].smsc_id
        assert answer.smsc_key == rig.sink.got[0].smsc_key is not None


async def test_a_long_text_there_and_an_answer_back() -> None:
    phones = Phones()
    async with bound(phones) as rig:
        parts = [rig.part(message=7, number=n, total=3) for n in (1, 2, 3)]
        await rig.send(parts)
        await rig.sink.until(lambda: len(rig.sink.got) == 3)
        (message,) = phones.messages(parts[0].recipient)
        assert ("7/17/27/3", 3) == (message.text, message.segments)

        phones.compose(parts[0].recipient, "2229", "JA", 0.0)
        await rig.sink.until(lambda: bool(rig.sink.messages))
        (inbound,) = rig.sink.messages
        assert (parts[0].recipient, "2229", b"JA") == (
            inbound.originator,
            inbound.recipient,
            inbound.payload,
        )


async def test_faults() -> None:
    phones = Phones()
    async with bound(phones, patience=1.0) as rig:
        carrier, got = rig.carrier, rig.sink.got
        assert isinstance(carrier, smpp.SmppCarrier)
        phones.faults = Faults(no_receipts=True)
        silent = rig.part()
        assert isinstance((await rig.send([silent]))[0], Sent)
        while not phones.messages(silent.recipient):  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.001)
        phones.faults = Faults(duplicates=True, receipt_id="hex", answer_delay=0.05)
        began = asyncio.get_running_loop().time()
        (twice,) = await rig.send([rig.part()])
        assert asyncio.get_running_loop().time() - began >= 0.05
        await rig.sink.until(lambda: len(got) == 2)
        assert isinstance(twice, Sent)
        assert [int(twice.smsc_id)] * 2 == [int(each.smsc_id, 16) for each in got]
        phones.faults = Faults(throttle=True)
        late = rig.part()
        carrier.offer([late])
        while not carrier.counters.throttled:  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.001)
        phones.faults = Faults()
        await rig.sink.until(lambda: len(rig.sink.outcomes) == 3)
        assert isinstance(rig.sink.outcome(late), Sent)
        phones.faults = Faults(half_open=True)
        (unsure,) = await rig.send([rig.part()])
        assert isinstance(unsure, Unsure)
        assert carrier.healthy()
