"""Store conformance: settling parts by receipts, however oddly they come."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from budstikke.domain.receipt import Reason, ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from store.path import BOTH, KEEP, NOW, RECIPIENT, Path, opened, receipt, status

if TYPE_CHECKING:
    from store.engines import Engine

OTHER = "+4798888888"
DELIVERED, UNDELIVERED = ReceiptState.DELIVERED, ReceiptState.UNDELIVERED


# Matching


async def test_by_the_id_as_it_was_written(path: Path) -> None:
    one, two = await path.sent(RECIPIENT, OTHER, smsc_ids=["0a", "0A"])
    (row,) = await path.settle(receipt("0A", recipient=OTHER))
    assert ("delivered", two >> 8) == (status(row).state, row.event.message_id)
    assert {one: "sent", two: "delivered"} == path.parts()
    (view,) = await path.views(two >> 8)
    assert ("delivered", "", "DELIVERED 000", NOW + 1) == (
        view.state,
        view.reason,
        view.raw,
        view.final_at,
    )


async def test_an_id_that_is_used_again_before_the_answer(path: Path) -> None:
    """The receipt waits for its part, also when the id's old part asks for it."""
    old, new = await path.sending(RECIPIENT, OTHER)
    await path.answer(old, PartState.SENT, "x")
    await path.settle(receipt("x"))
    assert [] == await path.settle(receipt("x", UNDELIVERED, recipient=OTHER))
    assert ["x"] == path.column("smsc_id", schema.orphan)
    assert {old: "delivered", new: "sending"} == path.parts()
    (row,) = await path.answer(new, PartState.SENT, "x")
    assert ("undelivered", new >> 8) == (status(row).state, row.event.message_id)
    assert {old: "delivered", new: "undelivered"} == path.parts()
    assert [] == path.column("id", schema.orphan)


async def test_two_orphans_of_one_id_wait_for_a_part_each(path: Path) -> None:
    old, new = await path.sending(RECIPIENT, OTHER)
    await path.settle(receipt("x"), receipt("x", UNDELIVERED, recipient=OTHER))
    await path.answer(old, PartState.SENT, "x")
    assert {old: "delivered", new: "sending"} == path.parts()
    assert [OTHER] == path.column("recipient", schema.orphan)
    await path.store.sweep(NOW + 1, 100)
    await path.answer(new, PartState.SENT, "x")
    assert {old: "delivered", new: "undelivered"} == path.parts()


@pytest.mark.parametrize("recipient", [RECIPIENT, RECIPIENT[3:], ""])
async def test_a_receipt_that_repeats_another_is_no_orphan(
    path: Path, recipient: str
) -> None:
    (part,) = await path.sent(smsc_ids=["x"])
    await path.settle(receipt("x"))
    assert [] == await path.settle(receipt("x", recipient=recipient))
    assert [] == path.column("id", schema.orphan)
    assert {part: "delivered"} == path.parts()


async def test_by_the_key_where_no_id_matches(path: Path) -> None:
    (part,) = await path.sending()
    await path.answer(part, PartState.SENT, "00FF", smsc_key="255")
    assert 1 == len(await path.settle(receipt("255", key="255")))
    assert {part: "delivered"} == path.parts()
    assert ["00FF"] == path.column("smsc_id")


async def test_the_id_goes_before_the_key(path: Path) -> None:
    one, two = await path.sending(RECIPIENT, RECIPIENT)
    await path.answer(one, PartState.SENT, "10", smsc_key="16")
    await path.answer(two, PartState.SENT, "16", smsc_key="22")
    await path.settle(receipt("16", key="16"))
    assert {one: "sent", two: "delivered"} == path.parts()


async def test_the_key_goes_before_the_id_of_another_recipient(path: Path) -> None:
    one, two = await path.sending(RECIPIENT, "+4798888888")
    await path.answer(one, PartState.SENT, "10", smsc_key="16")
    await path.answer(two, PartState.SENT, "16", smsc_key="22")
    await path.settle(receipt("16", key="16"))
    assert {one: "delivered", two: "sent"} == path.parts()


async def test_ids_are_a_carriers_own(path: Path) -> None:
    (one,) = await path.sending()
    (two,) = await path.sending(carrier_id=2)
    await path.answer(one, PartState.SENT, "x")
    await path.answer(two, PartState.SENT, "x", carrier_id=2)
    await path.settle(receipt("x"), carrier_id=2)
    assert {one: "sent", two: "delivered"} == path.parts()


async def test_the_recipient_decides_between_parts_of_one_id(path: Path) -> None:
    one, two, three = await path.sent(
        RECIPIENT, OTHER, "+4797777777", smsc_ids=["x", "x", "x"]
    )
    await path.settle(receipt("x", recipient=OTHER))
    assert {one: "sent", two: "delivered", three: "sent"} == path.parts()
    # National, as some operators write it.
    await path.settle(receipt("x", recipient="99999999"))
    assert {one: "delivered", two: "delivered", three: "sent"} == path.parts()


