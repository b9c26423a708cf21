"""Fees that are due, and mails about low balances."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from budstikke.domain.ledger import Kind
from budstikke.flow.fees import MOST_FEES, FeeJob
from budstikke.flow.schedule import Scheduler
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from flow.accounts import NORWAY, paying
from flow.rig import Rig, rig_on, until
from store.money import add, balance, entries, pay_in, write
from store.path import NOW

if TYPE_CHECKING:
    from budstikke.flow.transports import Mail
    from store.engines import SqliteEngine


def books(rig: Rig, mails: list[Mail] | None) -> FeeJob:
    post = None if mails is None else mails.append
    return FeeJob(store=rig.store, post=post, clock=lambda: rig.now)


def fee(engine: SqliteEngine, amount: int = 5, *names: str) -> None:
    row = {"account_id": 1, "amount": amount, "monthly": True}
    others = [{"name": name} for name in names or ("hosting",)]
    add(engine, schema.fee, *others, **row, next_at=NOW, day=15)


async def test_fees_are_taken_once(engine: SqliteEngine) -> None:
    fee(engine)

    async with rig_on(engine) as rig:
        rig.now = NOW - 1
        assert not await books(rig, []).run_once()
        rig.now = NOW
        for _ in range(3):
            assert not await books(rig, []).run_once()
        assert -5 == await balance(rig.path)
    assert [(Kind.FEE, "hosting 2023-11")] == entries(engine, "kind", "note")


async def test_many_fees_are_taken_in_slices(engine: SqliteEngine) -> None:
    fee(engine, 1, *(f"fee {n}" for n in range(MOST_FEES + 1)))

    async with rig_on(engine) as rig:
        assert await books(rig, None).run_once()  # there are more
        assert not await books(rig, None).run_once()
        assert -MOST_FEES - 1 == await balance(rig.path)


def alert(engine: SqliteEngine, below: int, mail: str = "a@acme.example") -> None:
    write(
        engine,
        schema.account,
        1,
        currency="NOK",
        name="acme",
        alert_below=below,
        alert_mail=mail,
    )


async def test_a_low_balance_is_one_mail_until_it_has_risen(
    engine: SqliteEngine,
) -> None:
    alert(engine, 2_500_000, "a@acme.example, b@acme.example")

    async with rig_on(engine) as rig:
        mails: list[Mail] = []
        keeper = books(rig, mails)
        await pay_in(rig.path, 2_500_000)
        await keeper.run_once()
        assert [] == mails
        await pay_in(rig.path, -450_000)
        for _ in range(3):
            await keeper.run_once()
        (mail,) = mails
        assert ("a@acme.example", "b@acme.example") == mail.to
        assert "Low balance: acme, 2.05 NOK" == mail.subject
        assert "is 2.05 NOK. That is below the limit of 2.50 NOK" in mail.text
        await pay_in(rig.path, 1_000_000)
        await keeper.run_once()
        await pay_in(rig.path, -1_000_000)
        await keeper.run_once()
        assert 2 == len(mails)


async def test_a_message_makes_it_low(engine: SqliteEngine) -> None:
    alert(engine, 3 * NORWAY)

    async with rig_on(engine) as rig:
        mails: list[Mail] = []
        await paying(rig, 4 * NORWAY)
        for count in (0, 1, 1):
            await rig.accept(text=f"{rig.now}")
            rig.now += 1
            await books(rig, mails).run_once()
            assert count == len(mails)


async def test_without_a_mail_server_nobody_is_marked_as_told(
    engine: SqliteEngine,
) -> None:
    alert(engine, 1)

    async with rig_on(engine) as rig:
        mails: list[Mail] = []
        await books(rig, None).run_once()
        await books(rig, mails).run_once()
        assert 1 == len(mails)


async def test_while_nothing_can_be_stored_nothing_is_taken_or_told(
    engine: SqliteEngine,
) -> None:
    fee(engine)
    alert(engine, 1)

    async with rig_on(engine) as rig:
        mails: list[Mail] = []
        with engine.unwritable(), pytest.raises(StoreUnavailable):
            await books(rig, mails).run_once()
        assert [] == mails
        await books(rig, mails).run_once()
        assert 1 == len(mails)
        assert -5 == await balance(rig.path)


class Step:
    """A step that is worked by the clock, and what comes of its turns."""

    def __init__(self, *results: bool | Exception) -> None:
        self.results = list(results)

    async def run_once(self) -> bool:
        await asyncio.sleep(0)
        result = self.results.pop(0) if self.results else False
        if isinstance(result, Exception):
            raise result
        return result


async def test_the_clock_works_other_steps_whatever_comes_of_a_turn(
    engine: SqliteEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with rig_on(engine) as rig:
        often = Step(True, StoreUnavailable("down"), KeyError("bug"), False, False)
        seldom = Step(True, True, False, False)
        scheduler = Scheduler(
            store=rig.store,
            senders=rig.senders,
            notifier=rig.notifier,
            clock=lambda: rig.now,
            retention=1e9,
            also=((0.0, often), (3600.0, seldom)),
        )
        turning = asyncio.create_task(scheduler.run())
        await until(lambda: not often.results)
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)
        assert 1 == len(seldom.results)  # at once while there is more, then it rests
    assert "the database is unavailable: down" in caplog.text
    assert "periodic job failed" in caplog.text
