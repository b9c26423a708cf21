"""Lanes: batches of what gathers, and writing that does not give up."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import pytest

from budstikke.flow.batching import Coalescer, WriteBehind
from budstikke.store.contract import StoreDamaged, StoreUnavailable
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Sequence


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let pauses last a turn of the loop, and note how long they were to be."""
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return pauses


class Work:
    """Notes batches; ``fails`` says what to raise for which batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failures: list[Exception | None] = []
        self.poison: int | None = None

    async def __call__(self, items: list[int]) -> Sequence[int]:
        await asyncio.sleep(0)
        if self.failures and (error := self.failures.pop(0)) is not None:
            raise error
        if self.poison in items:
            raise ZeroDivisionError
        self.batches.append(list(items))
        return [item * 10 for item in items]

    async def write(self, items: list[int]) -> None:
        await self(items)


# Lane


async def test_each_item_has_its_own_result() -> None:
    put = Coalescer(Work()).put
    results = await asyncio.gather(*(put(n) for n in range(50)))
    assert [n * 10 for n in range(50)] == results


async def test_items_that_come_together_share_a_future() -> None:
    work = Work()
    coalescer = Coalescer(work, most=7)
    first, lone = coalescer.put_all(range(10)), coalescer.put(10)
    results = await asyncio.gather(first, coalescer.put_all(range(11, 20)), lone)
    assert [n * 10 for n in range(10)] == results[0]
    assert [n * 10 for n in range(11, 20)] == results[1]
    assert 100 == results[2]
    assert [7, 7, 6] == [len(batch) for batch in work.batches]


async def test_of_items_that_come_together_only_the_bad_one_fails() -> None:
    work = Work()
    work.poison = 3
    results = await Coalescer(work).put_all(range(5))
    assert [0, 10, 20, 40] == [n for n in results if isinstance(n, int)]
    assert isinstance(results[3], ZeroDivisionError)
    work.failures = [StoreUnavailable("down")]
    results = await Coalescer(work).put_all(range(5, 7))
    assert [StoreUnavailable] * 2 == [type(each) for each in results]


async def test_who_gave_up_items_that_came_together_harms_nobody() -> None:
    coalescer = Coalescer(Work())
    gone, other = coalescer.put_all([1, 2]), coalescer.put(3)
    gone.cancel()
    assert 30 == await other


async def test_what_comes_meanwhile_is_the_next_batch() -> None:
    work = Work()
    its = Coalescer(work)
    first = its.put(1)
    await asyncio.sleep(0)  # the batch has begun
    rest = [its.put(n) for n in (2, 3, 4)]
    await asyncio.gather(first, *rest)
    assert [[1], [2, 3, 4]] == work.batches


async def test_a_batch_has_a_limit_and_order_is_kept() -> None:
    work = Work()
    its = Coalescer(work, most=4)
    await asyncio.gather(*(its.put(n) for n in range(10)))
    assert [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]] == work.batches


async def test_what_is_put_as_soon_as_there_is_a_result_is_worked() -> None:
    coalescer = Coalescer(Work())
    async with asyncio.timeout(PATIENCE):
        assert [0, 10, 20] == [await coalescer.put(n) for n in range(3)]


async def test_so_many_batches_are_worked_at_a_time() -> None:
    going = asyncio.Event()
    begun: list[list[int]] = []

    async def work(items: list[int]) -> Sequence[int]:
        begun.append(list(items))
        await going.wait()
        return items

    coalescer: Coalescer[int, int] = Coalescer(work, ahead=2)
    results = []
    for item in range(4):
        results.append(coalescer.put(item))
        await asyncio.sleep(0)
    assert [[0], [1]] == begun
    going.set()
    assert [0, 1, 2, 3] == await asyncio.gather(*results)
    assert [[0], [1], [2, 3]] == begun
    await coalescer.drain()
    assert not coalescer._tasks


async def test_a_failure_is_given_to_its_batch_and_the_next_goes_on() -> None:
    work = Work()
    work.failures = [StoreUnavailable("full")]
    its = Coalescer(work)
    first = [its.put(n) for n in (1, 2)]
    await asyncio.sleep(0)
    second = its.put(3)
    results = await asyncio.gather(*first, second, return_exceptions=True)
    assert [StoreUnavailable] * 2 == [type(r) for r in results[:2]]
    assert 30 == results[2]


async def test_whoever_asked_may_go_away() -> None:
    work = Work()
    its = Coalescer(work)
    futures = [its.put(n) for n in (1, 2, 3)]
    futures[1].cancel()
    assert [10, 30] == [await futures[0], await futures[2]]
    assert [[1, 2, 3]] == work.batches


async def test_a_drained_lane_is_empty_and_can_be_used_again() -> None:
    work = Work()
    its = Coalescer(work)
    futures = [its.put(n) for n in (1, 2)]
    await its.drain()
    assert [True, True] == [future.done() for future in futures]
    await its.drain()
    assert 30 == await its.put(3)


# Steady


async def test_what_could_not_be_written_is_written_later_in_order(
    no_pauses: list[float],
) -> None:
    work = Work()
    work.failures = [StoreUnavailable("full")] * 9
    its = WriteBehind(work.write, most=3)
    its.push([1, 2])
    await asyncio.sleep(0)
    its.push([3, 4])
    await its.drain()
    assert [1, 2, 3, 4] == [n for batch in work.batches for n in batch]
    waits = [pause for pause in no_pauses if pause]
    assert [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0] == waits


async def test_what_a_damaged_store_does_not_take_is_kept() -> None:
    work = Work()
    work.failures = [StoreDamaged("the database is damaged")] * 30
    its = WriteBehind(work.write)
    its.push([1, 2])
    await its.drain()
    assert [[1, 2]] == work.batches


async def test_nothing_is_pushed() -> None:
    work = Work()
    its = WriteBehind(work.write)
    its.push([])
    await its.drain()
    assert [] == work.batches


def test_one_that_cannot_be_worked_does_not_take_the_others_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        work = Work()
        work.poison = 5
        its = WriteBehind(work.write, most=8)
        its.push(range(20))
        await its.drain()
        written = [n for batch in work.batches for n in batch]
        assert [n for n in range(20) if n != 5] == written
        assert [16, 17, 18, 19] == work.batches[-1]  # and back to batches

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert 1 == len([r for r in caplog.records if r.levelno == logging.ERROR])


def test_what_is_dropped_is_not_quoted(caplog: pytest.LogCaptureFixture) -> None:
    async def work(_: list[str]) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def scenario() -> None:
        its = WriteBehind(work)
        its.push(["Koden din er 123456"])
        await its.drain()

    with caplog.at_level(logging.ERROR):
        asyncio.run(scenario())
    assert ["dropped after an error: str"] == caplog.messages


async def test_a_drain_ends_even_when_nothing_can_be_written() -> None:
    work = Work()
    work.failures = [StoreUnavailable("full")] * 1_000_000
    its = WriteBehind(work.write)
    its.push([1])
    await its.drain(0.01)
    assert [] == work.batches
