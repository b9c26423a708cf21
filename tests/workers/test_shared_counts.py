"""Counts that processes share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from budstikke.domain.refusal import Refusal
from budstikke.servers.guard import Guard, Taken
from budstikke.servers.limits import ConcurrencyLimit
from budstikke.workers.shared_counts import SLOTS, TABLES, SharedCounts, SharedMemory

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 3


@pytest.fixture
def memory() -> Iterator[SharedMemory]:
    memory = SharedMemory.make(ROWS)
    yield memory
    memory.close()


def test_each_sees_the_sum_of_all(memory: SharedMemory) -> None:
    counts = [SharedCounts(memory, "requests", row) for row in range(ROWS)]
    assert [1, 2, 3] == [each.add(7) for each in counts]
    assert 1 == counts[0].add(8)
    assert 5 == counts[1].add(7, 2)
    counts[1].drop(7, 2)
    counts[0].drop(7)
    assert 3 == counts[2].add(7)


def test_kinds_and_rows_do_not_meet(memory: SharedMemory) -> None:
    for table in TABLES:
        for row in range(ROWS):
            SharedCounts(memory, table, row).add(SLOTS - 1)
            SharedCounts(memory, table, row).add(0)
    assert [ROWS + 1] * 3 == [SharedCounts(memory, t, 0).add(0) for t in TABLES]


def test_another_process_has_the_same_memory(memory: SharedMemory) -> None:
    other = SharedMemory(memory.fileno, ROWS, memory.key)
    SharedCounts(memory, "connections", 0).add("192.0.2.1")
    assert 2 == SharedCounts(other, "connections", 1).add("192.0.2.1")
    other.slots.release()


def test_what_a_dead_worker_held_is_given_back_and_no_more(
    memory: SharedMemory,
) -> None:
    counts = [SharedCounts(memory, "bodies", row) for row in range(ROWS)]
    for each in counts:
        each.add("192.0.2.1", 1000)
        each.add("", 1000)
    memory.clear(1)
    assert 2000 == counts[0].add("192.0.2.1", 0)
    assert 2000 == counts[0].add("", 0)


def test_an_access_has_its_limit_in_all_workers_together(memory: SharedMemory) -> None:
    limits = [
        ConcurrencyLimit(SharedCounts(memory, "requests", row)) for row in range(2)
    ]
    with limits[0].one(1, 2), limits[1].one(1, 2):
        for limit in limits:
            with pytest.raises(Refusal), limit.one(1, 2):
                pass
        with limits[0].one(2, 1):  # another access
            pass
    with limits[0].one(1, 1):  # nothing is left of those that were refused
        pass


def test_an_address_has_its_limits_in_all_workers_together(
    memory: SharedMemory,
) -> None:
    guards = [
        Guard(
            connections=2,
            bodies=200,
            taken=Taken(
                SharedCounts(memory, "connections", row),
                SharedCounts(memory, "bodies", row),
            ),
        )
        for row in range(2)
    ]
    assert [True, True, False, False] == [g.enter("192.0.2.1") for g in guards * 2]
    guards[0].leave("192.0.2.1")
    assert guards[1].enter("192.0.2.1")
    assert guards[0].enter("192.0.2.2")

    assert guards[0].take("192.0.2.1", 60)
    assert not guards[1].take("192.0.2.1", 60)  # more than half
    assert guards[1].take("192.0.2.2", 100)
    assert not guards[0].take("192.0.2.3", 60)  # more than all
    guards[1].give_back("192.0.2.2", 100)
    assert guards[0].take("192.0.2.3", 60)
