"""The order in which an endpoint is told, and what is overtaken."""

from __future__ import annotations

import asyncio

from budstikke.domain.message import StatusEvent
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import CallbackRow
from flow.rig import Rig, directory, until
from store.path import BOTH, NOW, RECIPIENT, receipt

ONE = "c1.example"


def row(number: int, message_id: int, state: str, tries: int = 0) -> CallbackRow:
    event = StatusEvent(message_id, RECIPIENT, None, state, "", "", NOW)
    return CallbackRow(number, 1, event, tries)


def told(rig: Rig) -> list[str]:
    """List what was told: status and message."""
    return [
        url.partition("?")[2].replace("&origid=", " ") for url in rig.transport.asked
    ]


async def pushes(rig: Rig) -> tuple[CallbackRow, CallbackRow]:
    """Have the store make both callbacks of a message: -1 and 4."""
    (part,) = await rig.path.sending(notify_on=BOTH)
    (first,) = await rig.path.answer(part, PartState.SENT, "id1", notify_on=BOTH)
    (last,) = await rig.path.store.settle(1, [receipt("id1")], NOW, 1000.0)
    return first, last


async def test_rows_start_in_order_of_id(rig: Rig) -> None:
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify([row(100 + n, n, "delivered") for n in range(4)])
    await until(lambda: 4 == rig.transport.under_way)
    rig.notifier.notify([row(30, 30, "delivered"), row(10, 10, "delivered")])
    rig.notifier.notify([row(20, 20, "delivered")])
    rig.transport.hanging[ONE].set()
    await until(lambda: 7 == len(rig.transport.asked))
    assert ["status=4 10", "status=4 20", "status=4 30"] == told(rig)[4:]


async def test_pushes_of_one_message_are_never_under_way_together(
    rig: Rig,
) -> None:
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify([row(1, 7, "sent"), row(2, 7, "delivered"), row(3, 8, "sent")])
    await until(lambda: 2 == rig.transport.under_way)
    await asyncio.sleep(0)
    assert ["status=-1 7", "status=-1 8"] == told(rig)
    rig.notifier.notify([row(4, 8, "delivered")])
    await asyncio.sleep(0)
    assert 2 == rig.transport.under_way
    rig.transport.hanging[ONE].set()
    await rig.told(4)
    assert ["status=4 7", "status=4 8"] == sorted(told(rig)[2:])


async def test_an_interim_that_fails_is_overtaken_by_the_final_that_waits_for_it(
    rig: Rig,
) -> None:
    first, last = await pushes(rig)
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.transport.status[ONE] = 500
    rig.notifier.notify([first, last])
    await until(lambda: 1 == rig.transport.under_way)
    rig.transport.hanging[ONE].set()
    await until(lambda: 2 == len(rig.transport.asked))
    rig.transport.status[ONE] = 200
    await rig.told(2)
    assert ["overtaken", "thanks"] == rig.path.column("answer", schema.callback)
    assert ["done", "done"] == rig.path.column("state", schema.callback)


async def test_an_interim_that_comes_back_when_the_message_is_final_is_overtaken(
    rig: Rig,
) -> None:
    rig.transport.status[ONE] = 500
    (part,) = await rig.path.sending(notify_on=BOTH)
    rig.notifier.notify(
        await rig.path.answer(part, PartState.SENT, "i", notify_on=BOTH)
    )
    await rig.told(1)
    rig.transport.status[ONE] = 200
    rig.notifier.notify(await rig.path.store.settle(1, [receipt("i")], NOW, 1000.0))
    await rig.told(2)
    rig.now += 5
    await rig.scheduler.wake()
    await rig.written()
    assert ["-1", "4"] == [each.split()[0][7:] for each in told(rig)]
    assert ["overtaken", "thanks"] == rig.path.column("answer", schema.callback)


async def test_an_interim_that_comes_back_before_that_is_told(rig: Rig) -> None:
    rig.transport.status[ONE] = 500
    (part,) = await rig.path.sending(notify_on=BOTH)
    rig.notifier.notify(
        await rig.path.answer(part, PartState.SENT, "i", notify_on=BOTH)
    )
    await rig.told(1)
    rig.transport.status[ONE] = 200
    rig.now += 5
    await rig.scheduler.wake()
    await rig.told(2)
    assert ["thanks"] == rig.path.column("answer", schema.callback)


async def test_what_was_overtaken_cannot_be_seen_while_the_store_is_away(
    rig: Rig,
) -> None:
    first, last = await pushes(rig)
    rig.store.down = True
    await rig.notifier.woken([first, last])
    rig.store.down = False
    await rig.told(2)
    assert ["-1", "4"] == [each.split()[0][7:] for each in told(rig)]


async def test_another_directory_forgets_what_is_idle(rig: Rig) -> None:
    rig.notifier.notify([row(1, 1, "delivered")])
    await rig.told(1)
    rig.directory = directory(status_interim=True)
    rig.notifier.notify([row(2, 2, "delivered")])
    await rig.told(2)
    assert 1 == len(rig.notifier._endpoints)


async def test_sent_is_not_told_when_delivered_is_under_way(rig: Rig) -> None:
    """What two transactions made may be handed over in either order."""
    first, last = await pushes(rig)
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify([last])
    await until(lambda: 1 == rig.transport.under_way)
    rig.notifier.notify([first])
    rig.transport.hanging[ONE].set()
    await rig.told(1)
    assert ["4"] == [each.split()[0][7:] for each in told(rig)]
    assert ["overtaken", "thanks"] == rig.path.column("answer", schema.callback)
    assert ["done", "done"] == rig.path.column("state", schema.callback)


async def test_sent_is_not_told_after_delivered(rig: Rig) -> None:
    first, last = await pushes(rig)
    rig.notifier.notify([last])
    await rig.told(1)
    rig.notifier.notify([first])
    await rig.told(1)
    assert ["4"] == [each.split()[0][7:] for each in told(rig)]
    assert ["overtaken", "thanks"] == rig.path.column("answer", schema.callback)


async def test_sent_is_told_first_when_both_wait(rig: Rig) -> None:
    rig.transport.hanging[ONE] = asyncio.Event()
    rig.notifier.notify([row(100 + n, n, "delivered") for n in range(4)])
    await until(lambda: 4 == rig.transport.under_way)
    rig.notifier.notify([row(202, 9, "delivered"), row(201, 9, "sent")])
    rig.transport.hanging[ONE].set()
    await rig.told(6)
    assert ["status=-1 9", "status=4 9"] == told(rig)[4:]
