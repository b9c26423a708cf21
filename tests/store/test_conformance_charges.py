"""Store conformance: money, turns and idempotency keys are taken with the messages."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.ledger import Kind
from budstikke.domain.receipt import ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import (
    BulkRow,
    Charge,
    Draft,
    Entry,
    RecurringRow,
    StoreUnavailable,
    Verdict,
)
from store.engines import rows
from store.path import NOW, RECIPIENT, Path, bulk, opened, receipt

if TYPE_CHECKING:
    from store.engines import Engine

OTHER = "+4798888888"
DAY = 86400.0
NO_CREDIT, TAKEN = Verdict(no_credit=True), Verdict(taken=True)


async def pay_in(path: Path, amount: int) -> None:
    await path.store.post_entries(1, [Entry(Kind.PAYMENT, amount)], NOW)


async def balance(path: Path) -> int:
    return await path.store.post_entries(1, [], NOW)


def priced(path: Path, *prices: int, credit: int = 0, **columns: Any) -> Draft:
    """Draft a message of account 1 for each price."""
    first = path.store.reserve_ids(len(prices))
    draft = path.draft(first, *[RECIPIENT] * len(prices), **columns)
    for row, price in zip(draft.messages, prices, strict=True):
        row.account_id, row.price = 1, price
    draft.charge = Charge(1, first, credit)
    return draft


# Charges


async def test_what_is_stored_is_paid(engine: Engine, path: Path) -> None:
    await pay_in(path, 100)
    drafts = [priced(path, 30, 10), priced(path, 60)]
    assert [Verdict(), Verdict()] == await path.store.accept(drafts, NOW)
    assert 0 == await balance(path)
    entries = rows(engine, schema.ledger, "kind", "amount", "balance", "order_id")
    one, two = (draft.messages[0].id for draft in drafts)
    assert [
        (Kind.PAYMENT, 100, 100, None),
        (Kind.CHARGE, -40, 60, one),
        (Kind.CHARGE, -60, 0, two),
    ] == entries


async def test_what_the_balance_does_not_cover_is_not_stored(path: Path) -> None:
    await pay_in(path, 50)
    drafts = [priced(path, 30), priced(path, 15, 15), priced(path, 20)]
    verdicts = await path.store.accept(drafts, NOW)
    assert [Verdict(), NO_CREDIT, Verdict()] == verdicts
    stored = [row.id for draft in drafts[::2] for row in draft.messages]
    assert stored == path.column("id", schema.message)
    assert 0 == await balance(path)


async def test_credit_is_how_far_below_zero_it_may_go(path: Path) -> None:
    drafts = [priced(path, 30, credit=50), priced(path, 21, credit=50)]
    drafts.append(priced(path, 20, credit=50))
    verdicts = await path.store.accept(drafts, NOW)
    assert [Verdict(), NO_CREDIT, Verdict()] == verdicts
    assert -50 == await balance(path)


async def test_duplicates_cost_nothing(path: Path) -> None:
    await pay_in(path, 100)
    draft = priced(path, 10, 20, 30, duplicate_key=5, duplicate_until=NOW + 9)
    assert [Verdict([1, 2])] == await path.store.accept([draft], NOW)
    assert 90 == await balance(path)


async def test_a_lock_of_what_was_not_paid_is_let_go(path: Path) -> None:
    draft = priced(path, 10, duplicate_key=5, duplicate_until=NOW + 9)
    assert [NO_CREDIT] == await path.store.accept([draft], NOW)
    await pay_in(path, 10)
    assert [Verdict()] == await path.store.accept([draft], NOW)


async def test_a_charge_that_cannot_be_stored_takes_nothing(
    engine: Engine, path: Path
) -> None:
    await pay_in(path, 100)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.accept([priced(path, 10)], NOW)
    assert 100 == await balance(path)
    async with opened(engine.after_power_loss()) as again:
        assert 100 == await balance(again)


async def test_concurrent_orders_never_spend_more_than_there_is(path: Path) -> None:
    await pay_in(path, 100)
    calls = [path.store.accept([priced(path, 7)], NOW) for _ in range(50)]
    verdicts = [verdict for (verdict,) in await asyncio.gather(*calls)]
    assert 14 == verdicts.count(Verdict())
    assert 2 == await balance(path)
    assert 14 == len(path.parts())


# Refunds: 0 never, 1 when no carrier took it, 2 whenever it failed


@pytest.mark.parametrize(
    ("rule", "unsent", "undelivered"), [(0, 0, 0), (1, 30, 0), (2, 30, 30)]
)
async def test_what_failed_is_refunded_by_its_rule_once(
    path: Path, rule: int, unsent: int, undelivered: int
) -> None:
    await pay_in(path, 90)
    draft = priced(path, 30, 30, 30, state=PartState.SENDING)
    for row in draft.messages:
        row.refund = rule
    await path.store.accept([draft], NOW)
    one, two, three = (part.id for part in draft.parts)
    await path.answer(one, PartState.REJECTED)
    assert unsent == await balance(path)
    await path.answer(two, PartState.SENT, "x")
    await path.answer(three, PartState.SENT, "y")
    for _ in range(2):
        await path.settle(receipt("x", ReceiptState.UNDELIVERED), receipt("y"))
    await path.answer(one, PartState.REJECTED)
    assert unsent + undelivered == await balance(path)


# Bulk orders


async def test_a_bulk_order_is_paid_whole_or_not_stored(path: Path) -> None:
    row = bulk(path.store.reserve_ids(4))
    row.charge = Charge(1, row.id, 0, 30)
    assert NO_CREDIT == await path.store.accept_bulk(row, [5], NOW + 9)
    assert [] == await path.store.open_bulks()
    assert [False] == path.store.locked([5], NOW)
    await pay_in(path, 40)
    assert Verdict() == await path.store.accept_bulk(row, [5], NOW + 9)
    assert 10 == await balance(path)
    assert 1 == len(await path.store.open_bulks())
    draft = priced(path, 10, 20)
    assert draft.charge is not None
    draft.charge.paid = True
    await path.store.accept([draft], NOW)
    assert 10 == await balance(path)


# Idempotency keys

ANSWER = b'{"order_id":1}'


def keyed(
    path: Path, key: str = "k", digest: str = "d", price: int = 0, access_id: int = 1
) -> Draft:
    draft = priced(path, price, access_id=access_id)
    draft.key = (key, digest, ANSWER)
    return draft


async def test_a_key_is_taken_with_its_order(engine: Engine, path: Path) -> None:
    store = path.store
    assert None is await store.idempotent_answer(1, "k", NOW)
    drafts = [keyed(path), keyed(path, digest="e"), keyed(path, "l")]
    drafts.append(keyed(path, access_id=2))
    verdicts = await store.accept(drafts, NOW)
    assert [Verdict(), TAKEN, Verdict(), Verdict()] == verdicts
    assert ("d", ANSWER) == await store.idempotent_answer(1, "k", NOW)
    assert 3 == len(path.parts())
    assert [TAKEN] == await store.accept([keyed(path)], NOW + DAY - 1)
    async with opened(engine.after_power_loss()) as again:
        assert ("d", ANSWER) == await again.store.idempotent_answer(1, "k", NOW)


async def test_a_key_is_forgotten_after_a_day(path: Path) -> None:
    await path.store.accept([keyed(path)], NOW)
    await path.store.sweep(NOW + DAY - 1, 100)
    assert None is not await path.store.idempotent_answer(1, "k", NOW)
    assert [Verdict()] == await path.store.accept([keyed(path)], NOW + DAY)
    await path.store.sweep(NOW + 2 * DAY, 100)
    assert None is await path.store.idempotent_answer(1, "k", NOW)


async def test_the_key_of_what_was_not_stored_is_not_taken(path: Path) -> None:
    draft = keyed(path, price=10)
    assert [NO_CREDIT] == await path.store.accept([draft], NOW)
    assert None is await path.store.idempotent_answer(1, "k", NOW)
    await pay_in(path, 10)
    assert [Verdict()] == await path.store.accept([draft], NOW)
    assert None is not await path.store.idempotent_answer(1, "k", NOW)


async def test_nor_that_of_a_bulk_order(path: Path) -> None:
    row: BulkRow = bulk(path.store.reserve_ids(4))
    row.key = ("k", "d", ANSWER)
    row.charge = Charge(1, row.id, 0, 30)
    assert NO_CREDIT == await path.store.accept_bulk(row, [], NOW)
    assert None is await path.store.idempotent_answer(1, "k", NOW)
    await pay_in(path, 60)
    assert Verdict() == await path.store.accept_bulk(row, [], NOW)
    other = bulk(path.store.reserve_ids(4))
    other.key, other.charge = row.key, row.charge
    assert TAKEN == await path.store.accept_bulk(other, [], NOW)
    assert 30 == await balance(path)
    assert ("d", ANSWER) == await path.store.idempotent_answer(1, "k", NOW)


# Recurring orders


async def test_a_turn_is_taken_once(path: Path) -> None:
    draft = priced(path, 0, due_at=NOW + 60)
    order_id = draft.messages[0].id
    again = RecurringRow(order_id, 1, b"{}", NOW + 60, 0, NOW + 120)
    draft.repeats = again
    await path.store.accept([draft], NOW)
    assert [] == await path.store.due_recurring(NOW + 119, 10)
    assert [again] == await path.store.due_recurring(NOW + 120, 10)
    turns = [priced(path, 0), priced(path, 0)]
    for turn in turns:
        turn.occurrence = RecurringRow(order_id, 1, b"{}", NOW + 60, 1, NOW + 180)
    verdicts = await path.store.accept(turns, NOW + 120)
    assert [Verdict(), TAKEN] == verdicts
    assert [] == await path.store.due_recurring(NOW + 120, 10)
    (row,) = await path.store.due_recurring(NOW + 180, 10)
    assert (1, NOW + 180) == (row.done, row.next_at)
    last = priced(path, 0)
    last.occurrence = RecurringRow(order_id, 1, b"{}", NOW + 60, 2, None)
    assert [Verdict()] == await path.store.accept([last], NOW + 180)
    assert [] == await path.store.due_recurring(NOW + 9 * DAY, 10)


async def test_a_turn_that_is_not_stored_is_not_taken(
    engine: Engine, path: Path
) -> None:
    draft = priced(path, 0)
    draft.repeats = RecurringRow(draft.messages[0].id, 1, b"{}", NOW, 0, NOW + 9)
    await path.store.accept([draft], NOW)
    turn = priced(path, 0)
    turn.occurrence = RecurringRow(draft.messages[0].id, 1, b"{}", NOW, 1, None)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.accept([turn], NOW + 9)
    assert 1 == len(await path.store.due_recurring(NOW + 9, 10))
    assert [Verdict()] == await path.store.accept([turn], NOW + 9)


# Reply numbers


async def test_what_a_message_was_sent_from(path: Path) -> None:
    (message,) = await path.accept(OTHER, originator="26114000001234")
    assert "26114000001234" == await path.store.originator_of(1, message)
    assert None is await path.store.originator_of(2, message)
    assert None is await path.store.originator_of(1, message + 1)
