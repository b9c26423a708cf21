"""Store conformance: what customers are to be told, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import CallbackResult, CallbackRow, StoreUnavailable
from store.path import BOTH, NOW, RECIPIENT, Path, opened, receipt, run, status

if TYPE_CHECKING:
    from store.engines import Engine

LATER = NOW + 3600
"""Long after any lease."""


async def one_callback(path: Path) -> CallbackRow:
    (part,) = await path.sending(ref='r"é\\')
    (row,) = await path.answer(
        part, PartState.REJECTED, raw='said\n"no"', ref='r"é\\', reason="barred"
    )
    return row


async def due(path: Path, now: float, most: int = 100) -> list[CallbackRow]:
    return (await path.store.wake(now, 100, most)).callbacks


async def test_what_is_returned_is_leased(path: Path) -> None:
    row = await one_callback(path)
    assert [] == await due(path, NOW)
    assert [] == await due(path, NOW + 60)
    assert [row] == await due(path, LATER)
    assert [] == await due(path, LATER)


async def test_each_is_returned_once_and_the_limit_is_kept(path: Path) -> None:
    for _ in range(5):
        await one_callback(path)
    woken = [await path.store.wake(LATER, 100, 2) for _ in range(4)]
    assert [2, 2, 1, 0] == [len(each.callbacks) for each in woken]
    assert [True, True, False, False] == [each.more for each in woken]
    assert 5 == len({row.id for each in woken for row in each.callbacks})


async def test_none_is_asked_for(path: Path) -> None:
    await one_callback(path)
    assert [] == await due(path, LATER, 0)
    assert 1 == len(await due(path, LATER, 1))


async def test_done_is_never_told_again(path: Path) -> None:
    row = await one_callback(path)
    await path.store.record_callbacks(
        [CallbackResult(row.id, "done", None, 1, "", NOW)]
    )
    assert [] == await due(path, LATER)
    assert ["done"] == path.column("state", schema.callback)


async def test_due_again_at_its_time_and_with_its_tries(path: Path) -> None:
    row = await one_callback(path)
    result = CallbackResult(row.id, "due", NOW + 5, 1, "HTTP 500 «no»", NOW)
    await path.store.record_callbacks([result])
    assert [] == await due(path, NOW + 4.9)
    (again,) = await due(path, NOW + 5)
    assert (row.id, row.access_id, row.event, 1) == (
        again.id,
        again.access_id,
        again.event,
        again.tries,
    )
    assert ["HTTP 500 «no»"] == path.column("answer", schema.callback)


async def test_failed_is_never_told_again(path: Path) -> None:
    row = await one_callback(path)
    result = CallbackResult(row.id, "failed", None, 10, "no answer in time", NOW)
    await path.store.record_callbacks([result])
    assert [] == await due(path, LATER)
    assert ["failed"] == path.column("state", schema.callback)
    assert [10] == path.column("tries", schema.callback)


async def test_one_that_was_handed_back_is_due_at_once(path: Path) -> None:
    row = await one_callback(path)
    await path.store.record_callbacks([CallbackResult(row.id, "due", NOW, 0, "", NOW)])
    assert [row] == await due(path, NOW)


async def test_the_oldest_due_comes_first(path: Path) -> None:
    rows = [await one_callback(path) for _ in range(3)]
    times = [NOW + 30, NOW + 10, NOW + 20]
    results = [
        CallbackResult(row.id, "due", at, 1, "", NOW)
        for row, at in zip(rows, times, strict=True)
    ]
    await path.store.record_callbacks(results)
    found = [row.id for _ in range(3) for row in await due(path, LATER, 1)]
    assert [rows[1].id, rows[2].id, rows[0].id] == found


async def test_the_event_comes_back_as_it_was(path: Path) -> None:
    row = await one_callback(path)
    event = status(row)
    assert (RECIPIENT, 'r"é\\', "rejected", "barred", 'said\n"no"', NOW) == (
        event.recipient,
        event.ref,
        event.state,
        event.reason,
        event.raw,
        event.at,
    )
    assert [row] == await due(path, LATER)


URL = "https://customer.example/dlr?key=æ"


async def test_a_messages_own_callback_url_goes_with_each_of_its_reports(
    path: Path,
) -> None:
    own = {"callback_url": URL, "notify_on": BOTH}
    (part,) = await path.sending(**own)
    (other,) = await path.sending(notify_on=BOTH)
    told = await path.answer(part, PartState.SENT, "x", **own)
    told += await path.answer(other, PartState.SENT, "y", notify_on=BOTH)
    told += await path.settle(receipt("x"), receipt("y"))
    urls = [(row.event.message_id, status(row).url) for row in told]
    assert [(part >> 8, URL), (other >> 8, None)] * 2 == urls
    assert told == await due(path, LATER)


async def test_a_claimed_part_knows_its_messages_callback_url(path: Path) -> None:
    await path.accept(callback_url=URL)
    await path.accept()
    parts = await path.store.claim(1, 10, NOW)
    assert [URL, None] == [part.callback_url for part in parts]


async def test_sent_and_final_are_two_callbacks(path: Path) -> None:
    (part,) = await path.sending(notify_on=BOTH)
    told = await path.answer(part, PartState.SENT, "x", notify_on=BOTH)
    told += await path.settle(receipt("x"))
    assert ["sent", "delivered"] == [status(row).state for row in told]
    assert 2 == len({row.id for row in told})
    assert told == await due(path, LATER)


async def test_after_a_power_loss_they_are_due_at_once(
    engine: Engine, path: Path
) -> None:
    leased = await one_callback(path)
    waiting = await one_callback(path)
    done = await one_callback(path)
    results = [
        CallbackResult(waiting.id, "due", NOW + 60, 1, "", NOW),
        CallbackResult(done.id, "done", None, 1, "", NOW),
    ]
    await path.store.record_callbacks(results)
    async with opened(engine.after_power_loss(), NOW + 1) as again:
        assert [leased] == await due(again, NOW + 1)
        assert [waiting.id] == [row.id for row in await due(again, NOW + 60)]


def test_ids_of_callbacks_do_not_collide_after_a_restart(engine: Engine) -> None:
    ids: list[int] = []

    async def scenario(path: Path) -> None:
        ids.append((await one_callback(path)).id)

    for _ in range(3):
        run(engine, scenario)
    assert 3 == len(set(ids))


async def test_what_came_of_it_is_stored_or_raises(engine: Engine, path: Path) -> None:
    row = await one_callback(path)
    result = CallbackResult(row.id, "done", None, 1, "", NOW)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.record_callbacks([result])
    assert ["due"] == path.column("state", schema.callback)
    await path.store.record_callbacks([result])
    assert [] == await due(path, LATER)


async def test_a_lease_that_cannot_be_stored_is_not_given(
    engine: Engine, path: Path
) -> None:
    row = await one_callback(path)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await due(path, LATER)
    assert [row] == await due(path, LATER)


# Callbacks that wait for their customer's session


async def test_parked_callbacks_are_leased_by_access_and_in_order(path: Path) -> None:
    """``wake`` leaves them alone, but for one whose lease or pause is over."""
    rows = [await one_callback(path) for _ in range(5)]
    parked = [CallbackResult(row.id, "due", None, 0, "", NOW) for row in rows[:3]]
    later = CallbackResult(rows[3].id, "due", NOW + 9, 1, "not now", NOW)
    await path.store.record_callbacks([*parked, later])  # the last one is leased
    assert [] == await due(path, NOW + 8)
    assert [1] == await path.store.parked_accesses([1, 2], NOW)
    first = await path.store.lease_parked(1, 2, NOW)
    assert rows[:2] == first
    assert rows[2:3] == await path.store.lease_parked(1, 9, NOW)
    assert [] == await path.store.lease_parked(1, 9, NOW + 8)
    assert [] == await path.store.parked_accesses([1, 2], NOW + 8)
    assert [rows[3].id] == [
        row.id for row in await path.store.lease_parked(1, 9, NOW + 9)
    ]
    assert [] == await path.store.lease_parked(2, 9, LATER)
    assert 5 == len(await due(path, LATER))  # all leases are over
