"""Large orders on two nodes: of equal numbers at once, each gets one message."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from budstikke.domain.message import Accepted
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store import schema
from budstikke.store.contract import Charge, Verdict
from flow.rig import Rig, until
from store.nodes import at_once
from store.path import NOW, Path, bulk

UNTIL = NOW + 120
NUMBERS = [f"+479{n:07}" for n in range(1500)]


def keys(path: Path) -> list[int]:
    """Read which keys the nodes hold."""
    with psycopg.connect(path.engine.url) as connection:
        found = connection.execute("SELECT key FROM duplicate ORDER BY key")
        return [key for (key,) in found]


async def test_keys_that_another_node_locked_are_named(one: Path, two: Path) -> None:
    first, second = (bulk(path.store.reserve_ids(4)) for path in (one, two))
    assert Verdict() == await one.store.accept_bulk(first, [5, 6], UNTIL)
    verdict = await two.store.accept_bulk(second, [7, 6, 8, 5], UNTIL)
    assert Verdict([1, 3]) == verdict
    assert [False] * 4 == two.store.locked([5, 6, 7, 8], NOW)
    assert [5, 6] == keys(one)
    assert [first.id] == [row.id for row in await one.store.open_bulks()]
    assert Verdict() == await two.store.accept_bulk(second, [7, 8], UNTIL)
    assert [5, 6, 7, 8] == keys(one)


async def test_what_is_not_paid_for_locks_nothing(one: Path, two: Path) -> None:
    first, second = (bulk(path.store.reserve_ids(4)) for path in (one, two))
    first.charge = Charge(1, first.id, 0, 30)
    assert (await one.store.accept_bulk(first, [5, 6], UNTIL)).no_credit
    assert [] == keys(one)
    assert Verdict() == await two.store.accept_bulk(second, [5, 6], UNTIL)


async def test_of_equal_orders_at_once_one_is_stored(one: Path, two: Path) -> None:
    locked = list(range(100))
    verdicts = await at_once(
        *(
            path.store.accept_bulk(bulk(path.store.reserve_ids(4)), some, UNTIL)
            for _ in range(5)
            for path, some in ((one, locked), (two, locked[::-1]))
        )
    )
    assert 1 == verdicts.count(Verdict())
    assert 9 == verdicts.count(Verdict(locked))


async def both(one: Path, two: Path, *orders: list[str]) -> list[Any]:
    """Have each node accept an order at once, and make its messages."""
    rigs = [Rig(path) for path in (one, two)]
    values: dict[str, Any] = {"bulk": True, "duplicate_lock": 120}
    found = await asyncio.gather(
        *(
            rig.accept(*numbers, **values)
            for rig, numbers in zip(rigs, orders, strict=True)
        ),
        return_exceptions=True,
    )
    await until(lambda: not any(rig.bulk._tasks for rig in rigs), 60)
    return found


async def test_equal_orders_on_two_nodes_are_sent_once(one: Path, two: Path) -> None:
    found = await both(one, two, NUMBERS, NUMBERS)
    (refusal,) = [each for each in found if isinstance(each, Refusal)]
    assert RefusalCode.DUPLICATE is refusal.code
    assert NUMBERS == refusal.duplicate
    assert NUMBERS == sorted(one.column("recipient", schema.message))


async def test_orders_that_overlap_share_their_numbers(one: Path, two: Path) -> None:
    found = await both(one, two, NUMBERS[:1000], NUMBERS[500:])
    first, second = found
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert sorted([0, 500]) == sorted(map(len, (first.duplicate, second.duplicate)))
    assert 1500 == first.segments + second.segments
    assert NUMBERS == sorted(one.column("recipient", schema.message))
