"""Orders that repeat, and what was due while nobody looked."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace as replace_struct

from budstikke.domain.message import Order, Recurrence, Template, TextMode, Unit
from budstikke.domain.queries import CancelCommand
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.bulk import MOST_MESSAGES
from budstikke.flow.queries import QueryHandler
from budstikke.flow.recurring_orders import (
    MOST_DUE,
    RecurringOrders,
    _order,
    _order_of_occurrence,
    repeats,
)
from budstikke.metrics import repeated_orders
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from flow.accounts import NORWAY, change, left, paying
from flow.rig import Rig, directory, play, rig_on, until
from store.engines import rows
from store.money import add, faults, write
from store.path import NOW, RECIPIENT, opened

if TYPE_CHECKING:
    from store.engines import Engine, SqliteEngine

HOUR, DAY = 3600.0, 86400.0
HOURLY = Recurrence(value=1, unit=Unit.HOUR, zone="Europe/Oslo")
DAILY = Recurrence(value=1, unit=Unit.DAY, zone="Europe/Oslo")
OSLO = ZoneInfo("Europe/Oslo")


def numbers(count: int) -> list[str]:
    return [f"+479{n:07}" for n in range(count)]


def recurrer(rig: Rig) -> RecurringOrders:
    return RecurringOrders(
        store=rig.store,
        acceptor=rig.acceptor,
        directory=lambda: rig.directory,
        clock=lambda: rig.now,
    )


async def turn(rig: Rig, now: float) -> int:
    """Let the clock turn at this time; returns how many messages there are then."""
    rig.now = now
    await recurrer(rig).run_once()
    await until(lambda: not rig.bulk._tasks)
    return len(stored(rig.path.engine, "id"))


def stored(engine: Engine, *names: str) -> list[tuple[Any, ...]]:
    return rows(engine, schema.message, *names)


def recurring(engine: SqliteEngine) -> list[tuple[Any, ...]]:
    return rows(engine, schema.recurring, "done", "next_at")


def counted(result: str) -> float:
    return float(repeated_orders.labels(result)._value.get())


# In time


async def test_each_time_is_an_order_of_its_own(engine: SqliteEngine, rig: Rig) -> None:
    (first,) = await rig.send(recurrence=HOURLY, ref="r", text="Hei igjen")
    assert 1 == await turn(rig, NOW + HOUR - 1)
    assert 2 == await turn(rig, NOW + HOUR)
    assert 2 == await turn(rig, NOW + HOUR + 1)
    assert 3 == await turn(rig, NOW + 2 * HOUR)
    ids = [row[0] for row in stored(engine, "id")]
    assert first == ids[0]
    assert 3 == len(set(ids))
    assert ids == [row[0] for row in stored(engine, "order_id")]
    assert [("r", NOW + n * HOUR) for n in range(3)] == stored(
        engine, "ref", "accepted_at"
    )
    assert {"Hei igjen"} == {row[0] for row in rows(engine, schema.part, "text")}
    assert [(2, NOW + 3 * HOUR)] == recurring(engine)


async def test_a_scheduled_one_repeats_from_its_first_time(
    engine: SqliteEngine,
) -> None:
    begin = datetime(2026, 10, 24, 8, tzinfo=OSLO).timestamp()

    async with rig_on(engine) as rig:
        await rig.send(recurrence=DAILY, send_at=begin)
        assert 1 == await turn(rig, begin + DAY)  # summer time has ended meanwhile
        assert 2 == await turn(rig, begin + DAY + HOUR)
        assert [("scheduled", begin), ("accepted", None)] == stored(
            engine, "state", "send_at"
        )


async def test_one_whose_first_time_is_past_goes_now_and_at_the_next(
    engine: SqliteEngine,
    rig: Rig,
) -> None:
    await rig.send(recurrence=HOURLY, send_at=NOW - 2.5 * HOUR)
    assert 1 == await turn(rig, NOW)
    assert [(2, NOW + 0.5 * HOUR)] == recurring(engine)
    assert 2 == await turn(rig, NOW + 0.5 * HOUR)


async def test_so_many_times_in_all(engine: SqliteEngine, rig: Rig) -> None:
    thrice = Recurrence(value=1, unit=Unit.HOUR, count=3)
    await rig.send(recurrence=thrice)
    counts = [await turn(rig, NOW + n * HOUR) for n in range(1, 6)]
    assert [2, 3, 3, 3, 3] == counts
    assert [(2, None)] == recurring(engine)
    await rig.send(recurrence=Recurrence(value=1, unit=Unit.HOUR, count=1))
    assert 1 == len(recurring(engine))  # once is not again


async def test_not_after_its_end(rig: Rig) -> None:
    until = Recurrence(value=1, unit=Unit.HOUR, until=NOW + 2 * HOUR)
    await rig.send(recurrence=until)
    counts = [await turn(rig, NOW + n * HOUR) for n in range(1, 5)]
    assert [2, 3, 3, 3] == counts


async def test_what_repeats_is_no_duplicate_of_itself(rig: Rig) -> None:
    await rig.send(recurrence=HOURLY, duplicate_lock=3600 * 2)
    assert 2 == await turn(rig, NOW + HOUR)


async def test_each_time_has_a_reply_number_of_its_own(
    engine: SqliteEngine, rig: Rig
) -> None:
    change(rig, reply_number="26114")
    await rig.send(recurrence=HOURLY, reply=True)
    await turn(rig, NOW + HOUR)
    ids = [row[0] for row in stored(engine, "id")]
    assert [(f"26114{id_:09}",) for id_ in ids] == stored(engine, "originator")


def test_all_of_an_order_is_repeated() -> None:
    template = Template(kind="otp", values={"code": "1234"})
    order = Order(
        recipients=[RECIPIENT, "4799999998"],
        text="«Hei» 😀",
        originator="Bud",
        mode=TextMode.CONVERT,
        max_septets=300,
        max_utf16=100,
        ref="r",
        validity=3600,
        flash=True,
        protocol_id=65,
        priority=3,
        report=False,
        interim=True,
        bulk=True,
        texts=["en", "to"],
        groups=["Kunder"],
        country="NO",
        reply=True,
        reply_to=1234,
        recurrence=HOURLY,
        template=template,
    )
    row = repeats(order, 7, directory().accesses[1], NOW)
    assert row is not None
    assert (7, 1, NOW, 0, NOW + HOUR) == (
        row.id,
        row.access_id,
        row.first_at,
        row.done,
        row.next_at,
    )
    assert order == _order(row.order)
    assert replace_struct(order, recurrence=None) == _order_of_occurrence(order)


async def test_a_large_order_repeats(engine: SqliteEngine) -> None:
    count = MOST_MESSAGES + 100

    async with rig_on(engine) as rig:
        await paying(rig, 2 * count * NORWAY)
        await rig.accept(*numbers(count), recurrence=HOURLY)
        await until(lambda: not rig.bulk._tasks)
        assert 2 * count == await turn(rig, NOW + HOUR)
        assert 0 == await left(rig)
        assert 2 * count == await turn(rig, NOW + 2 * HOUR)  # no credit
        assert [(2, NOW + 3 * HOUR)] == recurring(engine)
    assert [] == faults(engine)


async def test_many_at_once_are_all_accepted(engine: SqliteEngine, rig: Rig) -> None:
    for number in numbers(MOST_DUE + 50):
        await rig.accept(number, recurrence=HOURLY)
    rig.now = NOW + HOUR
    assert await recurrer(rig).run_once()  # there are more
    assert not await recurrer(rig).run_once()
    assert 2 * (MOST_DUE + 50) == len(stored(engine, "id"))


# After a standstill


def test_after_an_hour_of_downtime(engine: SqliteEngine) -> None:
    """One-off ones go at once, each; a repeating one goes once, then as before."""
    often = Recurrence(value=1, unit=Unit.HOUR, zone="UTC")

    async def before(rig: Rig) -> None:
        for number, minutes in zip(numbers(6), range(10, 70, 10), strict=True):
            await rig.accept(number, send_at=NOW + 60 * minutes)
        await rig.accept(recurrence=often, text="often")

    async def after(rig: Rig) -> None:
        rig.now = NOW + 5.5 * HOUR
        async with rig.running(1):
            await rig.scheduler.wake()
            await recurrer(rig).run_once()
            await recurrer(rig).run_once()
            await until(lambda: 8 == len(rig.carriers[1].offered))
            texts = [part.text for part in rig.carriers[1].offered]
            assert [6, 2] == [texts.count("Hei"), texts.count("often")]
            assert [(5, NOW + 6 * HOUR)] == recurring(engine)
            await turn(rig, NOW + 6 * HOUR)
            await until(lambda: 9 == len(rig.carriers[1].offered))

    play(engine, before)
    play(engine, after)


def test_a_restart_forgets_none_and_repeats_none(engine: SqliteEngine) -> None:
    async def before(rig: Rig) -> None:
        await rig.send(recurrence=HOURLY)
        await turn(rig, NOW + HOUR)

    async def after(rig: Rig) -> None:
        assert 2 == await turn(rig, NOW + HOUR)
        assert 3 == await turn(rig, NOW + 2 * HOUR)

    play(engine, before)
    play(engine, after)


async def test_a_crash_after_a_time_was_accepted_does_not_repeat_it(
    engine: SqliteEngine,
    rig: Rig,
) -> None:
    await rig.send(recurrence=HOURLY)
    await turn(rig, NOW + HOUR)
    async with opened(engine.after_power_loss(), NOW + HOUR) as again:
        assert [] == await again.store.due_recurring(NOW + HOUR, 10)
        assert 2 == len(again.column("id", schema.message))


async def test_two_nodes_never_fire_one_time_twice(
    engine: SqliteEngine, rig: Rig
) -> None:
    for number in numbers(20):
        await rig.accept(number, recurrence=HOURLY)
    await rig.accept(*numbers(MOST_MESSAGES + 1), recurrence=HOURLY)
    await until(lambda: not rig.bulk._tasks)
    rig.now = NOW + HOUR
    await asyncio.gather(*(recurrer(rig).run_once() for _ in range(5)))
    await until(lambda: not rig.bulk._tasks)
    assert 2 * (20 + MOST_MESSAGES + 1) == len(stored(engine, "id"))
    assert {(1, NOW + 2 * HOUR)} == set(recurring(engine))
    assert [0, 0] == rig.reserved()


async def test_while_nothing_can_be_stored_it_waits(
    engine: SqliteEngine, rig: Rig
) -> None:
    await rig.send(recurrence=HOURLY)
    rig.now = NOW + HOUR
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await recurrer(rig).run_once()
    rig.store.down = True
    with pytest.raises(StoreUnavailable):
        await recurrer(rig).run_once()
    rig.store.down = False
    assert [0, 0] == rig.reserved()
    assert 2 == await turn(rig, NOW + HOUR + 60)
    assert [(1, NOW + 2 * HOUR)] == recurring(engine)


# Times that cannot be accepted


def test_without_credit_a_time_is_left_out(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(rig: Rig) -> None:
        await paying(rig, 2 * NORWAY)
        await rig.send(recurrence=HOURLY)
        assert 2 == await turn(rig, NOW + HOUR)
        before = counted("refused")
        assert 2 == await turn(rig, NOW + 2 * HOUR)
        assert 1 == counted("refused") - before
        assert [(2, NOW + 3 * HOUR)] == recurring(engine)
        await paying(rig, NORWAY)
        assert 2 == await turn(rig, NOW + 2 * HOUR + 60)  # it is over
        assert 3 == await turn(rig, NOW + 3 * HOUR)

    with caplog.at_level(logging.WARNING):
        play(engine, scenario)
    assert ["no_credit"] == [getattr(line, "code", "") for line in caplog.records]
    assert [] == faults(engine)


@pytest.mark.parametrize("what", ["account", "access"])
async def test_who_is_blocked_sends_nothing(rig: Rig, what: str) -> None:
    await rig.send(recurrence=HOURLY)
    known = rig.directory
    if what == "account":
        change(rig, blocked=True)
    else:
        blocked = replace(known.accesses[1], blocked=True)
        accesses = {**known.accesses, 1: blocked}
        rig.directory = replace(known, accesses=accesses)
    assert 1 == await turn(rig, NOW + HOUR)
    rig.directory = known
    assert 2 == await turn(rig, NOW + 2 * HOUR)


async def test_an_access_that_is_gone_ends_it(engine: SqliteEngine, rig: Rig) -> None:
    await rig.send(recurrence=HOURLY)
    rig.directory = replace(rig.directory, accesses={})
    assert 1 == await turn(rig, NOW + HOUR)
    assert [(1, None)] == recurring(engine)


@pytest.mark.parametrize("bulk", [False, True])
async def test_nobody_left(engine: SqliteEngine, rig: Rig, *, bulk: bool) -> None:
    await rig.accept(RECIPIENT, "+4798888888", recurrence=HOURLY, bulk=bulk)
    gone = frozenset({RECIPIENT, "+4798888888"})
    change(rig, opted_out=gone)
    assert 2 == await turn(rig, NOW + HOUR)
    assert [(1, NOW + 2 * HOUR)] == recurring(engine)
    change(rig, opted_out=frozenset({RECIPIENT}))
    assert 3 == await turn(rig, NOW + 2 * HOUR)


async def test_groups_are_those_of_the_moment(engine: SqliteEngine) -> None:
    add(engine, schema.contact_group, id=1, account_id=1, name="Kunder")
    for id_, number in enumerate(("+4798888881", "+4798888882"), 1):
        row = {"account_id": 1, "number": number, "name": "", "active": id_ == 1}
        add(engine, schema.contact, id=id_, **row)
        add(engine, schema.membership, group_id=1, contact_id=id_)

    async with rig_on(engine) as rig:
        await rig.accept(groups=("Kunder",), recurrence=HOURLY)
        recipients = stored(engine, "recipient")
        assert [(RECIPIENT,), ("+4798888881",)] == recipients
        write(engine, schema.contact, 2, active=True)
        await turn(rig, NOW + HOUR)
        assert [(RECIPIENT,), ("+4798888881",), ("+4798888882",)] == stored(
            engine, "recipient"
        )[2:]


async def test_a_group_with_nobody_in_it_is_left_out(engine: SqliteEngine) -> None:
    add(engine, schema.contact_group, id=1, account_id=1, name="Kunder")
    row = {"account_id": 1, "number": RECIPIENT, "name": "", "active": True}
    add(engine, schema.contact, id=1, **row)
    add(engine, schema.membership, group_id=1, contact_id=1)

    async with rig_on(engine) as rig:
        order = Order(
            recipients=(),
            groups=("Kunder",),
            text="x",
            originator="B",
            recurrence=HOURLY,
        )
        await rig.acceptor.accept(order, rig.directory.accesses[1])
        write(engine, schema.contact, 1, active=False)
        assert 1 == await turn(rig, NOW + HOUR)
        write(engine, schema.contact, 1, active=True)
        assert 2 == await turn(rig, NOW + 2 * HOUR)


async def test_a_rule_of_a_zone_that_there_is_not(
    engine: SqliteEngine, rig: Rig
) -> None:
    async with rig.running():
        await rig.settled_down()
        for zone in ("Europe/Nowhere", "../../etc/passwd", "", "Europe"):
            rule = Recurrence(value=1, unit=Unit.DAY, zone=zone)
            for count in (1, MOST_MESSAGES + 1):
                with pytest.raises(Refusal) as caught:
                    await rig.accept(*numbers(count), recurrence=rule)
                assert (RefusalCode.BAD_FIELD, "recurrence") == (
                    caught.value.code,
                    caught.value.field,
                )
        never = Recurrence(value=0, unit=Unit.HOUR)
        with pytest.raises(Refusal):
            await rig.accept(recurrence=never)
        assert [0, 0] == rig.reserved()
    assert [] == stored(engine, "id")


async def test_an_order_that_cannot_be_read_ends_alone(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig_on(engine) as rig:
        await rig.send(recurrence=HOURLY)
        await rig.send(recurrence=HOURLY)
        write(engine, schema.recurring, 1001, order='{"old": true}')
        before = counted("failed")
        assert 3 == await turn(rig, NOW + HOUR)
        assert 1 == counted("failed") - before
        assert [(1, None), (1, NOW + 2 * HOUR)] == recurring(engine)
    assert "repeating order 1001 is unreadable" in caplog.text


async def test_what_was_cancelled_meanwhile_is_not_fired(
    engine: SqliteEngine, rig: Rig
) -> None:
    (first,) = await rig.send(recurrence=HOURLY)
    rig.now = NOW + HOUR
    query_handler = QueryHandler(
        store=rig.store, directory=lambda: rig.directory, clock=lambda: rig.now
    )
    asked = CancelCommand(order_id=first)
    turning = asyncio.create_task(recurrer(rig).run_once())
    await asyncio.gather(
        turning, query_handler.handle(asked, rig.directory.accesses[1])
    )
    assert [None] == [row[1] for row in recurring(engine)]
    count = len(stored(engine, "id"))
    assert count == await turn(rig, NOW + 9 * HOUR)


async def test_it_is_charged_each_time_and_once(engine: SqliteEngine) -> None:
    async with rig_on(engine) as rig:
        await paying(rig, 10 * NORWAY)
        await rig.send(recurrence=HOURLY)
        for n in range(1, 4):
            await turn(rig, NOW + n * HOUR)
            await turn(rig, NOW + n * HOUR)
        assert 6 * NORWAY == await left(rig)
    assert [] == faults(engine)
