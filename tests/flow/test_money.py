"""What orders cost: taken with the order, all or nothing, and given back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.domain.message import Accepted
from budstikke.domain.money import MICROS, Price, PriceList, Refund, pieces
from budstikke.domain.queries import (
    BalanceAnswer,
    BalanceQuery,
    CancelAnswer,
    CancelCommand,
    CreditAnswer,
    CreditCommand,
    MessageQuery,
    OrderQuery,
)
from budstikke.domain.receipt import Reason, Rejected, Retry
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.bulk import MOST_MESSAGES
from budstikke.flow.queries import QueryHandler
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from flow.accounts import NORWAY, PRICES, SWEDEN, change, left, paying
from flow.rig import Rig, rig_on, until
from store.engines import rows
from store.money import entries, faults, write
from store.path import NOW, RECIPIENT

if TYPE_CHECKING:
    from store.engines import SqliteEngine

SWEDE, FINN = "+46705555555", "+358401234567"


def numbers(count: int) -> list[str]:
    return [f"+479{n:07}" for n in range(count)]


async def refusal(rig: Rig, *recipients: str, **values: Any) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await rig.accept(*recipients, **values)
    return caught.value


def said(accepted: Accepted) -> bytes:
    """Write an answer down: one that was kept has lists for tuples."""
    return msgspec.json.encode(replace(accepted, replayed=False))


def stored(engine: SqliteEngine) -> int:
    return len(rows(engine, schema.message, "id"))


# Prices


async def test_an_order_costs_its_segments_by_prefix(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 1000)
        accepted = await rig.accept(RECIPIENT, SWEDE, text="x" * 161)
        assert (4, 2 * NORWAY + 2 * SWEDEN) == (accepted.segments, accepted.price)
        assert 1000 - accepted.price == await left(rig)
        prices = rows(engine, schema.message, "price", "refund", "account_id")
        assert [(2 * NORWAY, 1, 1), (2 * SWEDEN, 1, 1)] == prices
    assert [] == faults(engine)


async def test_where_nothing_is_sold(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 1000)
        assert RefusalCode.COUNTRY_NOT_ALLOWED is (await refusal(rig, FINN)).code
        accepted = await rig.accept(FINN, RECIPIENT)
        assert RefusalCode.COUNTRY_NOT_ALLOWED is accepted.ids[0]
        assert NORWAY == accepted.price
        change(rig, prices=None)
        assert RefusalCode.COUNTRY_NOT_ALLOWED is (await refusal(rig)).code
    assert [] == faults(engine)


async def test_messages_by_the_piece(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 2 * MICROS, currency="SMS", prices=pieces("+47"))
        assert MICROS == (await rig.accept()).price
        assert RefusalCode.COUNTRY_NOT_ALLOWED is (await refusal(rig, SWEDE)).code
        long = await refusal(rig, text="x" * 161)
        assert RefusalCode.NO_CREDIT is long.code
        await rig.accept(text="the last")
        assert RefusalCode.NO_CREDIT is (await refusal(rig)).code
    assert [] == faults(engine)


async def test_without_a_currency_nothing_is_charged(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        assert 0 == (await rig.accept(*numbers(MOST_MESSAGES + 1))).price
        assert 0 == (await rig.accept()).price
        assert 0 == await left(rig)
    assert [] == entries(engine, "id")


async def test_a_test_costs_nothing(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 0)
        for count in (1, MOST_MESSAGES + 1):
            accepted = await rig.accept(*numbers(count), test=True)
            assert count * NORWAY == accepted.price
        assert 0 == await left(rig)
    assert 0 == stored(engine)


# Never more than there is


async def test_fifty_at_once_on_a_balance_for_ten(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 10 * NORWAY + NORWAY - 1)
        calls = [rig.accept(number) for number in numbers(50)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert 10 == sum(isinstance(result, Accepted) for result in results)
        refused = [result for result in results if isinstance(result, Refusal)]
        assert [RefusalCode.NO_CREDIT] * 40 == [refusal.code for refusal in refused]
        assert NORWAY - 1 == await left(rig)
        assert [0, 0] == rig.reserved()
    assert 10 == stored(engine)
    assert [] == faults(engine)


async def test_fifty_large_ones_at_once_on_a_balance_for_three(
    engine: SqliteEngine,
) -> None:
    count = MOST_MESSAGES + 1

    async with rig_on(engine) as rig:
        await paying(rig, 3 * count * NORWAY)
        calls = [rig.accept(*numbers(count), text=f"{n}") for n in range(20)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert 3 == sum(isinstance(result, Accepted) for result in results)
        assert 0 == await left(rig)
        await until(lambda: 3 * count == stored(engine))
    assert [] == faults(engine)


async def test_an_invoiced_account_goes_to_its_limit(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 0, prepaid=False, credit_limit=2 * NORWAY)
        await rig.accept()
        await rig.accept(text="again")
        assert RefusalCode.NO_CREDIT is (await refusal(rig)).code
        assert -2 * NORWAY == await left(rig)
    assert [] == faults(engine)


@pytest.mark.parametrize("count", [3, MOST_MESSAGES + 1])
async def test_an_order_is_paid_whole_or_refused_whole(
    engine: SqliteEngine, count: int
) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, count * NORWAY - 1)
        assert RefusalCode.NO_CREDIT is (await refusal(rig, *numbers(count))).code
        assert 0 == stored(engine)
        await paying(rig, 1)
        assert count * NORWAY == (await rig.accept(*numbers(count))).price
        assert 0 == await left(rig)
        await until(lambda: count == stored(engine))
    assert [] == faults(engine)


@pytest.mark.parametrize("count", [3, MOST_MESSAGES + 1])
async def test_what_was_not_paid_holds_nothing(rig: Rig, count: int) -> None:
    await paying(rig, 0)
    async with rig.running():
        await rig.settled_down()
        order: dict[str, Any] = {"duplicate_lock": 120}
        for _ in range(2):  # neither a duplicate
            found = await refusal(rig, *numbers(count), **order)
            assert RefusalCode.NO_CREDIT is found.code
        assert [0, 0] == rig.reserved()
        await paying(rig, count * NORWAY)
        accepted = await rig.accept(*numbers(count), **order)
        assert count == sum(isinstance(id_, int) for id_ in accepted.ids)


async def test_what_is_left_out_costs_nothing(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 1000, opted_out=frozenset({SWEDE}))
        await rig.accept(RECIPIENT, duplicate_lock=120)
        accepted = await rig.accept(
            RECIPIENT, "+4798888888", SWEDE, "12", duplicate_lock=120
        )
        assert (NORWAY, 1) == (accepted.price, accepted.segments)
        assert 1000 - 2 * NORWAY == await left(rig)
    assert [] == faults(engine)


async def test_what_cannot_be_stored_is_not_charged(
    engine: SqliteEngine, rig: Rig
) -> None:
    await paying(rig, 1000)
    with engine.unwritable():
        for count in (1, MOST_MESSAGES + 1):
            with pytest.raises(StoreUnavailable):
                await rig.accept(*numbers(count))
    assert 1000 == await left(rig)


# The price of a large order


async def test_messages_cost_what_was_quoted_whatever_the_list_says_since(
    engine: SqliteEngine,
) -> None:
    count = MOST_MESSAGES + 300

    async with rig_on(engine) as rig:
        await paying(rig, count * SWEDEN)
        mixed = [*numbers(count - 1), SWEDE]
        accepted = await rig.accept(*mixed)
        dear = Price(prefix="+47", amount=10 * NORWAY)
        change(rig, prices=PriceList(name="new", currency="NOK", prices=(dear,)))
        await until(lambda: count == stored(engine))
        prices = [row[0] for row in rows(engine, schema.message, "price")]
        assert [NORWAY] * (count - 1) + [SWEDEN] == prices
        assert accepted.price == sum(prices)
    assert [] == faults(engine)


async def test_a_large_order_is_cancelled_while_it_is_made(
    engine: SqliteEngine,
) -> None:
    count = 5 * MOST_MESSAGES

    async with rig_on(engine) as rig:
        await paying(rig, count * NORWAY)
        accepted = await rig.accept(*numbers(count), send_at=NOW + 60)
        await until(lambda: stored(engine) >= MOST_MESSAGES)
        query_handler = ask(rig)
        answer = await query_handler.handle(
            CancelCommand(order_id=accepted.order_id), rig.directory.accesses[1]
        )
        assert CancelAnswer(count, count) == answer
        assert count * NORWAY == await left(rig)
        await until(lambda: not rig.bulk._tasks)
        assert count > stored(engine)
        assert {"cancelled"} == {
            row[0] for row in rows(engine, schema.message, "state")
        }
        told = await query_handler.handle(
            OrderQuery(accepted.order_id), rig.directory.accesses[1]
        )
        assert [count, {"cancelled"}] == [
            len(told.messages),  # type: ignore[union-attr]  # an OrderQuery's answer
            {message.state for message in told.messages},  # type: ignore[union-attr]
        ]
    assert [] == faults(engine)


# Given back


@pytest.mark.parametrize(
    ("refund", "back"),
    [(Refund.NEVER, 0), (Refund.UNSENT, 2 * NORWAY), (Refund.UNDELIVERED, 2 * NORWAY)],
)
async def test_what_the_operator_rejects(
    engine: SqliteEngine, refund: Refund, back: int
) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 1000, refund=refund)
        async with rig.running(1):
            await rig.settled_down()
            await rig.accept(text="x" * 161)
            rig.carriers[1].answer(Rejected(Reason.UNKNOWN, "no", Retry.NEVER))
            await rig.written()
            assert 1000 - 2 * NORWAY + back == await left(rig)
    assert [] == faults(engine)


async def test_what_was_promised_when_it_was_accepted_counts(rig: Rig) -> None:
    await paying(rig, 1000, refund=Refund.UNDELIVERED)
    async with rig.running(1):
        await rig.settled_down()
        await rig.accept()
        change(rig, refund=Refund.NEVER)
        rig.carriers[1].answer(Rejected(Reason.UNKNOWN, "no", Retry.NEVER))
        await rig.written()
        assert 1000 == await left(rig)


# Idempotency keys


async def test_a_key_is_answered_as_the_first_time(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 1000)
        first = await rig.accept(RECIPIENT, SWEDE, "12", key="k", ref="r")
        for _ in range(2):
            again = await rig.accept(RECIPIENT, SWEDE, "12", key="k", ref="r")
            assert said(first) == said(again)
        assert 1000 - NORWAY - SWEDEN == await left(rig)
        assert 2 == stored(engine)
        rig.now = NOW + 86400 + 1
        other = await rig.accept(RECIPIENT, SWEDE, "12", key="k", ref="r")
        assert first.order_id != other.order_id
        assert 4 == stored(engine)
    assert [] == faults(engine)


async def test_a_key_for_something_else_is_refused(
    engine: SqliteEngine, rig: Rig
) -> None:
    await rig.accept(key="k")
    found = await refusal(rig, key="k", text="something else")
    assert (RefusalCode.BAD_FIELD, "key", "k") == (
        found.code,
        found.field,
        found.value,
    )
    await rig.accept(key="l", text="something else")
    await rig.accept(key="k", text="something else", access_id=2)
    assert 3 == stored(engine)


@pytest.mark.parametrize("count", [1, 3, MOST_MESSAGES + 1])
async def test_a_key_at_once_is_one_order(engine: SqliteEngine, count: int) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, count * NORWAY)
        to = numbers(count)
        calls = [rig.accept(*to, key="k", duplicate_lock=60) for _ in range(20)]
        answers = await asyncio.gather(*calls)
        assert 1 == len({said(answer) for answer in answers})
        assert 19 == sum(answer.replayed for answer in answers)
        assert 0 == await left(rig)
        await until(lambda: count == stored(engine))
        assert [0, 0] == rig.reserved()
    assert [] == faults(engine)


async def test_the_key_of_what_was_refused_is_free(rig: Rig) -> None:
    await paying(rig, 0)
    assert RefusalCode.NO_CREDIT is (await refusal(rig, key="k")).code
    await paying(rig, NORWAY)
    assert NORWAY == (await rig.accept(key="k")).price


async def test_with_a_key_there_is_no_duplicate_lock(
    engine: SqliteEngine, rig: Rig
) -> None:
    for key in ("k", "l"):
        await rig.accept(key=key, duplicate_lock=60)
    assert 2 == stored(engine)


# What customers ask


def ask(rig: Rig) -> QueryHandler:
    return QueryHandler(
        store=rig.store, directory=lambda: rig.directory, clock=lambda: rig.now
    )


@pytest.mark.parametrize("prepaid", [True, False])
async def test_what_is_left(rig: Rig, *, prepaid: bool) -> None:
    await paying(rig, 1000, prepaid=prepaid)
    answer = await ask(rig).handle(BalanceQuery(), rig.directory.accesses[1])
    assert BalanceAnswer("NOK", 1000, prepaid, NORWAY) == answer
    nothing = await ask(rig).handle(BalanceQuery(), rig.directory.accesses[2])
    assert BalanceAnswer("", 0, prepaid=True, home_price=0) == nothing


async def test_sms_are_worth_the_price_at_home(engine: SqliteEngine) -> None:
    write(engine, schema.account, 1, order_ceiling=500)

    async with rig_on(engine) as rig:
        await paying(rig, 0, home="+46")
        answer = await ask(rig).handle(CreditCommand(500), rig.directory.accesses[1])
        assert CreditAnswer(waiting=False, balance=500 * SWEDEN, home_price=SWEDEN) == (
            answer
        )
    assert [] == faults(engine)


@pytest.mark.parametrize(
    ("account", "field"),
    [
        ({"prepaid": False}, "prepaid"),
        ({"currency": ""}, "prepaid"),
        ({"home": "+358"}, "count"),
        ({"prices": None}, "count"),
    ],
)
async def test_who_cannot_order_sms(
    engine: SqliteEngine, account: dict[str, Any], field: str
) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 0, **account)
        with pytest.raises(Refusal) as caught:
            await ask(rig).handle(CreditCommand(500), rig.directory.accesses[1])
        assert (RefusalCode.BAD_FIELD, field) == (
            caught.value.code,
            caught.value.field,
        )
    assert [] == entries(engine, "id")


async def test_without_a_login_only_messages_are_told_of(rig: Rig) -> None:
    (message,) = await rig.send()
    for dialect, seen in (("front", 1), ("ip1", 0), ("", 0)):
        found = await ask(rig).handle(MessageQuery(message), None, dialect)
        assert seen == len(found.messages)  # type: ignore[union-attr]  # its answer
    for asked in (
        BalanceQuery(),
        CreditCommand(500),
        CancelCommand(message_id=message),
    ):
        with pytest.raises(Refusal) as caught:
            await ask(rig).handle(asked, None)
        assert RefusalCode.MISSING_LOGIN is caught.value.code
    assert ["accepted"] == await rig.path.states(message)


def test_prices_are_those_of_the_test() -> None:
    assert (NORWAY, SWEDEN, None) == tuple(
        PRICES.price(number, NOW) for number in (RECIPIENT, SWEDE, FINN)
    )
