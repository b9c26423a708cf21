"""Store conformance: what the passing of time does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from budstikke.domain.receipt import ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from store.path import NOW, RECIPIENT, Path, receipt, run, status

if TYPE_CHECKING:
    from store.engines import Engine

OTHER = "+4798888888"
DAY = 86400.0


# Wake


async def test_scheduled_messages_start_at_their_time(path: Path) -> None:
    (early,) = await path.accept(due_at=NOW + 60, parts=2)
    (late,) = await path.accept(due_at=NOW + 61, carrier_id=2)
    assert ["scheduled", "scheduled"] == await path.states(early, late)
    assert set() == (await path.store.wake(NOW + 59, 10, 0)).carriers
    assert [] == await path.store.claim(1, 10, NOW + 59)
    assert {1} == (await path.store.wake(NOW + 60, 10, 0)).carriers
    assert ["accepted", "scheduled"] == await path.states(early, late)
    assert 2 == len(await path.store.claim(1, 10, NOW + 60))
    assert {2} == (await path.store.wake(NOW + 99, 10, 0)).carriers


async def test_at_most_so_many_parts_at_a_time(path: Path) -> None:
    ids = await path.accept(*[RECIPIENT] * 5, due_at=NOW + 60)
    counts = []
    for _ in range(3):
        woken = await path.store.wake(NOW + 60, 2, 0)
        counts.append((sum((await path.store.backlog()).values()), woken.more))
    assert [(2, True), (4, True), (5, False)] == counts
    assert ["accepted"] * 5 == await path.states(*ids)


def unsure_messages(engine: Engine, access_id: int, **columns: float) -> list[int]:
    """Have an unsure part whose time is over; returns its id, alone."""
    found: list[int] = []

    async def scenario(path: Path) -> None:
        found.extend(await path.sending(access_id=access_id, **columns))
        await path.answer(found[0], PartState.UNSURE, due_at=NOW + 60, raw="lost")

    run(engine, scenario)
    return found


def test_an_unsure_part_fails_when_its_account_says_so(engine: Engine) -> None:
    (part,) = unsure_messages(engine, access_id=1)

    async def scenario(path: Path) -> None:
        woken = await path.store.wake(NOW + 59, 10, 10)
        assert ([], set()) == (woken.callbacks, woken.carriers)
        woken = await path.store.wake(NOW + 60, 10, 10)
        (row,) = woken.callbacks
        assert ("undelivered", "unsure") == (status(row).state, status(row).reason)
        assert ["undelivered"] == await path.states(part >> 8)
        assert [] == (await path.store.wake(NOW + 61, 10, 10)).callbacks

    run(engine, scenario)


def test_an_unsure_part_is_resent_when_its_account_says_so(engine: Engine) -> None:
    (part,) = unsure_messages(engine, access_id=2)

    async def scenario(path: Path) -> None:
        woken = await path.store.wake(NOW + 60, 10, 10)
        assert ([], {1}) == (woken.callbacks, woken.carriers)
        (claimed,) = await path.store.claim(1, 10, NOW + 60)
        assert part == claimed.id

    run(engine, scenario)


def test_an_unsure_part_is_not_resent_past_its_validity(engine: Engine) -> None:
    (part,) = unsure_messages(engine, access_id=2, expires_at=NOW + 60)

    async def scenario(path: Path) -> None:
        woken = await path.store.wake(NOW + 60, 10, 10)
        assert ["undelivered"] == [status(row).state for row in woken.callbacks]
        assert {part: "undelivered"} == path.parts()

    run(engine, scenario)


def test_an_unsure_part_of_a_removed_access_fails(engine: Engine) -> None:
    (part,) = unsure_messages(engine, access_id=99)

    async def scenario(path: Path) -> None:
        await path.store.wake(NOW + 60, 10, 10)
        assert {part: "undelivered"} == path.parts()

    run(engine, scenario)


async def test_one_unsure_part_of_several(path: Path) -> None:
    one, two = await path.sending(parts=2)
    await path.answer(one, PartState.SENT, "x", parts=2)
    await path.answer(two, PartState.UNSURE, parts=2, due_at=NOW + 60)
    woken = await path.store.wake(NOW + 60, 10, 10)
    assert ["undelivered"] == [status(row).state for row in woken.callbacks]
    assert [] == await path.settle(receipt("x"))
    assert ["undelivered"] == await path.states(one >> 8)


def test_a_turn_that_fails_changes_nothing(engine: Engine) -> None:
    (part,) = unsure_messages(engine, access_id=1)

    async def scenario(path: Path) -> None:
        await path.accept(due_at=NOW + 60)
        with engine.unwritable(), pytest.raises(StoreUnavailable):
            await path.store.wake(NOW + 60, 10, 10)
        assert "unsure" == path.parts()[part]
        woken = await path.store.wake(NOW + 60, 10, 10)
        assert ({1}, 1) == (woken.carriers, len(woken.callbacks))

    run(engine, scenario)


# Sweep: expiry


async def test_queued_parts_expire_slice_by_slice(path: Path) -> None:
    over = await path.accept(*[RECIPIENT] * 25, expires_at=NOW + 60)
    good = await path.accept(*[OTHER] * 25)
    more = await path.accept(*[RECIPIENT] * 25, expires_at=NOW + 60)
    told: list[int] = []
    for _ in range(9):
        rows = await path.store.sweep(NOW + 60, 10)
        assert len(rows) <= 10
        told += [row.event.message_id for row in rows]
    assert [*over, *more] == told
    assert {"accepted"} == set(await path.states(*good))
    assert {"expired"} == set(await path.states(*over, *more))
    assert [] == await path.store.sweep(NOW + 60, 10)
    # Those that expire later are found in a later round.
    rounds = [await path.store.sweep(NOW + 2 * DAY, 10) for _ in range(4)]
    assert 25 == sum(map(len, rounds))


async def test_nothing_expires_before_its_time(path: Path) -> None:
    await path.accept(expires_at=NOW + 60)
    assert [] == await path.store.sweep(NOW + 59.9, 10)
    (row,) = await path.store.sweep(NOW + 60, 10)
    assert ("expired", "expired") == (status(row).state, status(row).reason)
    assert [] == await path.store.claim(1, 10, NOW + 60)


async def test_only_what_is_queued_expires(path: Path) -> None:
    await path.sending(expires_at=NOW + 60)
    (unsure,) = await path.sending(expires_at=NOW + 60)
    await path.answer(unsure, PartState.UNSURE, due_at=NOW + 999)
    await path.sent(smsc_ids=["x"], expires_at=NOW + 60)
    assert [] == await path.store.sweep(NOW + 60, 10)
    assert ["sending", "unsure", "sent"] == list(path.parts().values())


async def test_what_waits_to_be_retried_expires(path: Path) -> None:
    (part,) = await path.sending(expires_at=NOW + 60)
    await path.answer(part, PartState.QUEUED, due_at=NOW + 1800, tries=1)
    (row,) = await path.store.sweep(NOW + 60, 10)
    assert "expired" == status(row).state
    assert set() == (await path.store.wake(NOW + 1800, 10, 0)).carriers


# Sweep: orphans and unsure parts


async def unsure(path: Path, *recipients: str, **columns: float) -> list[int]:
    parts = await path.sending(*recipients, **columns)
    for part in parts:
        await path.answer(
            part, PartState.UNSURE, due_at=NOW + 999, parts=columns.get("parts", 1)
        )
    return parts


async def test_an_orphan_is_given_to_an_unsure_part(path: Path) -> None:
    (part,) = await unsure(path)
    await path.settle(receipt("x", key="16"))
    (row,) = await path.store.sweep(NOW + 2, 10)
    assert ("delivered", part >> 8) == (status(row).state, row.event.message_id)
    assert ["x"] == path.column("smsc_id")
    assert ["16"] == path.column("smsc_key")
    assert [] == path.column("id", schema.orphan)
    assert [] == (await path.store.wake(NOW + 999, 10, 0)).callbacks


async def test_an_orphan_that_came_first_is_given_too(path: Path) -> None:
    (part,) = await path.sending()
    await path.settle(receipt("x"))
    await path.answer(part, PartState.UNSURE, due_at=NOW + 999)
    assert 1 == len(await path.store.sweep(NOW + 2, 10))


@pytest.mark.parametrize(
    ("recipient", "carrier_id"), [(OTHER, 1), ("", 1), (RECIPIENT, 2)]
)
async def test_an_orphan_of_another(
    path: Path, recipient: str, carrier_id: int
) -> None:
    (part,) = await unsure(path)
    await path.settle(receipt("x", recipient=recipient), carrier_id=carrier_id)
    assert [] == await path.store.sweep(NOW + 2, 10)
    assert {part: "unsure"} == path.parts()
    assert 1 == len(path.column("id", schema.orphan))


async def test_not_while_another_is_being_sent_to_that_recipient(path: Path) -> None:
    (part,) = await unsure(path)
    (other,) = await path.sending()
    await path.settle(receipt("x"))
    assert [] == await path.store.sweep(NOW + 2, 10)
    assert {part: "unsure", other: "sending"} == path.parts()
    # It was that one's.
    (row,) = await path.answer(other, PartState.SENT, "x")
    assert other >> 8 == row.event.message_id
    assert [] == await path.store.sweep(NOW + 2, 10)
    assert "unsure" == path.parts()[part]


async def test_what_is_sent_to_others_does_not_hold_it_up(path: Path) -> None:
    (part,) = await unsure(path)
    await path.sending(OTHER)
    await path.sending(carrier_id=2)
    await path.settle(receipt("x"))
    await path.store.sweep(NOW + 2, 10)
    assert "delivered" == path.parts()[part]


async def test_each_unsure_part_gets_an_orphan_of_its_own(path: Path) -> None:
    parts = await unsure(path, parts=2)
    await path.settle(receipt("x"), receipt("y"), receipt("z"))
    assert 1 == len(await path.store.sweep(NOW + 2, 10))
    assert ["delivered", "delivered"] == [path.parts()[part] for part in parts]
    assert 2 == len(set(path.column("smsc_id")))
    assert 1 == len(path.column("id", schema.orphan))


async def test_an_interim_orphan_makes_it_sent(path: Path) -> None:
    (part,) = await unsure(path)
    await path.settle(receipt("x", ReceiptState.INTERIM))
    assert [] == await path.store.sweep(NOW + 2, 10)
    assert {part: "sent"} == path.parts()
    assert 1 == len(await path.settle(receipt("x")))


async def test_an_orphan_from_before_the_message_is_not_its(path: Path) -> None:
    await path.settle(receipt("x"))
    (part,) = await unsure(path, accepted_at=NOW + 2)
    assert [] == await path.store.sweep(NOW + 3, 10)
    assert {part: "unsure"} == path.parts()


@pytest.mark.parametrize("count", [1, 2])
async def test_all_orphans_of_one_id_belong_to_one_part(path: Path, count: int) -> None:
    parts = await unsure(path, *[RECIPIENT] * count)
    for state in (ReceiptState.INTERIM, ReceiptState.DELIVERED):
        await path.settle(receipt("x", state))
    told = await path.store.sweep(NOW + 2, 10)
    assert ["delivered"] == [status(row).state for row in told]
    found = [path.parts()[part] for part in parts]
    assert ["delivered", *["unsure"] * (count - 1)] == sorted(found)
    assert [] == path.column("id", schema.orphan)


async def test_a_sweep_that_fails_changes_nothing(engine: Engine, path: Path) -> None:
    ids = await path.accept(*[RECIPIENT] * 4, expires_at=NOW)
    await path.store.sweep(NOW, 2)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.sweep(NOW, 2)
    assert 2 == len(await path.store.sweep(NOW, 2))
    assert ["expired"] * 4 == await path.states(*ids)
