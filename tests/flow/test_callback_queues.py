"""Queues: one after another, in order, and paused when it cannot go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from budstikke.domain.callback import QueueState
from budstikke.flow import callback_queues as queues
from budstikke.store import schema
from flow.callbacks import counters, receive, two_way
from flow.rig import Rig, rig_on, until
from store.path import opened

if TYPE_CHECKING:
    import pytest

    from budstikke.store.contract import QueueHead
    from store.engines import SqliteEngine

IN = "in.example"


def states(rig: Rig) -> list[str]:
    return rig.path.column("state", schema.callback)


def queue(rig: Rig) -> list[str]:
    return rig.path.column("state", schema.queue)


async def begin(rig: Rig, count: int) -> int:
    """Have so many messages wait in the queue of access 1; returns its id."""
    rig.directory = two_way()
    (queue_id,) = (await receive(rig, count)).queues
    return queue_id


async def work(rig: Rig, queue_id: int) -> None:
    rig.notifier.queues([queue_id])
    await until(lambda: not rig.notifier.busy())
    await rig.written()


async def test_in_order_one_at_a_time(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "MOST_READ", 7)

    async with rig_on(engine) as rig:
        await work(rig, await begin(rig, 30))
        assert list(range(1, 31)) == counters(rig)
        assert 1 == rig.transport.most_under_way
        assert ["done"] * 30 == states(rig)
        assert [QueueState.IDLE] == queue(rig)


async def test_three_tries_then_it_is_paused_and_all_wait(rig: Rig) -> None:
    queue_id = await begin(rig, 5)
    rig.transport.status[IN] = 500
    await work(rig, queue_id)
    for tries, wait in ((1, 60.0), (2, 300.0)):
        assert [1] * tries == counters(rig)
        rig.now += wait - 0.1
        await rig.scheduler.wake()
        await until(lambda: not rig.notifier.busy())
        assert [1] * tries == counters(rig)
        rig.now += 0.1
        await rig.scheduler.wake()
        await until(lambda: not rig.notifier.busy())
        await rig.written()
    assert [1] * 3 == counters(rig)
    assert [QueueState.PAUSED] == queue(rig)
    assert ["HTTP 500 not now"] == rig.path.column("why", schema.queue)
    assert ["queued"] * 5 == states(rig)
    # Whatever comes later waits behind it, for as long as it takes.
    rig.transport.status[IN] = 200
    await receive(rig, 2)
    rig.now += 1_000_000
    await rig.scheduler.wake()
    rig.notifier.queues([queue_id])
    await until(lambda: not rig.notifier.busy())
    assert [1] * 3 == counters(rig)
    # And all of it goes on, in order.
    assert queue_id == await rig.store.resume_queue(queue_id=queue_id)
    await rig.scheduler.wake()
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    assert list(range(1, 8)) == counters(rig, 3)
    assert ["done"] * 7 == states(rig)


async def test_tries_are_of_the_first_one(rig: Rig) -> None:
    queue_id = await begin(rig, 2)
    rig.transport.status[IN] = 500
    await work(rig, queue_id)
    rig.now += 60
    first = rig.transport.hanging[IN] = asyncio.Event()
    rig.notifier.queues([queue_id])
    await until(lambda: 2 == len(rig.transport.asked))
    for _ in range(3):
        await asyncio.sleep(0)  # it hangs now
    rig.transport.status[IN] = 200
    second = rig.transport.hanging[IN] = asyncio.Event()
    first.set()
    await until(lambda: 3 == len(rig.transport.asked))
    for _ in range(3):
        await asyncio.sleep(0)
    rig.transport.status[IN] = 500
    second.set()
    await until(lambda: not rig.notifier.busy())
    await rig.written()
    assert [1, 1, 2] == counters(rig)
    assert [QueueState.DUE] == queue(rig)
    assert [1] == rig.path.column("tries", schema.queue)


async def test_tries_that_failed_are_logged(rig: Rig) -> None:
    queue_id = await begin(rig, 1)
    rig.transport.status[IN] = 500
    await work(rig, queue_id)
    rig.now += 60
    rig.transport.status[IN] = 0
    await work(rig, queue_id)
    assert [500, None] == rig.path.column("status", schema.attempt)
    (first, _) = rig.path.column("request", schema.attempt)
    assert first.startswith("POST https://in.example/in\ncontent-type: ")
    assert '"counter":1' in first


async def test_a_crash_may_tell_one_twice_and_skips_none(
    engine: SqliteEngine, rig: Rig
) -> None:
    queue_id = await begin(rig, 10)
    asked = rig.transport.asked
    rig.notifier.queues([queue_id])
    await until(lambda: 6 == len(asked))
    crashed = engine.after_power_loss()
    async with opened(crashed, rig.now + 1000) as again:
        head = await again.store.take_queue(queue_id, 100, rig.now + 1000)
        assert head is not None
        first = head.callbacks[0].event.counter  # type: ignore[union-attr]
        assert 1 <= first <= 7
        rest = [row.event.counter for row in head.callbacks]  # type: ignore[union-attr]
        assert list(range(first, 11)) == rest
    await until(lambda: not rig.notifier.busy())


async def test_the_next_does_not_wait_for_what_came_of_the_last_to_be_written(
    rig: Rig,
) -> None:
    queue_id = await begin(rig, 10)
    rig.transport.hanging[IN] = asyncio.Event()
    rig.notifier.queues([queue_id])
    await until(lambda: 1 == len(rig.transport.asked))
    rig.store.down = True
    rig.transport.hanging.pop(IN).set()
    await until(lambda: 10 == len(rig.transport.asked))
    assert ["queued"] * 10 == states(rig)
    rig.store.down = False
    await until(lambda: not rig.notifier.busy())
    assert list(range(1, 11)) == counters(rig)
    assert ["done"] * 10 == states(rig)


async def test_what_comes_while_a_worker_ends_is_worked(rig: Rig) -> None:
    rig.directory = two_way()
    for turns in range(30):
        received = await receive(rig, 1)
        rig.notifier.queues(received.queues)
        for _ in range(turns):
            await asyncio.sleep(0)
    await until(lambda: not rig.notifier.busy())
    assert list(range(1, 31)) == counters(rig)


async def test_what_comes_when_there_was_nothing_is_not_forgotten(
    rig: Rig,
) -> None:
    queue_id = await begin(rig, 1)
    take = rig.path.store.take_queue
    late = True

    async def slow(*args: Any) -> QueueHead | None:
        nonlocal late
        head = await take(*args)
        if head is None and late:
            late = False
            rig.notifier.queues((await receive(rig, 1)).queues)
        return head

    rig.store.take_queue = slow
    await work(rig, queue_id)
    assert [1, 2] == counters(rig)


async def test_a_lease_is_renewed_while_customers_take_their_time(
    rig: Rig,
) -> None:
    queue_id = await begin(rig, 8)
    for told in range(1, 9):
        hanging = rig.transport.hanging[IN] = asyncio.Event()
        if told == 1:
            rig.notifier.queues([queue_id])
        await until(lambda told=told: told == len(rig.transport.asked))  # type: ignore[misc]
        rig.now += 55
        # Nobody else gets it meanwhile.
        assert [] == (await rig.store.wake(rig.now, 10, 10)).queues
        hanging.set()
    await until(lambda: not rig.notifier.busy())
    assert list(range(1, 9)) == counters(rig)


async def test_queues_do_not_wait_for_one_another(rig: Rig) -> None:
    first = await begin(rig, 1)
    rig.transport.hanging[IN] = asyncio.Event()
    rig.notifier.queues([first])
    await until(lambda: 1 == rig.transport.under_way)
    (second,) = (await receive(rig, 1, access_id=2)).queues
    rig.notifier.queues([second])
    await until(lambda: 2 == rig.transport.under_way)
    rig.transport.hanging[IN].set()
    await until(lambda: not rig.notifier.busy())
    assert ["done"] * 2 == states(rig)


async def test_a_stop_hands_the_queue_back(rig: Rig) -> None:
    queue_id = await begin(rig, 5)
    hanging = rig.transport.hanging[IN] = asyncio.Event()
    rig.notifier.queues([queue_id])
    await until(lambda: 1 == rig.transport.under_way)
    stopping = asyncio.create_task(rig.notifier.stop(10))
    await asyncio.sleep(0)
    hanging.set()
    await stopping
    assert [1] == counters(rig)
    assert [None] == rig.path.column("node_id", schema.queue)
    assert [queue_id] == (await rig.store.wake(rig.now, 10, 10)).queues
    rig.notifier.queues([queue_id])
    assert not rig.notifier.busy()


async def test_a_stop_does_not_wait_for_ever(rig: Rig) -> None:
    queue_id = await begin(rig, 5)
    rig.transport.hanging[IN] = asyncio.Event()
    rig.notifier.queues([queue_id])
    await until(lambda: 1 == rig.transport.under_way)
    await rig.notifier.stop(0.01)
    assert [queue_id] == (await rig.store.wake(rig.now, 10, 10)).queues
    assert [0] == rig.path.column("tries", schema.queue)
    assert ["queued"] * 5 == states(rig)


async def test_a_url_that_is_gone_pauses_it_and_nothing_is_dropped(
    rig: Rig,
) -> None:
    queue_id = await begin(rig, 3)
    rig.directory = two_way(inbound_url="")
    await work(rig, queue_id)
    assert [QueueState.PAUSED] == queue(rig)
    assert [queues.NO_URL] == rig.path.column("why", schema.queue)
    assert ["queued"] * 3 == states(rig)
    rig.directory = two_way()
    await rig.store.resume_queue(queue_id=queue_id)
    await work(rig, queue_id)
    assert [1, 2, 3] == counters(rig)
    assert ["done"] * 3 == states(rig)


async def test_an_access_that_is_gone_holds_nobody_up(rig: Rig) -> None:
    queue_id = await begin(rig, 3)
    rig.directory = replace(two_way(), accesses={})
    await work(rig, queue_id)
    assert ["done"] * 3 == states(rig)
    assert [] == rig.transport.asked