async def test_an_open_part_goes_before_a_final_one_of_the_same_id(path: Path) -> None:
    one, two = await path.sent(RECIPIENT, RECIPIENT, smsc_ids=["x", "x"])
    await path.settle(receipt("x"))
    assert {one: "sent", two: "delivered"} == path.parts()
    await path.settle(receipt("x"))
    assert {one: "delivered", two: "delivered"} == path.parts()


# Twice, and too late


@pytest.mark.parametrize("size", [1, 9])
async def test_twice(path: Path, size: int) -> None:
    await path.sent(smsc_ids=["x"])
    receipts = [receipt("x")] * 2
    told = await path.settle_in(size, receipts)
    assert ["delivered"] == [status(row).state for row in told]
    assert [] == path.column("id", schema.orphan)


FINALS = [state for state in ReceiptState if state not in ("interim", "unknown")]


@pytest.mark.parametrize(("first", "then"), [*itertools.product(FINALS, ReceiptState)])
async def test_a_final_state_is_never_left(
    path: Path, first: ReceiptState, then: ReceiptState
) -> None:
    (part,) = await path.sent(smsc_ids=["x"], notify_on=BOTH)
    assert 1 == len(await path.settle(receipt("x", first)))
    before = await path.views(part >> 8)
    assert first.value == before[0].state.value
    assert [] == await path.settle(receipt("x", then))
    assert before == await path.views(part >> 8)
    assert {part: first} == path.parts()


@pytest.mark.parametrize(("first", "then"), [*itertools.permutations(FINALS, 2)])
async def test_the_first_of_one_batch_settles(
    path: Path, first: ReceiptState, then: ReceiptState
) -> None:
    (part,) = await path.sent(smsc_ids=["x"])
    told = await path.settle(receipt("x", first), receipt("x", then))
    assert [first] == [status(row).state for row in told]
    assert {part: first} == path.parts()
    assert [first] == await path.states(part >> 8)


# Those that settle nothing


@pytest.mark.parametrize("state", [ReceiptState.INTERIM, ReceiptState.UNKNOWN])
@pytest.mark.parametrize("size", [1, 9])
async def test_interim_then_final(path: Path, state: ReceiptState, size: int) -> None:
    (part,) = await path.sent(smsc_ids=["x"], notify_on=BOTH)
    receipts = [receipt("x", state), receipt("x", state), receipt("x")]
    told = await path.settle_in(size, receipts)
    assert ["delivered"] == [status(row).state for row in told]
    assert {part: "delivered"} == path.parts()
    assert ["DELIVERED 000"] == path.column("raw")


async def test_interim_keeps_what_it_said(path: Path) -> None:
    (part,) = await path.sent(smsc_ids=["x"])
    assert [] == await path.settle(receipt("x", ReceiptState.INTERIM))
    assert {part: "sent"} == path.parts()
    assert ["INTERIM 000"] == path.column("raw")
    assert ["sent"] == await path.states(part >> 8)


# Messages of several parts


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
async def test_delivered_when_every_part_is(path: Path, order: tuple[int, ...]) -> None:
    parts = await path.sent(smsc_ids=["0", "1", "2"], parts=3)
    message = parts[0] >> 8
    for place, index in enumerate(order):
        assert ["sent"] == await path.states(message)
        told = await path.settle(receipt(f"{index}"))
        assert (1 if place == 2 else 0) == len(told)
    assert ["delivered"] == await path.states(message)


@pytest.mark.parametrize("bad", range(3))
@pytest.mark.parametrize("size", [1, 9])
async def test_failed_as_soon_as_one_part_has(path: Path, bad: int, size: int) -> None:
    (part, *_) = await path.sent(smsc_ids=["0", "1", "2"], parts=3)
    receipts = [receipt(f"{n}") for n in range(3)]
    receipts[bad] = receipt(f"{bad}", UNDELIVERED, reason=Reason.ABSENT)
    told = await path.settle_in(size, receipts)
    assert [("undelivered", "absent", "UNDELIVERED 000")] == [
        (status(row).state, status(row).reason, status(row).raw) for row in told
    ]
    (view,) = await path.views(part >> 8)
    assert ("undelivered", "absent") == (view.state, view.reason)


@pytest.mark.parametrize("size", [1, 9])
async def test_one_id_for_all_parts_of_a_message(path: Path, size: int) -> None:
    await path.sent(smsc_ids=["x", "x"], parts=2)
    receipts = [receipt("x")] * 2
    told = await path.settle_in(size, receipts)
    assert ["delivered"] == [status(row).state for row in told]
    assert {"delivered"} == set(path.parts().values())


