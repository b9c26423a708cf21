"""Taking responsibility for orders: from the request to what the customer hears."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.message import Order
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.routing import Route
from budstikke.flow.send import AHEAD
from budstikke.flow.stage import Stager
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from flow.accounts import change
from flow.rig import Rig, directory, until
from store.path import NOW, RECIPIENT

if TYPE_CHECKING:
    from store.engines import SqliteEngine

OTHER, THIRD = "+4798888888", "+4797777777"


def delivered(part_id: int) -> Receipt:
    return Receipt(
        f"id{part_id}", None, ReceiptState.DELIVERED, Reason.NONE, "DELIVRD", NOW, ""
    )


# The whole path


async def test_from_order_to_callback(rig: Rig) -> None:
    one = rig.carriers[1]
    async with rig.running():
        await rig.settled_down()
        accepted = await rig.accept(text="x" * 200, ref="r", interim=True)
        message = accepted.order_id
        assert ([message], 2) == (accepted.ids, accepted.segments)
        assert [1, 2] == [part.number for part in one.offered]
        one.answer()
        await rig.told(1)
        assert ["sent"] == await rig.path.states(message)
        await one.sink.receipts([delivered(part.id) for part in one.offered])
        await rig.told(2)
        assert ["delivered"] == await rig.path.states(message)
    assert [
        f"https://c1.example/s?status={status}&origid={message}"
        "&ref=r&phoneno=%2B4799999999"
        for status in (-1, 4)
    ] == rig.transport.asked


async def test_a_receipt_that_comes_before_the_answer(rig: Rig) -> None:
    one = rig.carriers[1]
    async with rig.running():
        await rig.settled_down()
        (message,) = await rig.send()
        await one.sink.receipts([delivered(one.offered[0].id)])
        assert ["accepted"] == await rig.path.states(message)
        one.answer()
        await rig.told(1)
        assert ["delivered"] == await rig.path.states(message)


async def test_what_is_answered_is_durable(engine: SqliteEngine, rig: Rig) -> None:
    (message,) = await rig.send()
    copy = engine.after_power_loss()
    store = copy.store()
    await store.open(NOW)
    assert [message] == [view.id for view in await store.messages([message])]
    await store.close()


# What is answered


async def test_each_recipient_is_answered_for(rig: Rig) -> None:
    rig.directory = directory(blacklist=frozenset({THIRD}))
    accepted = await rig.accept("12", OTHER, THIRD, RECIPIENT)
    bad, other, barred, good = accepted.ids
    assert (RefusalCode.BAD_RECIPIENT, RefusalCode.BLACKLISTED) == (bad, barred)
    assert isinstance(other, int)
    assert isinstance(good, int)
    views = await rig.path.views(other, good)
    assert [OTHER, RECIPIENT] == [view.recipient for view in views]


@pytest.mark.parametrize(
    ("home", "written", "e164"),
    [
        ("+47", ["92867449", "4792867448", "+4792867447"], "+47928674"),
        ("+46", ["0701234549", "46701234548", "+46701234547"], "+467012345"),
    ],
)
@pytest.mark.parametrize("bulk", [False, True])
async def test_numbers_of_the_account_s_home_country(
    *, rig: Rig, home: str, written: list[str], e164: str, bulk: bool
) -> None:
    change(rig, home=home)
    async with rig.running():
        await rig.settled_down()
        accepted = await rig.accept(*written, "12", bulk=bulk)
        await rig.settled_down()
        sent = [part.recipient for part in rig.carriers[1].offered]
    assert [f"{e164}{last}" for last in (47, 48, 49)] == sorted(sent)
    assert (["12"] if bulk else []) == list(accepted.invalid)


async def test_only_where_the_api_has_it(rig: Rig) -> None:
    access = replace(rig.directory.accesses[1], settings=None)
    rig.directory = replace(rig.directory, accesses={1: access})
    with pytest.raises(Refusal) as caught:
        await rig.accept("92867449")
    assert RefusalCode.BAD_RECIPIENT is caught.value.code


async def test_duplicates_are_answered_for_and_not_sent(rig: Rig) -> None:
    async with rig.running():
        await rig.settled_down()
        await rig.accept(OTHER, duplicate_lock=120)
        accepted = await rig.accept(RECIPIENT, OTHER, THIRD, duplicate_lock=120)
        first, held, third = accepted.ids
        assert RefusalCode.DUPLICATE is held
        assert 2 == accepted.segments
        assert isinstance(first, int)
        assert isinstance(third, int)
        sent = {part.message_id: part.recipient for part in rig.carriers[1].offered}
        assert (RECIPIENT, THIRD) == (sent[first], sent[third])
        assert 3 == len(rig.carriers[1].offered)
        with pytest.raises(Refusal) as caught:
            await rig.accept(RECIPIENT, duplicate_lock=120)
        assert RefusalCode.DUPLICATE is caught.value.code
        rig.now += 120
        await rig.accept(RECIPIENT, duplicate_lock=120)
        assert 4 == len(rig.carriers[1].offered)
    assert [0, 0] == rig.reserved()


async def test_two_alike_at_once(rig: Rig) -> None:
    orders = [rig.accept(duplicate_lock=120) for _ in range(10)]
    results = await asyncio.gather(*orders, return_exceptions=True)
    refused = [r for r in results if isinstance(r, Refusal)]
    assert [RefusalCode.DUPLICATE] * 9 == [refusal.code for refusal in refused]
    assert 1 == len(rig.path.parts())


@pytest.mark.parametrize(
    ("recipients", "values", "code"),
    [
        (["12"], {}, RefusalCode.BAD_RECIPIENT),
        (["12"], {"originator": ""}, RefusalCode.BAD_RECIPIENT),
        ([RECIPIENT], {"originator": ""}, RefusalCode.BAD_ORIGINATOR),
        ([THIRD], {"originator": ""}, RefusalCode.BAD_ORIGINATOR),
        ([THIRD], {"text": "x" * 11, "max_septets": 10}, RefusalCode.TEXT_TOO_LONG),
        ([THIRD], {}, RefusalCode.BLACKLISTED),
        (["+46701234567"], {}, RefusalCode.NO_ROUTE),
    ],
)
async def test_refused_and_nothing_is_stored(
    rig: Rig,
    recipients: list[str],
    values: dict[str, Any],
    code: RefusalCode,
) -> None:
    only_norway = Route(prefix="+47", carriers=(1, 2))
    rig.directory = directory(only_norway, blacklist=frozenset({THIRD}))
    async with rig.running():
        await rig.settled_down()
        with pytest.raises(Refusal) as caught:
            await rig.accept(*recipients, **values)
        assert code is caught.value.code
        assert {} == rig.path.parts()
        assert [0, 0] == rig.reserved()


# Where it goes


async def test_the_first_carrier_that_is_up(rig: Rig) -> None:
    one, two = rig.carriers.values()
    async with rig.running():
        await rig.settled_down()
        one.up = False
        await rig.accept()
        await until(lambda: 1 == len(two.offered))
        two.up = False
        (message,) = await rig.send()
        assert ["accepted"] == await rig.path.states(message)
        assert {1: 1} == await rig.store.backlog()
        one.up = True
        one.sink.room()
        await until(lambda: 1 == len(one.offered))


async def test_more_than_there_is_room_for_is_queued_and_sent_in_order(
    rig: Rig,
) -> None:
    one = rig.carriers[1]
    async with rig.running():
        await rig.settled_down()
        for _ in range(300):
            await rig.accept(text="x" * 200)
        states = list(rig.path.parts().values())
        assert states.count("sending") <= one.window + AHEAD
        assert 600 == len(states)
        while len(one.offered) < 600:
            one.answer()
            await asyncio.sleep(0)
        one.answer()
        await rig.written()
    ids = [part.id for part in one.offered]
    assert sorted(ids) == ids
    assert {"sent"} == set(rig.path.parts().values())
    assert [0, 0] == rig.reserved()


# Time


async def test_scheduled(rig: Rig) -> None:
    one = rig.carriers[1]
    async with rig.running():
        await rig.settled_down()
        ids = await rig.send(RECIPIENT, OTHER, send_at=NOW + 3600)
        assert ["scheduled"] * 2 == await rig.path.states(*ids)
        rig.now += 3599
        await rig.scheduler.wake()
        await asyncio.sleep(0)
        assert [] == one.offered
        rig.now += 1
        await rig.scheduler.wake()
        await until(lambda: 2 == len(one.offered))
        assert ["accepted"] * 2 == await rig.path.states(*ids)


async def test_what_is_not_sent_within_its_validity_expires(rig: Rig) -> None:
    for carrier in rig.carriers.values():
        carrier.up = False
    async with rig.running():
        (message,) = await rig.send(validity=60)
        rig.now += 59
        await rig.scheduler.sweep()
        assert ["accepted"] == await rig.path.states(message)
        rig.now += 1
        await rig.scheduler.sweep()
        await rig.told(1)
        assert ["expired"] == await rig.path.states(message)
        for carrier in rig.carriers.values():
            carrier.up = True
            carrier.sink.room()
        await rig.settled_down()
        assert [] == rig.carriers[1].offered


# When it goes wrong


async def test_what_could_not_be_stored_is_not_sent(rig: Rig) -> None:
    async with rig.running():
        await rig.settled_down()
        rig.store.down = True
        orders = [rig.accept(duplicate_lock=120) for _ in range(5)]
        results = await asyncio.gather(*orders, return_exceptions=True)
        assert {StoreUnavailable} == {type(result) for result in results}
        assert [0, 0] == rig.reserved()
        assert [] == rig.carriers[1].offered
        rig.store.down = False
        await rig.accept(duplicate_lock=120)
        assert 1 == len(rig.carriers[1].offered)


async def test_a_customer_that_goes_away_is_still_served(rig: Rig) -> None:
    async with rig.running():
        await rig.settled_down()
        order = asyncio.create_task(rig.accept())
        await until(lambda: rig.reserved() == [1, 0])
        order.cancel()
        await rig.committer.drain()
        assert order.cancelled()
        assert 1 == len(rig.carriers[1].offered)
        assert ["sending"] == list(rig.path.parts().values())
        assert [0, 0] == rig.reserved()


async def test_an_order_that_cannot_be_stored_does_not_harm_others(
    rig: Rig,
) -> None:
    async with rig.running():
        await rig.settled_down()
        orders = [rig.accept(ref="\ud800" if n == 5 else "r") for n in range(10)]
        results = await asyncio.gather(*orders, return_exceptions=True)
        failed = [n for n, r in enumerate(results) if isinstance(r, Exception)]
        assert [5] == failed
        assert 9 == len(rig.carriers[1].offered)
        assert [0, 0] == rig.reserved()


async def test_a_ref_with_nul_comes_back(rig: Rig) -> None:
    (message,) = await rig.send(ref="a\0b\\u0000")
    (view,) = await rig.path.views(message)
    assert view.ref is not None
    assert ("a", "b\\u0000") == (view.ref[0], view.ref[2:])


@pytest.mark.parametrize("seed", range(5))
async def test_whatever_happens_room_is_given_back_and_all_is_sent_once(
    rig: Rig, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - a test's dice
    one = rig.carriers[1]
    one.window = 30
    rig.directory = directory(Route(prefix="", carriers=(1,)))
    kept: list[int] = []

    async def order() -> None:
        for _ in range(random.randint(0, 50)):
            await asyncio.sleep(0)
        numbers = [f"+479{random.randint(0, 99):07}" for _ in range(8)]
        try:
            accepted = await rig.accept(*numbers, duplicate_lock=60)
        except (Refusal, StoreUnavailable):
            return
        kept.extend(m for m in accepted.ids if isinstance(m, int))

    async with rig.running(1):
        orders = [asyncio.create_task(order()) for _ in range(40)]
        while not all(each.done() for each in orders):
            assert rig.reserved()[0] >= 0
            one.up = random.random() < 0.8
            rig.store.down = random.random() < 0.1
            one.answer(count=random.randint(0, 10))
            await asyncio.sleep(0)
        one.up, rig.store.down = True, False
        await rig.committer.drain()
        while len(one.offered) < len(rig.path.parts()):
            one.answer()
            one.sink.room()
            await asyncio.sleep(0)
        one.answer()
        await rig.written()
    assert sorted(kept) == sorted(part.message_id for part in one.offered)
    assert {"sent"} == set(rig.path.parts().values())
    assert len({part.recipient for part in one.offered}) == len(one.offered)
    assert [0, 0] == rig.reserved()


async def test_an_answer_to_a_phone_that_opted_out(rig: Rig) -> None:
    change(rig, opted_out=frozenset({RECIPIENT}))
    asked: dict[str, Any] = {"originator": "2229", "duplicate_lock": 120}
    with pytest.raises(Refusal) as caught:
        await rig.accept(**asked)
    assert RefusalCode.OPTED_OUT is caught.value.code
    change(rig, opted_out=frozenset({RECIPIENT}), grants=())  # nor any originator
    for _ in range(2):
        assert await rig.send(answering=True, **asked)
    blacklist = frozenset({RECIPIENT})
    rig.directory = replace(rig.directory, blacklist=blacklist)
    with pytest.raises(Refusal) as caught:
        await rig.accept(answering=True, **asked)
    assert RefusalCode.BLACKLISTED is caught.value.code


# A directory that changes under an order


async def test_an_order_that_was_prepared_takes_the_routes_of_a_new_directory(
    rig: Rig,
) -> None:
    order = Order(recipients=(RECIPIENT,), originator="Firm", text="Hei")
    access = rig.directory.accesses[1]
    prepared = await rig.committer.prepare(order, access)
    other = Route(prefix="", carriers=(2,))
    rig.directory = replace(rig.directory, routes=(other,))
    await rig.committer.commit_order(prepared, access)
    assert [2] == rig.path.column("carrier_id", schema.part)
    rig.directory = replace(rig.directory, routes=())
    with pytest.raises(Refusal) as refusal:
        await rig.committer.commit_order(prepared, access)
    assert RefusalCode.NO_ROUTE is refusal.value.code


async def test_an_order_whose_carrier_goes_before_its_commit_takes_the_new_routes(
    rig: Rig,
) -> None:
    rig.directory = directory(Route(prefix="", carriers=(1,)))
    async with rig.running(2):
        await rig.settled_down()
        order = asyncio.create_task(rig.accept(RECIPIENT, OTHER))
        await asyncio.sleep(0)  # it is staged, and not yet committed
        assert [0, 0] == rig.reserved()
        del rig.senders[1]
        rig.directory = directory(Route(prefix="", carriers=(1, 2)))
        accepted = await order
        assert list(accepted.ids) == [
            part.message_id for part in rig.carriers[2].offered
        ]
    assert [2, 2] == rig.path.column("carrier_id", schema.part)
    assert [0] == rig.reserved()


async def test_a_message_takes_the_carrier_that_is_up_when_it_is_committed(
    rig: Rig,
) -> None:
    rig.directory = directory(Route(prefix="", carriers=(1, 2)))
    async with rig.running():
        await rig.settled_down()
        order = asyncio.create_task(rig.accept())
        await asyncio.sleep(0)  # it is staged, and not yet committed
        rig.carriers[1].up = False
        await order
        assert 1 == len(rig.carriers[2].offered)


async def test_carriers_with_weights_share_messages(rig: Rig) -> None:
    weights = {1: 1, 2: 3}
    rig.directory = directory(Route(prefix="", carriers=(1, 2), weights=weights))
    drawn = iter((0.2, 0.3, 0.9))
    profiles = rig.committer.stager.profiles
    rig.committer.stager = Stager(profiles, draw=lambda: next(drawn))
    async with rig.running():
        for _ in range(3):
            await rig.send()
    assert [1, 2, 2] == rig.path.column("carrier_id", schema.part)


async def test_a_rule_is_chosen_by_sender_kind_and_hours(rig: Rig) -> None:
    rig.directory = directory(
        Route(prefix="", carriers=(1,)),
        Route(prefix="", sender="Night", hours="00:00-00:00", carriers=(2,)),
        Route(prefix="", kind="flash", carriers=(2,)),
    )
    for values in ({}, {"originator": "Night"}, {"flash": True}):
        await rig.send(**values)
    assert [1, 2, 2] == rig.path.column("carrier_id", schema.part)
