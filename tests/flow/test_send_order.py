"""Nothing overtakes: what goes directly waits for what is being queued before it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flow.rig import Rig, rig_on, until
from flow.sending import settled_down
from store.path import RECIPIENT

if TYPE_CHECKING:
    from store.engines import SqliteEngine


class Slow:
    """A store whose claims wait until they are let go."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.go = asyncio.Event()
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def claim(self, *args: Any) -> Any:
        self.asked += 1
        found = await self._store.claim(*args)
        await self.go.wait()
        return found


async def queued(rig: Rig) -> int:
    """Store a message ``queued`` for carrier 1, without a word; returns its part."""
    (message,) = await rig.path.accept(RECIPIENT)
    return (message << 8) + 1


async def direct(rig: Rig) -> int:
    """Store a message ``sending``, for which room was reserved."""
    (part,) = await rig.path.sending(RECIPIENT)
    return part


def offered(rig: Rig) -> list[int]:
    return [part.id for part in rig.carriers[1].offered]


async def test_while_a_claim_is_under_way(rig: Rig) -> None:
    sender = rig.senders[1]
    async with rig.running(1):
        rig.carriers[1].window = 3000  # a claim does not take all of the room
        await settled_down(rig)
        slow = Slow(rig.store)
        sender._store = slow
        rig.carriers[1].up = False
        assert not sender.reserve(1)  # the first, which is being stored
        rig.carriers[1].up = True
        sender.stored()  # the clock: a claim that comes too early for it
        await until(lambda: slow.asked)
        slow.go.set()
        await until(lambda: not sender._behind)
        assert sender.reserve(1)
        first = await queued(rig)
        second = await direct(rig)
        sender.offer([rig.path.part(second)])
        assert [] == offered(rig)
        slow.go.clear()
        sender.stored(1)
        await until(lambda: slow.asked == 2)
        assert sender.reserve(1)
        third = await direct(rig)
        sender.offer([rig.path.part(third)])
        assert [] == offered(rig)
        slow.go.set()
        await until(lambda: len(offered(rig)) == 3)
        assert [first, second, third] == offered(rig)
        assert [0, 0] == rig.reserved()


async def test_what_is_older_stays_before(rig: Rig) -> None:
    sender = rig.senders[1]
    async with rig.running(1):
        await settled_down(rig)
        assert sender.reserve(1)
        rig.carriers[1].up = False
        assert not sender.reserve(1)
        rig.carriers[1].up = True
        first, second = await direct(rig), await queued(rig)
        sender.offer([rig.path.part(first)])
        assert [] == offered(rig)
        sender.stored(1)
        await until(lambda: len(offered(rig)) == 2)
        assert [first, second] == offered(rig)


async def test_what_could_not_be_stored_holds_nothing_up(rig: Rig) -> None:
    sender = rig.senders[1]
    async with rig.running(1):
        await settled_down(rig)
        assert sender.reserve(1)
        rig.carriers[1].up = False
        assert not sender.reserve(1)
        rig.carriers[1].up = True
        part = await direct(rig)
        sender.offer([rig.path.part(part)])
        sender.stored(1)  # it failed
        await until(lambda: [part] == offered(rig))


async def test_what_is_held_fills_the_link_and_the_rest_is_claimed(
    rig: Rig,
) -> None:
    sender, carrier = rig.senders[1], rig.carriers[1]
    async with rig.running(1):
        await settled_down(rig)
        assert sender.reserve(200)
        assert not sender.reserve(1)
        parts = [await direct(rig) for _ in range(200)]
        last = await queued(rig)
        sender.offer([rig.path.part(part) for part in parts])
        assert [] == offered(rig)
        sender.stored(1)
        await until(lambda: 100 == len(offered(rig)))
        while len(offered(rig)) < 201:
            carrier.answer()
            await asyncio.sleep(0)
        assert [*parts, last] == offered(rig)


async def test_stopped_with_held_parts(rig: Rig) -> None:
    sender = rig.senders[1]
    async with rig.running(1):
        await settled_down(rig)
        assert sender.reserve(1)
        rig.carriers[1].up = False
        assert not sender.reserve(1)
        part = await direct(rig)
        sender.offer([rig.path.part(part)])
        await sender.stop(1.0)
        assert {part: "queued"} == rig.path.parts()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(st.integers(0, 40), min_size=5, max_size=60))
def test_in_order_whatever_the_load(engine: SqliteEngine, load: list[int]) -> None:
    """A number of messages at a time; the link answers some between them."""

    async def scenario() -> None:
        async with rig_on(engine.fresh()) as rig:
            carrier = rig.carriers[1]
            carrier.window = 10
            tasks = []
            async with rig.running(1):
                await settled_down(rig)
                for count in load:
                    tasks += [
                        asyncio.create_task(rig.accept(text=f"{count}"))
                        for _ in range(count)
                    ]
                    carrier.answer(count=count // 2)
                    await asyncio.sleep(0)
                while len(carrier.offered) < sum(load):
                    carrier.answer()
                    await asyncio.sleep(0)
                await asyncio.gather(*tasks)
            assert sorted(offered(rig)) == offered(rig)
            assert 0 == rig.senders[1]._promised
            assert [] == rig.senders[1]._held

    asyncio.run(scenario())


async def test_a_store_that_is_away_leaves_nothing_promised(rig: Rig) -> None:
    async with rig.running(1):
        await settled_down(rig)
        rig.carriers[1].up = rig.carriers[2].up = False
        rig.store.down = True
        tasks = [asyncio.create_task(rig.accept()) for _ in range(5)]
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert 5 == sum(isinstance(each, Exception) for each in found)
        rig.store.down = False
        rig.carriers[1].up = True
        assert 0 == rig.senders[1]._promised
        await settled_down(rig)
        await rig.accept()
        await until(lambda: 1 == len(offered(rig)))
