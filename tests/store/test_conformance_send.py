"""Store conformance: claiming, giving back, and recording what carriers answered."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from budstikke.domain.receipt import Reason
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import StoreUnavailable
from store.path import BOTH, FINAL, NOW, RECIPIENT, Path, batches, opened, status

if TYPE_CHECKING:
    from store.engines import Engine

OTHER = "+4798888888"


# Claim


async def test_priority_first_then_age(path: Path) -> None:
    low = await path.accept(RECIPIENT, OTHER, priority=1, parts=2)
    high = await path.accept(priority=3)
    middle = await path.accept(priority=2)
    later = await path.accept(priority=3)
    claimed = await path.store.claim(1, 100, NOW)
    expected = [(i << 8) + 1 for i in (*high, *later, *middle)]
    expected += [(i << 8) + n for i in low for n in (1, 2)]
    assert expected == [part.id for part in claimed]


async def test_a_claim_takes_no_more_than_its_limit_and_the_next_goes_on(
    path: Path,
) -> None:
    ids = await path.accept(*[RECIPIENT] * 5)
    taken = [await path.store.claim(1, 2, NOW) for _ in range(4)]
    assert [2, 2, 1, 0] == [len(parts) for parts in taken]
    flat = [part.id >> 8 for parts in taken for part in parts]
    assert ids == flat


async def test_a_claim_of_nothing(path: Path) -> None:
    await path.accept()
    assert [] == await path.store.claim(1, 0, NOW)
    assert [] == await path.store.claim(2, 10, NOW)
    assert ["queued"] == list(path.parts().values())


async def test_concurrent_claims_share_nothing(path: Path) -> None:
    await path.accept(*[RECIPIENT] * 200)
    claims = [path.store.claim(1, 30, NOW) for _ in range(8)]
    taken = [part.id for parts in await asyncio.gather(*claims) for part in parts]
    assert 200 == len(taken)
    assert 200 == len(set(taken))


async def test_carriers_have_queues_of_their_own(path: Path) -> None:
    (one,) = await path.accept(carrier_id=1)
    (two,) = await path.accept(carrier_id=2)
    assert {1: 1, 2: 1} == await path.store.backlog()
    assert [two] == [p.message_id for p in await path.store.claim(2, 9, NOW)]
    assert {1: 1} == await path.store.backlog()
    assert [one] == [p.message_id for p in await path.store.claim(1, 9, NOW)]
    assert {} == await path.store.backlog()


async def test_what_is_not_queued_now_is_not_claimed(path: Path) -> None:
    await path.sending()
    await path.accept(due_at=NOW + 60)
    assert [] == await path.store.claim(1, 10, NOW)
    assert {} == await path.store.backlog()


async def test_parts_past_their_validity_come_too(path: Path) -> None:
    await path.accept(expires_at=NOW - 1)
    (part,) = await path.store.claim(1, 10, NOW)
    assert NOW - 1 == part.expires_at


async def test_a_claim_that_fails_takes_nothing(engine: Engine, path: Path) -> None:
    await path.accept()
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.claim(1, 10, NOW)
    assert 1 == len(await path.store.claim(1, 10, NOW))


# Release


async def test_what_is_given_back_is_claimed_again_in_its_old_place(path: Path) -> None:
    await path.accept(RECIPIENT, OTHER, priority=2, parts=2)
    await path.accept()
    claimed = await path.store.claim(1, 4, NOW)
    await path.store.release([part.id for part in claimed[1:]])
    again = await path.store.claim(1, 10, NOW)
    assert claimed[1:] == again[:3]
    assert 4 == len(again)


async def test_what_was_sent_meanwhile_is_not_given_back(path: Path) -> None:
    one, two = await path.sent(RECIPIENT, OTHER, smsc_ids=["a", "b"])
    await path.store.release([one, two, 12345])
    assert {one: "sent", two: "sent"} == path.parts()
    assert [] == await path.store.claim(1, 10, NOW)


# Record


async def test_sent(path: Path) -> None:
    (part,) = await path.sending()
    assert ["accepted"] == await path.states(part >> 8)
    assert [] == await path.answer(part, PartState.SENT, "0Ab", smsc_key="ab")
    assert ["sent"] == await path.states(part >> 8)
    assert ["0Ab"] == path.column("smsc_id")
    assert ["ab"] == path.column("smsc_key")
    assert [None] == path.column("node_id")


async def test_a_message_is_sent_when_all_of_its_parts_are(path: Path) -> None:
    one, two, three = await path.sending(parts=3)
    for part in (three, one):
        assert [] == await path.answer(
            part, PartState.SENT, f"{part}", parts=3, notify_on=BOTH
        )
        assert ["accepted"] == await path.states(one >> 8)
    (row,) = await path.answer(two, PartState.SENT, "x", parts=3, notify_on=BOTH)
    assert "sent" == status(row).state
    assert ["sent"] == await path.states(one >> 8)


@pytest.mark.parametrize(("notify_on", "told"), [(0, 0), (FINAL, 1), (BOTH, 1)])
async def test_rejected(path: Path, notify_on: int, told: int) -> None:
    (part,) = await path.sending(notify_on=notify_on, ref="r")
    rows = await path.answer(
        part,
        PartState.REJECTED,
        reason=Reason.BARRED,
        raw="ESME_RINVDSTADR",
        ref="r",
        notify_on=notify_on,
        at=NOW + 5,
    )
    assert told == len(rows)
    for row in rows:
        event = status(row)
        assert (1, 0) == (row.access_id, row.tries)
        assert (part >> 8, RECIPIENT, "r") == (
            event.message_id,
            event.recipient,
            event.ref,
        )
        assert ("rejected", "barred", "ESME_RINVDSTADR", NOW + 5) == (
            event.state,
            event.reason,
            event.raw,
            event.at,
        )
    (view,) = await path.views(part >> 8)
    assert ("rejected", "barred", "ESME_RINVDSTADR", NOW + 5) == (
        view.state,
        view.reason,
        view.raw,
        view.final_at,
    )


async def test_one_rejected_part_fails_the_message_once(path: Path) -> None:
    one, two, three = await path.sending(parts=3)
    updates = [
        path.update(one, PartState.SENT, "a", parts=3),
        path.update(two, PartState.REJECTED, parts=3, raw="first"),
        path.update(three, PartState.REJECTED, parts=3, raw="second"),
    ]
    (row,) = await path.store.record(updates, NOW)
    assert ("rejected", "first") == (status(row).state, status(row).raw)
    (view,) = await path.views(one >> 8)
    assert ("rejected", "first") == (view.state, view.raw)


async def test_parts_rejected_one_by_one_fail_the_message_once(path: Path) -> None:
    one, two = await path.sending(parts=2)
    assert 1 == len(await path.answer(one, PartState.REJECTED, parts=2))
    assert [] == await path.answer(two, PartState.REJECTED, parts=2)
    assert ["rejected"] == await path.states(one >> 8)


async def test_unsure_waits(path: Path) -> None:
    (part,) = await path.sending()
    assert [] == await path.answer(
        part, PartState.UNSURE, due_at=NOW + 60, reason=Reason.UNSURE, raw="lost"
    )
    assert ["accepted"] == await path.states(part >> 8)
    assert [NOW + 60] == path.column("due_at")


async def test_the_late_answer_of_an_unsure_part(path: Path) -> None:
    (part,) = await path.sending(notify_on=BOTH)
    await path.answer(part, PartState.UNSURE, due_at=NOW + 60)
    (row,) = await path.answer(
        part, PartState.SENT, "x", was=PartState.UNSURE, notify_on=BOTH
    )
    assert "sent" == status(row).state
    assert ["sent"] == await path.states(part >> 8)
    assert [None] == path.column("due_at")


async def test_an_unsure_part_and_its_late_answer_in_one_batch(path: Path) -> None:
    (part,) = await path.sending()
    updates = [
        path.update(part, PartState.UNSURE, due_at=NOW + 60),
        path.update(part, PartState.SENT, "x", was=PartState.UNSURE),
    ]
    assert [] == await path.store.record(updates, NOW)
    assert {part: "sent"} == path.parts()
    assert ["x"] == path.column("smsc_id")


@pytest.mark.parametrize("size", [1, 9])
async def test_what_is_said_of_a_final_part_is_ignored(path: Path, size: int) -> None:
    (part,) = await path.sending()
    updates = [
        path.update(part, PartState.REJECTED, raw="first"),
        path.update(part, PartState.SENT, "x", was=PartState.UNSURE, notify_on=BOTH),
        path.update(part, PartState.REJECTED, raw="second", was=PartState.UNSURE),
    ]
    told = []
    for batch in batches(size, updates):
        told += await path.store.record(batch, NOW)
    assert ["first"] == [status(row).raw for row in told]
    assert {part: "rejected"} == path.parts()
    (view,) = await path.views(part >> 8)
    assert "first" == view.raw


async def test_what_is_said_of_a_settled_part_is_ignored(path: Path) -> None:
    (part,) = await path.sending()
    await path.answer(part, PartState.UNSURE, due_at=NOW + 60)
    woken = await path.store.wake(NOW + 60, 10, 0)
    assert ["undelivered"] == [status(row).state for row in woken.callbacks]
    for state in (PartState.SENT, PartState.REJECTED, PartState.QUEUED):
        assert [] == await path.answer(
            part, state, "x", was=PartState.UNSURE, notify_on=BOTH
        )
    assert ["undelivered"] == await path.states(part >> 8)
    assert {part: "undelivered"} == path.parts()
    assert 1 == len(path.column("id", schema.callback))


async def test_what_is_said_of_an_unknown_part_is_ignored(path: Path) -> None:
    (part,) = await path.sending()
    updates = [
        path.update(77 << 8, PartState.REJECTED),
        path.update(part, PartState.REJECTED),
    ]
    rows = await path.store.record(updates, NOW)
    assert [part >> 8] == [row.event.message_id for row in rows]


async def test_requeued_for_later(path: Path) -> None:
    (part,) = await path.sending()
    assert [] == await path.answer(
        part, PartState.QUEUED, due_at=NOW + 5, tries=1, raw="busy"
    )
    assert [] == await path.store.claim(1, 10, NOW)
    assert {1} == (await path.store.wake(NOW + 5, 10, 0)).carriers
    (claimed,) = await path.store.claim(1, 10, NOW)
    assert (part, 1) == (claimed.id, claimed.tries)


async def test_requeued_elsewhere(path: Path) -> None:
    (part,) = await path.sending()
    await path.answer(part, PartState.QUEUED, carrier_id=2, tries=1)
    assert {2: 1} == await path.store.backlog()
    assert [] == await path.store.claim(1, 10, NOW)
    (claimed,) = await path.store.claim(2, 10, NOW)
    assert (part, 1) == (claimed.id, claimed.tries)


async def test_recorded_answers_survive_a_power_loss(
    engine: Engine, path: Path
) -> None:
    one, two = await path.sending(RECIPIENT, OTHER)
    updates = [
        path.update(one, PartState.SENT, "a"),
        path.update(two, PartState.REJECTED),
    ]
    await path.store.record(updates, NOW)
    async with opened(engine.after_power_loss()) as again:
        assert {one: "sent", two: "rejected"} == again.parts()
        assert ["sent", "rejected"] == await again.states(one >> 8, two >> 8)


async def test_a_record_that_fails_changes_nothing_and_can_be_repeated(
    engine: Engine,
    path: Path,
) -> None:
    (part,) = await path.sending()
    update = path.update(part, PartState.REJECTED)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.record([update], NOW)
    assert {part: "sending"} == path.parts()
    assert [] == path.column("id", schema.callback)
    assert 1 == len(await path.store.record([update], NOW))


async def test_nothing_is_recorded(path: Path) -> None:
    assert [] == await path.store.record([], NOW)
    await path.store.release([])
