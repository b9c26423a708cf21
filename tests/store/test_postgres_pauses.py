"""Pauses on two nodes: one of them tells, and its link is good."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from budstikke.flow.queue_pause_alerts import digest
from budstikke.flow.transports import Mail, NotSent
from budstikke.store.contract.leases import ALERT_LEASE
from budstikke.store.engines.postgres.node import LEASE
from flow.rig import Rig
from flow.test_queue_pause_alerts import Post, alerter, pause
from patience import PATIENCE
from store.databases import postgres_store
from store.nodes import at_once, kill, node
from store.path import NOW, Path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from store.postgres_engine import PostgresEngine


class Slow(Post):
    """A mail server that takes its time over the first mail."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def send(self, mail: Mail) -> None:
        self.asked.set()
        await self.go.wait()
        await super().send(mail)


async def paused(one: Path, two: Path) -> tuple[Rig, Rig, int]:
    """Have a queue paused; returns what is around each node, and its id."""
    first, second = Rig(one), Rig(two)
    queue_id = await pause(first)
    second.directory = first.directory
    return first, second, queue_id


async def test_one_node_tells_and_its_link_is_good(one: Path, two: Path) -> None:
    first, second, queue_id = await paused(one, two)
    slow, post = Slow(), Post()
    turn = asyncio.create_task(alerter(first, slow, 1).run_once())
    await asyncio.wait_for(slow.asked.wait(), PATIENCE)
    others = alerter(second, post, 2)
    await others.run_once()
    slow.go.set()
    await turn
    await others.run_once()
    assert (["token1"], []) == (slow.tokens(), post.sent)
    assert queue_id == await two.store.resume_queue(token=digest("token1"))


async def test_of_claims_at_once_one_nodes_are_good(one: Path, two: Path) -> None:
    _, _, queue_id = await paused(one, two)
    claims = [
        path.store.claim_pause_alert(queue_id, f"{number}", NOW)
        for number in range(10)
        for path in (one, two)
    ]
    taken = await at_once(*claims)
    assert [[False] * 10, [True] * 10] == sorted([taken[::2], taken[1::2]])


async def test_another_node_tells_when_one_cannot_reach_the_server(
    one: Path,
    two: Path,
) -> None:
    first, second, queue_id = await paused(one, two)
    away, post = Post(), Post()
    away.error = NotSent("no way there")
    mine, others = alerter(first, away, 1), alerter(second, post, 2)
    await mine.run_once()
    second.now = NOW + ALERT_LEASE - 1
    await others.run_once()
    assert [] == post.sent
    second.now = first.now = NOW + ALERT_LEASE
    await others.run_once()
    away.error = None
    await mine.run_once()
    assert (["token2"], []) == (post.tokens(), away.sent)
    assert queue_id == await one.store.resume_queue(token=digest("token2"))


async def test_a_node_that_is_late_does_not_kill_the_link_of_another(
    one: Path,
    two: Path,
) -> None:
    first, second, queue_id = await paused(one, two)
    slow, post = Slow(), Post()
    turn = asyncio.create_task(alerter(first, slow, 1).run_once())
    await asyncio.wait_for(slow.asked.wait(), PATIENCE)
    second.now = NOW + ALERT_LEASE
    await alerter(second, post, 2).run_once()
    slow.go.set()
    await turn
    assert queue_id == await two.store.resume_queue(token=digest("token2"))


def dying(
    postgres: PostgresEngine, after: Callable[[Rig, Post], Awaitable[None]]
) -> None:
    """Have a node die over a mail; then play what comes after, on another."""

    async def whole() -> None:
        async with node(postgres, "b") as two:
            store = postgres_store(postgres.url, node="a")
            await store.open(NOW)
            first, second, _ = await paused(Path(postgres, store), two)
            post = Slow()
            turn = asyncio.create_task(alerter(first, post, 1).run_once())
            await asyncio.wait_for(post.asked.wait(), PATIENCE)
            turn.cancel()
            await kill(first.path)
            await asyncio.gather(turn, return_exceptions=True)
            await after(second, Post())

    asyncio.run(whole())


def test_a_node_that_dies_over_it_is_replaced(postgres: PostgresEngine) -> None:
    async def after(second: Rig, post: Post) -> None:
        pauses = alerter(second, post, 2)
        await pauses.run_once()
        assert [] == post.sent
        second.now += LEASE + 20
        await second.store.wake(second.now, 10, 10)
        await pauses.run_once()
        assert ["token2"] == post.tokens()
        assert await second.store.resume_queue(token=digest("token1")) is None
        assert await second.store.resume_queue(token=digest("token2"))

    dying(postgres, after)


def test_a_new_process_of_its_name_tells_at_once(postgres: PostgresEngine) -> None:
    async def after(second: Rig, _: Post) -> None:
        async with node(postgres, "a") as again:
            rig, post = Rig(again), Post()
            rig.directory = second.directory
            await alerter(rig, post, 3).run_once()
            assert ["token3"] == post.tokens()

    dying(postgres, after)
