"""The duplicate lock: thousands of keys at once, while others have their turn."""

from __future__ import annotations

import asyncio

import pytest

from budstikke.store.duplicates import AT_ONCE, DuplicateLock

NOW, UNTIL = 100.0, 160.0
SLICES = 5
KEYS = list(range(AT_ONCE * SLICES))


async def counted(lock: DuplicateLock) -> tuple[list[int], int]:
    """Hold all keys; tells which others hold, and how often others had their turn."""
    turns = 0
    holding = asyncio.create_task(lock.hold_all(KEYS, NOW, UNTIL))
    while not holding.done():
        await asyncio.sleep(0)
        turns += 1
    return holding.result(), turns


def test_others_have_a_turn_between_slices() -> None:
    lock = DuplicateLock()

    held, turns = asyncio.run(counted(lock))

    assert [] == held
    assert SLICES <= turns <= SLICES + 2
    assert all(lock.locked(KEYS, NOW))
    assert not any(lock.locked(KEYS, UNTIL))


@pytest.mark.parametrize("place", [0, AT_ONCE, len(KEYS) - 1])
def test_all_are_held_or_none(place: int) -> None:
    lock = DuplicateLock()
    lock.hold(KEYS[place], UNTIL)

    held, _ = asyncio.run(counted(lock))

    assert [place] == held
    assert [place] == lock.held(KEYS, NOW)


async def test_a_cancelled_order_holds_none() -> None:
    lock = DuplicateLock()

    holding = asyncio.create_task(lock.hold_all(KEYS, NOW, UNTIL))
    await asyncio.sleep(0)
    assert any(lock.locked(KEYS, NOW))
    holding.cancel()
    await asyncio.wait([holding])
    assert [] == lock.held(KEYS, NOW)


def test_keys_that_end_together_are_forgotten_bit_by_bit() -> None:
    lock = DuplicateLock()
    asyncio.run(counted(lock))

    sizes = []
    for _ in range(SLICES + 1):
        assert lock.locked([KEYS[0], KEYS[-1]], UNTIL) == [False, False]
        sizes.append(len(lock._until))

    assert [AT_ONCE * left for left in (*range(SLICES - 1, -1, -1), 0)] == sizes