async def test_many_receipts_of_many_messages_in_one_batch(path: Path) -> None:
    ids = [f"{n}" for n in range(300)]
    await path.sent(*[RECIPIENT] * 150, smsc_ids=ids, parts=2)
    told = await path.settle(*(receipt(each) for each in reversed(ids)))
    assert 150 == len(told)
    assert 150 == len({row.event.message_id for row in told})
    assert {"delivered"} == set(path.parts().values())


# Early, and never


@pytest.mark.parametrize("smsc_id", ["00FF", "255"])
async def test_before_the_answer(path: Path, smsc_id: str) -> None:
    (part,) = await path.sending(notify_on=BOTH)
    assert [] == await path.settle(receipt(smsc_id, key="255"))
    assert ["accepted"] == await path.states(part >> 8)
    told = await path.answer(
        part, PartState.SENT, "00FF", smsc_key="255", notify_on=BOTH
    )
    assert ["sent", "delivered"] == [status(row).state for row in told]
    assert {part: "delivered"} == path.parts()
    assert [] == path.column("id", schema.orphan)


async def test_all_that_came_before_the_answer(path: Path) -> None:
    (part,) = await path.sending()
    early = [receipt("x", ReceiptState.INTERIM), receipt("x"), receipt("x")]
    for each in early:
        await path.settle(each)
    told = await path.answer(part, PartState.SENT, "x")
    assert ["delivered"] == [status(row).state for row in told]
    assert [] == path.column("id", schema.orphan)


async def test_early_receipts_of_a_message_of_several_parts(path: Path) -> None:
    parts = await path.sending(parts=3)
    await path.settle(receipt("2"), receipt("0"))
    updates = [
        path.update(part, PartState.SENT, f"{n}", parts=3)
        for n, part in enumerate(parts)
    ]
    assert [] == await path.store.record(updates, NOW)
    assert ["delivered", "sent", "delivered"] == list(path.parts().values())
    assert 1 == len(await path.settle(receipt("1")))


async def test_an_early_receipt_waits_through_a_power_loss(
    engine: Engine, path: Path
) -> None:
    (part,) = await path.sending()
    await path.settle(receipt("x"))
    async with opened(engine.after_power_loss()) as again:
        assert {part: "unsure"} == again.parts()
        told = await again.answer(part, PartState.SENT, "x", was=PartState.UNSURE)
        assert ["delivered"] == [status(row).state for row in told]


async def test_an_early_receipt_is_for_its_carriers_part(path: Path) -> None:
    (one,) = await path.sending()
    (two,) = await path.sending(carrier_id=2)
    await path.settle(receipt("x"), carrier_id=2)
    assert [] == await path.answer(one, PartState.SENT, "x")
    assert {one: "sent", two: "sending"} == path.parts()
    (row,) = await path.answer(two, PartState.SENT, "x", carrier_id=2)
    assert two >> 8 == row.event.message_id


async def test_early_receipts_of_two_carriers_that_use_one_id(path: Path) -> None:
    (one,) = await path.sending()
    (two,) = await path.sending(carrier_id=2)
    await path.settle(receipt("x", UNDELIVERED), carrier_id=1)
    await path.settle(receipt("x"), carrier_id=2)
    updates = [
        path.update(one, PartState.SENT, "x"),
        path.update(two, PartState.SENT, "x", carrier_id=2),
    ]
    assert 2 == len(await path.store.record(updates, NOW))
    assert {one: "undelivered", two: "delivered"} == path.parts()


async def test_what_matches_nothing_is_kept_and_then_forgotten(path: Path) -> None:
    assert [] == await path.settle(receipt("x"))
    assert [NOW + 1 + KEEP] == path.column("kept_until", schema.orphan)
    await path.store.sweep(NOW + KEEP, 10)
    assert 1 == len(path.column("id", schema.orphan))
    await path.store.sweep(NOW + 1 + KEEP, 10)
    assert [] == path.column("id", schema.orphan)


async def test_an_empty_id_matches_nothing(path: Path) -> None:
    await path.sent(smsc_ids=[""])
    assert [] == await path.settle(receipt(""))
    assert ["sent"] == list(path.parts().values())


# Durable, or nothing


async def test_receipts_survive_a_power_loss(engine: Engine, path: Path) -> None:
    (part,) = await path.sent(smsc_ids=["x"])
    await path.settle(receipt("x"), receipt("y"))
    async with opened(engine.after_power_loss()) as again:
        assert {part: "delivered"} == again.parts()
        assert ["y"] == again.column("smsc_id", schema.orphan)


async def test_receipts_that_cannot_be_stored_change_nothing(
    engine: Engine, path: Path
) -> None:
    (part,) = await path.sent(smsc_ids=["x"])
    receipts = [receipt("y"), receipt("x")]
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.settle(*receipts)
    assert {part: "sent"} == path.parts()
    assert [] == path.column("id", schema.orphan)
    assert 1 == len(await path.settle(*receipts))


async def test_no_receipts(path: Path) -> None:
    assert [] == await path.settle()
