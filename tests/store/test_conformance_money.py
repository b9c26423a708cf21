"""Store conformance: refunds, fees, orders of SMS, alerts; the books always agree."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budstikke.domain.fees import midnight
from budstikke.domain.ledger import Kind
from budstikke.domain.queries import CancelAnswer, CancelCommand, CreditAnswer
from budstikke.domain.receipt import ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import Entry, LowBalance, StoreUnavailable, Verdict
from store.engines import rows
from store.money import (
    add,
    balance,
    entries,
    faults,
    large,
    pay_in,
    priced,
    slice_of,
    write,
)
from store.path import KEEP, NOW, Path, opened, receipt, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from store.engines import Engine

NEVER, UNSENT, UNDELIVERED = 0, 1, 2

# Refunds


async def rejected(path: Path, part_id: int) -> None:
    await path.answer(part_id, PartState.REJECTED)


async def undelivered(path: Path, part_id: int) -> None:
    await path.answer(part_id, PartState.SENT, "x")
    await path.settle(receipt("x", ReceiptState.UNDELIVERED))


async def undelivered_early(path: Path, part_id: int) -> None:
    """The receipt comes before the answer."""
    await path.settle(receipt("x", ReceiptState.UNDELIVERED))
    await path.answer(part_id, PartState.SENT, "x")


async def given_up(path: Path, part_id: int) -> None:
    """Nobody knows, and no receipt ever comes."""
    await path.answer(part_id, PartState.UNSURE, due_at=NOW + 60)
    await path.store.wake(NOW + 61, 10, 10)


async def unsure_then_undelivered(path: Path, part_id: int) -> None:
    """The receipt shows that the operator had it."""
    await path.answer(part_id, PartState.UNSURE, due_at=NOW + 60)
    await path.settle(receipt("x", ReceiptState.UNDELIVERED))
    await path.store.sweep(NOW + 2, 10)


async def unsure_then_rejected(path: Path, part_id: int) -> None:
    """The answer comes late: the operator never had it."""
    await path.answer(part_id, PartState.UNSURE, due_at=NOW + 60)
    await path.answer(part_id, PartState.REJECTED, was=PartState.UNSURE)


async def expired_there(path: Path, part_id: int) -> None:
    await path.answer(part_id, PartState.SENT, "x")
    await path.settle(receipt("x", ReceiptState.EXPIRED))


async def delivered(path: Path, part_id: int) -> None:
    await path.answer(part_id, PartState.SENT, "x")
    await path.settle(receipt("x"))


@pytest.mark.parametrize("rule", [NEVER, UNSENT, UNDELIVERED])
@pytest.mark.parametrize(
    ("fate", "refunded_by"),
    [
        (rejected, {UNSENT, UNDELIVERED}),
        (given_up, {UNSENT, UNDELIVERED}),
        (unsure_then_rejected, {UNSENT, UNDELIVERED}),
        (undelivered, {UNDELIVERED}),
        (undelivered_early, {UNDELIVERED}),
        (unsure_then_undelivered, {UNDELIVERED}),
        (expired_there, {UNDELIVERED}),
        (delivered, set()),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_what_is_given_back(
    engine: Engine,
    fate: Callable[[Path, int], Awaitable[None]],
    refunded_by: set[int],
    rule: int,
) -> None:
    async with opened(engine) as path:
        await pay_in(path, 100)
        draft = priced(path, 30, refund=rule, state=PartState.SENDING)
        await path.store.accept([draft], NOW)
        await fate(path, draft.parts[0].id)
        assert (100 if rule in refunded_by else 70) == await balance(path)
        (view,) = await path.views(draft.messages[0].id)
        assert view.final_at is not None
    assert [] == faults(engine)


@pytest.mark.parametrize(
    ("rule", "left"), [(NEVER, 70), (UNSENT, 100), (UNDELIVERED, 100)]
)
async def test_what_expires_before_it_is_sent(
    engine: Engine, rule: int, left: int
) -> None:
    async with opened(engine) as path:
        await pay_in(path, 100)
        draft = priced(path, 30, refund=rule, expires_at=NOW + 60)
        await path.store.accept([draft], NOW)
        await path.store.sweep(NOW + 61, 10)
        assert ["expired"] == await path.states(draft.messages[0].id)
        assert left == await balance(path)
    assert [] == faults(engine)


@pytest.mark.parametrize("rule", [NEVER, UNSENT, UNDELIVERED])
async def test_what_is_cancelled_is_always_given_back(
    engine: Engine, rule: int
) -> None:
    async with opened(engine) as path:
        await pay_in(path, 100)
        draft = priced(path, 30, refund=rule, due_at=NOW + 60)
        await path.store.accept([draft], NOW)
        asked = CancelCommand(message_id=draft.messages[0].id)
        assert CancelAnswer(1, 1) == await path.store.ask(asked, 1, NOW)
        assert 100 == await balance(path)
    assert [] == faults(engine)


async def test_a_message_of_many_parts_is_given_back_once_and_whole(
    engine: Engine,
) -> None:
    async with opened(engine) as path:
        await pay_in(path, 100)
        drafts = [
            priced(path, 30, parts=3, refund=UNDELIVERED, state=PartState.SENDING)
            for _ in range(2)
        ]
        await path.store.accept(drafts, NOW)
        one, two, three = (part.id for part in drafts[0].parts)
        await path.answer(one, PartState.SENT, "a", parts=3)
        await path.answer(two, PartState.REJECTED, parts=3)
        assert 70 == await balance(path)
        await path.answer(three, PartState.REJECTED, parts=3)
        await path.settle(receipt("a", ReceiptState.UNDELIVERED))
        assert 70 == await balance(path)
        assert [(Kind.REFUND, 30, drafts[0].messages[0].id, 1)] == entries(
            engine, "kind", "amount", "message_id", "messages"
        )[3:]
    assert [] == faults(engine)


async def test_many_are_given_back_in_one_batch(engine: Engine) -> None:
    async with opened(engine) as path:
        await pay_in(path, 1000)
        draft = priced(path, *[7] * 100, refund=UNDELIVERED, state=PartState.SENDING)
        await path.store.accept([draft], NOW)
        updates = [
            path.update(part.id, PartState.SENT, f"s{part.id}") for part in draft.parts
        ]
        await path.store.record(updates, NOW)
        failed = [
            receipt(f"s{part.id}", ReceiptState.UNDELIVERED) for part in draft.parts
        ]
        await path.store.settle(1, failed[:60], NOW, KEEP)
        assert 1000 - 40 * 7 == await balance(path)
    assert [] == faults(engine)


async def test_a_refund_that_cannot_be_stored_is_made_when_it_can(
    engine: Engine, path: Path
) -> None:
    await pay_in(path, 100)
    draft = priced(path, 30, state=PartState.SENDING)
    await path.store.accept([draft], NOW)
    part_id = draft.parts[0].id
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.answer(part_id, PartState.REJECTED)
    assert 70 == await balance(path)
    await path.answer(part_id, PartState.REJECTED)
    async with opened(engine.after_power_loss()) as again:
        assert 100 == await balance(again)


async def test_charges_say_how_many_messages_they_are_for(engine: Engine) -> None:
    async with opened(engine) as path:
        await pay_in(path, 100)
        drafts = [priced(path, 5, 5, 5), priced(path, 0), priced(path, 9)]
        await path.store.accept(drafts, NOW)
        await path.store.accept_bulk(large(path, [10, 20]), [], NOW)
        assert [(100, 0), (-15, 3), (-9, 1), (-30, 2)] == entries(
            engine, "amount", "messages"
        )
    assert [] == faults(engine)


# Bulk orders


async def test_what_is_not_yet_made_is_cancelled_and_given_back(engine: Engine) -> None:
    prices = [10, 20, 30, 40]

    async with opened(engine) as path:
        store = path.store
        await pay_in(path, 100)
        row = large(path, prices)
        assert Verdict() == await store.accept_bulk(row, [], NOW)
        assert [Verdict()] == await store.accept(
            [slice_of(path, row, prices[:1], 0)], NOW
        )
        asked = CancelCommand(order_id=row.id)
        assert CancelAnswer(4, 4) == await store.ask(asked, 1, NOW)
        assert 100 == await balance(path)
        # its maker learns it, and makes nothing more
        late = slice_of(path, row, prices[1:], 1)
        assert [Verdict(taken=True)] == await store.accept([late], NOW)
        assert [] == await store.open_bulks()
        assert CancelAnswer(4, 0) == await store.ask(asked, 1, NOW)
        assert 100 == await balance(path)
        assert [(Kind.REFUND, 90, row.id, 3), (Kind.REFUND, 10, None, 1)] == entries(
            engine, "kind", "amount", "order_id", "messages"
        )[2:]
    assert [] == faults(engine)


async def test_a_slice_is_stored_once(engine: Engine) -> None:
    async with opened(engine) as path:
        await pay_in(path, 100)
        row = large(path, [10, 20])
        await path.store.accept_bulk(row, [], NOW)
        both = [slice_of(path, row, [10, 20], 0) for _ in range(2)]
        assert [Verdict(), Verdict(taken=True)] == await path.store.accept(both, NOW)
        assert 70 == await balance(path)
    assert [] == faults(engine)


# Orders of SMS


async def test_sms_are_ordered_up_to_the_ceiling_of_a_day_if_there_is_one(
    engine: Engine,
) -> None:
    write(engine, schema.account, 1, order_ceiling=1000)

    async with opened(engine) as path:
        order = path.store.order_credit
        assert CreditAnswer(waiting=False, balance=600) == await order(1, 600, 600, NOW)
        assert CreditAnswer(waiting=True, balance=600) == await order(1, 401, 401, NOW)
        assert CreditAnswer(waiting=False, balance=1000) == await order(
            1, 400, 400, NOW + 9
        )
        assert CreditAnswer(waiting=True, balance=1000) == await order(1, 1, 1, NOW + 9)
        day = NOW + 86400
        assert CreditAnswer(waiting=False, balance=1600) == await order(
            1, 600, 600, day
        )
        # An account that says nothing of it has no ceiling.
        assert CreditAnswer(waiting=True, balance=0) == await order(2, 500, 7, NOW)
    columns = ("account_id", "count", "amount", "state")
    assert [
        (1, 600, 600, "credited"),
        (1, 401, 401, "waiting"),
        (1, 400, 400, "credited"),
        (1, 1, 1, "waiting"),
        (1, 600, 600, "credited"),
        (2, 500, 7, "waiting"),
    ] == rows(engine, schema.credit_order, *columns)
    assert (Kind.ORDER, 600, "600 SMS ordered") == entries(
        engine, "kind", "amount", "note"
    )[0]
    assert [] == faults(engine)


async def test_orders_at_once_keep_to_the_ceiling(engine: Engine) -> None:
    write(engine, schema.account, 1, order_ceiling=1000)

    async with opened(engine) as path:
        calls = [path.store.order_credit(1, 300, 300, NOW) for _ in range(10)]
        answers = await asyncio.gather(*calls)
        assert 3 == sum(not answer.waiting for answer in answers)
        assert 900 == await balance(path)


# Fees

DAY = date(2026, 1, 31)


def fee(engine: Engine, **values: Any) -> None:
    row = {"account_id": 1, "name": "hosting", "amount": 40, "monthly": True}
    add(engine, schema.fee, **row | {"next_at": midnight(DAY), "day": 31} | values)


def notes(engine: Engine) -> list[tuple[Any, ...]]:
    return entries(engine, "kind", "amount", "note")


async def test_a_fee_is_taken_on_its_day_each_month(engine: Engine) -> None:
    fee(engine)

    async with opened(engine) as path:
        take = path.store.take_fees
        assert 0 == await take(midnight(DAY) - 1, 10)
        assert 1 == await take(midnight(DAY), 10)
        assert 0 == await take(midnight(DAY) + 9, 10)
        assert 0 == await take(midnight(date(2026, 2, 28)) - 1, 10)
        assert 1 == await take(midnight(date(2026, 2, 28)), 10)
        assert 0 == await take(midnight(date(2026, 3, 31)) - 1, 10)
        assert 1 == await take(midnight(date(2026, 3, 31)) + 5 * 86400, 10)
        assert -120 == await balance(path)  # whatever the balance is
    assert [(Kind.FEE, -40, f"hosting 2026-0{n}") for n in (1, 2, 3)] == notes(engine)
    assert [(midnight(date(2026, 4, 30)),)] == rows(engine, schema.fee, "next_at")
    assert [] == faults(engine)


def test_months_that_were_missed_are_each_taken_once(engine: Engine) -> None:
    fee(engine)
    long_after = midnight(date(2026, 7, 15))

    async def scenario(path: Path) -> None:
        assert 6 == await path.store.take_fees(long_after, 10)
        assert 0 == await path.store.take_fees(long_after, 10)

    run(engine, scenario)
    assert [f"hosting 2026-0{n}" for n in range(1, 7)] == [
        note for _, _, note in notes(engine)
    ]
    run(engine, scenario_of_nothing)
    assert 6 == len(notes(engine))


async def scenario_of_nothing(path: Path) -> None:
    assert 0 == await path.store.take_fees(midnight(date(2026, 7, 15)), 10)


async def test_a_fee_of_once_is_taken_once(engine: Engine) -> None:
    fee(engine, name="setup", monthly=False)

    async with opened(engine) as path:
        assert 1 == await path.store.take_fees(midnight(DAY) + 1e7, 10)
        assert 0 == await path.store.take_fees(midnight(DAY) + 2e7, 10)
    assert [(Kind.FEE, -40, "setup")] == notes(engine)
    assert [(None,)] == rows(engine, schema.fee, "next_at")


async def test_fees_of_many_accounts_in_slices_and_after_a_power_loss(
    engine: Engine,
) -> None:
    for name in ("a", "b", "c"):
        fee(engine, name=name)
        fee(engine, name=name, account_id=2, amount=1)

    async with opened(engine) as path:
        assert 4 == await path.store.take_fees(midnight(DAY), 4)
        async with opened(engine.after_power_loss()) as again:
            assert 2 == await again.store.take_fees(midnight(DAY), 4)
            assert 0 == await again.store.take_fees(midnight(DAY), 4)
            assert (-120, -3) == (await balance(again), await balance(again, 2))


async def test_fees_that_cannot_be_stored_are_still_due(engine: Engine) -> None:
    fee(engine)

    async with opened(engine) as path:
        with engine.unwritable(), pytest.raises(StoreUnavailable):
            await path.store.take_fees(midnight(DAY), 10)
        assert 0 == await balance(path)
        assert 1 == await path.store.take_fees(midnight(DAY), 10)


# Low balances


async def test_a_low_balance_is_told_once_until_it_has_risen(engine: Engine) -> None:
    write(engine, schema.account, 1, currency="NOK", alert_below=50, alert_mail="a@b.c")

    async with opened(engine) as path:
        store = path.store
        low = [LowBalance("fails", "NOK", 0, 50, "a@b.c")]
        assert low == await store.low_balances()
        assert [] == await store.low_balances()
        await pay_in(path, 49)
        assert [] == await store.low_balances()
        await pay_in(path, 1)  # up to it is not below it
        assert [] == await store.low_balances()
        await store.post_entries(1, [Entry(Kind.CHARGE, -1)], NOW)
        assert [LowBalance("fails", "NOK", 49, 50, "a@b.c")] == (
            await store.low_balances()
        )
        assert [] == await store.low_balances()
        async with opened(engine.after_power_loss()) as again:
            assert [] == await again.store.low_balances()


async def test_nobody_is_told_who_does_not_ask(path: Path) -> None:
    await path.store.post_entries(1, [Entry(Kind.CHARGE, -1)], NOW)
    assert [] == await path.store.low_balances()


# Whatever happens, in whatever order


class Step(NamedTuple):
    """Something that happens; the numbers choose what it happens to."""

    what: str
    one: int
    two: int


WHAT = (
    *("pay", "accept", "accept", "accept_sending", "accept_sending", "accept_many"),
    *("schedule", "send", "send", "send", "reject", "lose", "report", "report"),
    *("wake", "sweep", "cancel", "cancel_order", "bulk", "make", "make", "fee"),
    *("order_credit", "purge"),
)


class Play:
    """Does steps to a store, and remembers what there is to be done next."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now = NOW
        self.sending: list[int] = []
        self.sent: list[int] = []
        self.messages: list[int] = []
        self.orders: list[int] = []
        self.bulks: list[tuple[Any, list[int]]] = []
        self.least = 0

    async def step(self, step: Step) -> None:
        await getattr(self, step.what)(step.one, step.two)
        self.now += step.two
        self.least = min(self.least, await balance(self.path))

    async def pay(self, one: int, _: int) -> None:
        await pay_in(self.path, one)

    async def _accept(self, one: int, two: int, **columns: Any) -> None:
        prices = [one % 17, two % 7][: 1 + two % 2]
        rule, parts = two % 3, 1 + one % 3
        draft = priced(self.path, *prices, refund=rule, parts=parts, **columns)
        for row in draft.messages:
            row.expires_at = self.now + 40 + two
        (verdict,) = await self.path.store.accept([draft], self.now)
        if verdict.no_credit:
            assert [] == await self.path.store.messages([draft.messages[0].id])
            return
        self.messages += [row.id for row in draft.messages]
        self.orders.append(draft.messages[0].order_id)
        if columns.get("state") is PartState.SENDING:
            self.sending += [part.id for part in draft.parts]

    async def accept(self, one: int, two: int) -> None:
        await self._accept(one, two)

    async def accept_sending(self, one: int, two: int) -> None:
        await self._accept(one, two, state=PartState.SENDING)

    async def schedule(self, one: int, two: int) -> None:
        await self._accept(one, two, due_at=self.now + two)

    async def accept_many(self, one: int, two: int) -> None:
        drafts = [priced(self.path, one, two) for _ in range(3)]
        await self.path.store.accept(drafts, self.now)

    def _part(self, ids: list[int], one: int) -> int | None:
        return ids.pop(one % len(ids)) if ids else None

    async def _answer(self, one: int, state: PartState, **more: Any) -> int | None:
        part_id = self._part(self.sending, one)
        if part_id is not None:
            await self.path.answer(part_id, state, f"s{part_id}", parts=3, **more)
        return part_id

    async def send(self, one: int, _: int) -> None:
        part_id = await self._answer(one, PartState.SENT)
        self.sent += [part_id] if part_id is not None else []

    async def reject(self, one: int, _: int) -> None:
        await self._answer(one, PartState.REJECTED)

    async def lose(self, one: int, two: int) -> None:
        await self._answer(one, PartState.UNSURE, due_at=self.now + two)

    async def report(self, one: int, two: int) -> None:
        part_id = self._part(self.sent, one)
        if part_id is None:
            return
        states = ReceiptState.DELIVERED, ReceiptState.UNDELIVERED, ReceiptState.EXPIRED
        report = receipt(f"s{part_id}", states[two % 3])
        for _ in range(1 + one % 2):
            await self.path.store.settle(1, [report], self.now, KEEP)

    async def wake(self, _one: int, _two: int) -> None:
        await self.path.store.wake(self.now, 100, 100)

    async def sweep(self, _one: int, _two: int) -> None:
        await self.path.store.sweep(self.now, 100)

    async def cancel(self, one: int, _: int) -> None:
        if self.messages:
            asked = CancelCommand(message_id=self.messages[one % len(self.messages)])
            await self.path.store.ask(asked, 1, self.now)

    async def cancel_order(self, one: int, _: int) -> None:
        if self.orders:
            asked = CancelCommand(order_id=self.orders[one % len(self.orders)])
            await self.path.store.ask(asked, 1, self.now)

    async def bulk(self, one: int, two: int) -> None:
        prices = [(one + n) % 5 for n in range(2 + two % 5)]
        row = large(self.path, prices)
        if not (await self.path.store.accept_bulk(row, [], self.now)).no_credit:
            self.bulks.append((row, prices))
            self.orders.append(row.id)

    async def make(self, _one: int, two: int) -> None:
        if self.bulks:
            row, prices = self.bulks[-1]
            some = prices[row.done : row.done + 1 + two % 3]
            draft = slice_of(self.path, row, some, row.done)
            (verdict,) = await self.path.store.accept([draft], self.now)
            row.done += len(some)
            if verdict.taken or row.done == row.total:
                self.bulks.pop()

    async def fee(self, one: int, _: int) -> None:
        paid = max(0, await balance(self.path))
        entry = Entry(Kind.FEE, -min(one, paid))
        await self.path.store.post_entries(1, [entry], self.now)

    async def order_credit(self, one: int, two: int) -> None:
        await self.path.store.order_credit(1, one, two, self.now)

    async def purge(self, _one: int, _two: int) -> None:
        await self.path.store.purge(self.now, 5)


steps = st.lists(
    st.builds(Step, st.sampled_from(WHAT), st.integers(0, 60), st.integers(0, 60)),
    min_size=5,
    max_size=60,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps)
def test_the_books_agree_whatever_happens(engine: Engine, played: list[Step]) -> None:
    fresh = engine.fresh()

    async def whole() -> None:
        async with opened(fresh) as path:
            play = Play(path)
            await pay_in(path, 100)
            for step in played:
                await play.step(step)
            assert play.least >= 0

    asyncio.run(whole())
    purged = any(step.what == "purge" for step in played)
    assert [] == faults(fresh, purged=purged)
