"""All tasks with long work share one allowance in each turn of the loop."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import suppress
from itertools import pairwise

import pytest

from budstikke.flow import pace
from budstikke.flow.pace import TURN, Pace, in_thread, pieces

TASKS, PIECES = 10, 30


class Clock:
    """Time that only work takes."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Loop:
    """Counts the turns of the loop."""

    def __init__(self) -> None:
        self.turn = 0
        self._task = asyncio.ensure_future(self._count())

    async def _count(self) -> None:
        while True:
            self.turn += 1
            await asyncio.sleep(0)

    def stop(self) -> None:
        self._task.cancel()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    ours = Clock()
    monkeypatch.setattr(pace, "perf_counter", ours)
    return ours


@pytest.mark.parametrize("share", [0.3, 0.6, 2.0])
async def test_however_many_work_they_share_a_turns_allowance(
    clock: Clock, share: float
) -> None:
    """Of pieces that take a share of it, as many as fit, and the one that ends it."""
    loop, done = Loop(), Counter[int]()

    async def work() -> None:
        resting = Pace()
        for _ in range(PIECES):
            clock.now += TURN * share
            done[loop.turn] += 1
            await resting.rest()

    await asyncio.gather(*[work() for _ in range(TASKS)])
    loop.stop()

    assert TASKS * PIECES == done.total()
    # In the first turn nobody knows of the others until each has done a piece.
    first, *rest = [done[turn] for turn in sorted(done)]
    assert first <= TASKS + 1 / share
    assert max(rest) <= 1 / share + 1


async def test_what_others_take_of_a_turn_is_not_taken_from_long_work(
    clock: Clock,
) -> None:
    loop, done = Loop(), Counter[int]()

    async def others() -> None:
        while True:
            clock.now += 2 * TURN
            await asyncio.sleep(0)

    busy = asyncio.ensure_future(others())
    resting = Pace()
    for _ in range(PIECES):
        clock.now += TURN / 10
        done[loop.turn] += 1
        await resting.rest()
    busy.cancel()
    loop.stop()

    assert len(done) <= PIECES / 10 + 2


async def test_long_work_ends_in_the_order_in_which_it_began(clock: Clock) -> None:
    ended: list[int] = []

    async def work(name: int) -> None:
        async for _ in pieces(range(1000)):
            clock.now += TURN
        ended.append(name)

    await asyncio.gather(*[work(name) for name in range(TASKS)])

    assert sorted(ended) == ended


async def test_what_waits_for_a_turn_and_is_given_up_takes_none(clock: Clock) -> None:
    loop = Loop()

    async def work() -> None:
        resting = Pace()
        clock.now += TURN
        await resting.rest()

    tasks = [asyncio.ensure_future(work()) for _ in range(100)]
    await asyncio.sleep(0)
    for task in tasks[:-1]:
        task.cancel()
    begin = loop.turn
    await tasks[-1]
    loop.stop()

    assert loop.turn - begin < 10
    for task in tasks[:-1]:
        with suppress(asyncio.CancelledError):
            await task


async def test_a_few_items_never_wait(clock: Clock) -> None:
    waiting = [asyncio.ensure_future(_exhaust(clock)) for _ in range(TASKS)]
    await asyncio.sleep(0)
    loop = Loop()
    async for _, some in pieces("ab"):
        assert "ab" == some
        clock.now += TURN
    assert 0 == loop.turn  # which has not even begun
    loop.stop()
    await asyncio.gather(*waiting)


async def _exhaust(clock: Clock) -> None:
    resting = Pace()
    clock.now += TURN
    await resting.rest()


async def test_the_loop_has_a_turn_between_two_jobs_in_threads() -> None:
    """A callback of the loop meets one of them at most, however many wait."""
    loop, seen = Loop(), list[tuple[int, int]]()

    def job() -> None:
        begin = loop.turn
        seen.append((begin, loop.turn))

    await asyncio.gather(*[in_thread(job) for _ in range(TASKS)])
    loop.stop()

    assert TASKS == len(seen)
    for (_, ended), (begun, _) in pairwise(seen):
        assert ended < begun
