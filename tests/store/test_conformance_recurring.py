"""Store conformance: orders that repeat, and cancelling."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.queries import CancelAnswer, CancelCommand
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import (
    CANCELLED_AT_ONCE,
    Draft,
    RecurringRow,
    StoreUnavailable,
    Verdict,
)
from store.engines import rows
from store.money import large, priced
from store.path import BOTH, NOW, RECIPIENT, Path, opened, status

if TYPE_CHECKING:
    from store.engines import Engine

OTHER = "+4798888888"
TAKEN = Verdict(taken=True)


async def repeating(path: Path, next_at: float | None = NOW + 60) -> RecurringRow:
    """Have an order accepted that goes again at ``next_at``."""
    draft = priced(path, 0)
    order_id = draft.messages[0].id
    draft.repeats = RecurringRow(order_id, 1, b'{"a":1}', NOW, 0, next_at)
    assert [Verdict()] == await path.store.accept([draft], NOW)
    return draft.repeats


def moved(row: RecurringRow, done: int, next_at: float | None) -> Draft:
    """Draft nothing but a turn."""
    return Draft(
        [], [], occurrence=RecurringRow(row.id, 1, b"", row.first_at, done, next_at)
    )


# Repeating


async def test_what_is_due_comes_oldest_first_and_not_too_much(path: Path) -> None:
    due = [await repeating(path, NOW + at) for at in (50, 30, 40)]
    await repeating(path, NOW + 51)
    await repeating(path, None)
    ids = [due[1].id, due[2].id, due[0].id]
    found = await path.store.due_recurring(NOW + 50, 10)
    assert ids == [row.id for row in found]
    assert due[1] == found[0]
    found = await path.store.due_recurring(NOW + 50, 2)
    assert ids[:2] == [row.id for row in found]


async def test_a_turn_without_messages_moves_on(path: Path) -> None:
    row = await repeating(path)
    assert [Verdict()] == await path.store.accept([moved(row, 1, NOW + 120)], NOW)
    (found,) = await path.store.due_recurring(NOW + 120, 10)
    assert (1, NOW + 120) == (found.done, found.next_at)
    assert [TAKEN] == await path.store.accept([moved(row, 1, NOW + 180)], NOW)
    assert [Verdict()] == await path.store.accept([moved(row, 3, None)], NOW)
    assert [] == await path.store.due_recurring(NOW + 1e9, 10)


async def test_a_turn_that_is_not_paid_is_not_taken(path: Path) -> None:
    row = await repeating(path)
    turn = priced(path, 5)
    turn.occurrence = moved(row, 1, NOW + 120).occurrence
    assert [Verdict(no_credit=True)] == await path.store.accept([turn], NOW)
    (found,) = await path.store.due_recurring(NOW + 60, 10)
    assert 0 == found.done


async def test_a_turn_of_duplicates_alone_is_not_taken(path: Path) -> None:
    lock: dict[str, Any] = {"duplicate_key": 5, "duplicate_until": NOW + 99}
    await path.store.accept([priced(path, 0, **lock)], NOW)
    row = await repeating(path)
    turn = priced(path, 0, **lock)
    turn.occurrence = moved(row, 1, None).occurrence
    assert [Verdict([0])] == await path.store.accept([turn], NOW)
    assert 1 == len(await path.store.due_recurring(NOW + 60, 10))


async def test_a_turn_that_a_bulk_order_takes(path: Path) -> None:
    row = await repeating(path)
    bulks = [large(path, [0, 0]) for _ in range(2)]
    for bulk in bulks:
        bulk.occurrence = moved(row, 1, NOW + 120).occurrence
    verdicts = [await path.store.accept_bulk(bulk, [7], NOW) for bulk in bulks]
    assert [Verdict(), TAKEN] == verdicts
    assert [bulks[0].id] == [bulk.id for bulk in await path.store.open_bulks()]


async def test_a_bulk_order_that_repeats(engine: Engine, path: Path) -> None:
    bulk = large(path, [0, 0])
    bulk.repeats = RecurringRow(bulk.id, 1, b"{}", NOW, 0, NOW + 60)
    assert Verdict() == await path.store.accept_bulk(bulk, [], NOW)
    async with opened(engine.after_power_loss()) as again:
        assert [bulk.repeats] == await again.store.due_recurring(NOW + 60, 10)


async def test_two_nodes_take_a_turn_once(path: Path) -> None:
    row = await repeating(path)
    drafts = [priced(path, 0) for _ in range(20)]
    for draft in drafts:
        draft.occurrence = moved(row, 1, NOW + 120).occurrence
    calls = [path.store.accept([draft], NOW + 60) for draft in drafts]
    verdicts = [verdict for (verdict,) in await asyncio.gather(*calls)]
    assert 1 == verdicts.count(Verdict())
    assert 19 == verdicts.count(TAKEN)
    assert 2 == len(path.parts())


# Cancelling


async def cancel(path: Path, account_id: int = 1, **asked: int) -> CancelAnswer:
    answer = await path.store.ask(CancelCommand(**asked), account_id, NOW + 5)
    assert isinstance(answer, CancelAnswer)
    return answer


@pytest.mark.parametrize("due_at", [None, NOW + 60])
async def test_what_waits_is_cancelled(path: Path, due_at: float | None) -> None:
    (message,) = await accepted(path, due_at=due_at)
    assert CancelAnswer(1, 1) == await cancel(path, message_id=message)
    assert ["cancelled"] == await path.states(message)
    assert {"cancelled"} == set(path.parts().values())
    assert [] == await path.store.claim(1, 10, NOW + 99)
    await path.store.wake(NOW + 61, 10, 10)
    assert ["cancelled"] == await path.states(message)
    assert CancelAnswer(1, 0) == await cancel(path, message_id=message)


async def accepted(path: Path, *recipients: str, **columns: Any) -> list[int]:
    """Accept an order of account 1; returns the ids of its messages."""
    count = len(recipients) or 1
    first = path.store.reserve_ids(count + 1)
    draft = path.draft(first + 1, *recipients, **columns)
    for row in draft.messages:
        row.account_id, row.order_id = 1, first if count > 1 else row.id
    await path.store.accept([draft], NOW)
    return [row.id for row in draft.messages]


@pytest.mark.parametrize("parts", [1, 3])
async def test_what_is_on_its_way_is_not(path: Path, parts: int) -> None:
    (message,) = await accepted(path, parts=parts)
    (part, *_) = await path.store.claim(1, 1, NOW)
    for state in (PartState.SENT, PartState.UNSURE):
        assert CancelAnswer(1, 0) == await cancel(path, message_id=message)
        await path.answer(part.id, state, "x", parts=parts, due_at=NOW + 99)
        assert CancelAnswer(1, 0) == await cancel(path, message_id=message)


async def test_an_order_is_cancelled_but_for_what_was_sent(path: Path) -> None:
    ids = await accepted(path, RECIPIENT, OTHER, "+4797777777")
    await path.store.claim(1, 1, NOW)
    order_id = ids[0] - 1
    assert CancelAnswer(3, 2) == await cancel(path, order_id=order_id)
    assert ["accepted", "cancelled", "cancelled"] == await path.states(*ids)


async def test_an_id_is_taken_for_what_it_is(engine: Engine) -> None:
    """A message of many is no order, and their order is no message."""

    async with opened(engine) as path:
        ids = await accepted(path, RECIPIENT, OTHER)
        assert CancelAnswer(0, 0) == await cancel(path, order_id=ids[0])
        assert CancelAnswer(0, 0) == await cancel(path, message_id=ids[0] - 1)
        (lone,) = await accepted(path)
        assert CancelAnswer(1, 1) == await cancel(path, order_id=lone)


async def test_nobody_cancels_what_is_not_theirs(path: Path) -> None:
    ids = await accepted(path, RECIPIENT, OTHER)
    row = await repeating(path)
    bulk = large(path, [0, 0])
    await path.store.accept_bulk(bulk, [], NOW)
    nothing = CancelAnswer(0, 0)
    assert nothing == await cancel(path, 2, message_id=ids[0])
    for order_id in (ids[0] - 1, row.id, bulk.id):
        assert nothing == await cancel(path, 2, order_id=order_id)
    assert ["accepted", "accepted"] == await path.states(*ids)
    assert 1 == len(await path.store.due_recurring(NOW + 60, 10))
    assert 1 == len(await path.store.open_bulks())


async def test_a_cancelled_order_repeats_no_more(path: Path) -> None:
    row = await repeating(path)
    (due,) = await path.store.due_recurring(NOW + 60, 10)
    assert CancelAnswer(1, 1, ended=True) == await cancel(path, order_id=row.id)
    assert [] == await path.store.due_recurring(NOW + 1e9, 10)
    # who had read that it is due does not wake it up
    turn = priced(path, 0)
    turn.occurrence = moved(due, 1, NOW + 120).occurrence
    assert [TAKEN] == await path.store.accept([turn], NOW + 60)
    assert [] == await path.store.due_recurring(NOW + 1e9, 10)
    assert CancelAnswer(1, 0) == await cancel(path, order_id=row.id)


async def test_cancelling_one_message_of_it_does_not_end_an_order(path: Path) -> None:
    row = await repeating(path)
    assert CancelAnswer(1, 1) == await cancel(path, message_id=row.id)
    assert 1 == len(await path.store.due_recurring(NOW + 60, 10))


async def test_whom_it_concerns_is_told_soon(path: Path) -> None:
    (message,) = await accepted(path, notify_on=BOTH)
    await cancel(path, message_id=message)
    woken = await path.store.wake(NOW + 5, 10, 10)
    (callback,) = woken.callbacks
    assert (message, "cancelled") == (
        callback.event.message_id,
        status(callback).state,
    )


async def test_a_large_order_is_cancelled_in_slices(engine: Engine) -> None:
    count = CANCELLED_AT_ONCE + 300

    async with opened(engine) as path:
        ids = await accepted(path, *[RECIPIENT] * count, due_at=NOW + 60)
        answers = [await cancel(path, order_id=ids[0] - 1) for _ in range(3)]
        assert [
            CancelAnswer(0, CANCELLED_AT_ONCE),  # there are more
            CancelAnswer(count, 300),
            CancelAnswer(count, 0),
        ] == answers
        assert {"cancelled"} == set(path.parts().values())


async def test_what_cannot_be_stored_is_not_cancelled(
    engine: Engine, path: Path
) -> None:
    (message,) = await accepted(path)
    row = await repeating(path)
    with engine.unwritable():
        for asked in ({"message_id": message}, {"order_id": row.id}):
            with pytest.raises(StoreUnavailable):
                await cancel(path, **asked)
    assert ["accepted"] == await path.states(message)
    assert [(NOW + 60,)] == rows(engine, schema.recurring, "next_at")
