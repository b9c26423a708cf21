"""Store conformance: what is deleted when it is old."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.callback_listing import EventsPage, EventsQuery
from budstikke.domain.message import MmsContent
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import (
    CallbackResult,
    MediaRow,
    MmsRow,
    RecurringRow,
    StoreUnavailable,
)
from store.path import KEEP, NOW, RECIPIENT, Path, bulk, opened, receipt
from store.phones import phone

if TYPE_CHECKING:
    from budstikke.store.contract import InboundDraft
    from store.engines import Engine

DAY = 86400.0


async def test_old_messages_are_deleted_with_all_that_was_theirs(path: Path) -> None:
    (part,) = await path.sent(
        smsc_ids=["x"], accepted_at=NOW - 50 * DAY, expires_at=NOW - 43 * DAY
    )
    (row,) = await path.settle(receipt("x"))
    result = CallbackResult(row.id, "done", None, 1, "", NOW - 42 * DAY)
    await path.store.record_callbacks([result])
    (young,) = await path.accept(parts=2)
    before = NOW - 40 * DAY
    assert 1 == await path.store.purge(before, 100)
    assert [] == await path.store.messages([part >> 8])
    assert [(young << 8) + 1, (young << 8) + 2] == path.column("id")
    assert [] == path.column("id", schema.callback)
    assert 0 == await path.store.purge(before, 100)


async def test_events_made_after_a_purge_are_not_passed(engine: Engine) -> None:
    """Ids go on where they were, also when no callback is left, and after a stop."""

    async def event(path: Path, at: float) -> int:
        (part,) = await path.sent(smsc_ids=["x"], accepted_at=at, expires_at=at + 9)
        (row,) = await path.settle(receipt("x"))
        await path.store.record_callbacks(
            [CallbackResult(row.id, "done", None, 1, "", at)]
        )
        return part >> 8

    async with opened(engine) as path:

        async def read(path: Path, after: int) -> tuple[list[int], int]:
            asked = EventsQuery(access_id=1, limit=10, after=after)
            page = await path.store.ask(asked, 1, NOW)
            assert isinstance(page, EventsPage)
            return [seen.message_id for seen in page.events], page.next

        old = [await event(path, NOW - 9 * DAY) for _ in range(3)]
        seen, cursor = await read(path, 0)
        assert old == seen
        for _ in range(2):
            await path.store.purge(NOW - DAY, 100)
            assert [] == path.column("id", schema.callback)
            made = await event(path, NOW - 9 * DAY)
            seen, cursor = await read(path, cursor)
            assert [made] == seen
        await path.store.purge(NOW - DAY, 100)
        async with opened(engine.after_power_loss()) as again:
            made = await event(again, NOW)
            assert [made] == (await read(again, cursor))[0]


async def test_purging_goes_on_slice_by_slice(path: Path) -> None:
    await path.accept(*[RECIPIENT] * 25, accepted_at=NOW - 9, expires_at=NOW - 9)
    assert [10, 10, 5, 0] == [await path.store.purge(NOW, 10) for _ in range(4)]
    assert {} == path.parts()


async def test_what_is_still_valid_is_kept_and_does_not_stop_the_rest(
    path: Path,
) -> None:
    # Scheduled long ahead: accepted long ago, and not yet due.
    kept = await path.accept(*[RECIPIENT] * 10, accepted_at=NOW - 9 * DAY)
    gone = await path.accept(
        *[RECIPIENT] * 10, accepted_at=NOW - 8 * DAY, expires_at=NOW - DAY
    )
    for _ in range(5):
        await path.store.purge(NOW, 5)
    assert [] == await path.store.messages(gone)
    assert 10 == len(await path.store.messages(kept))
    for _ in range(5):
        await path.store.purge(NOW + 2 * DAY, 5)
    assert [] == await path.store.messages(kept)


async def test_callbacks_not_yet_told_are_kept(path: Path) -> None:
    (part,) = await path.sending(accepted_at=NOW - 9, expires_at=NOW - 9)
    await path.answer(part, PartState.REJECTED, at=NOW - 9)
    assert 1 == await path.store.purge(NOW, 10)
    assert 1 == len(path.column("id", schema.callback))
    assert 1 == len((await path.store.wake(NOW + DAY, 10, 10)).callbacks)


async def test_bulk_orders_are_deleted_when_they_are_done_and_old(path: Path) -> None:
    for total in (0, 3):
        first_id = path.store.reserve_ids(4)
        await path.store.accept_bulk(bulk(first_id, total), [], NOW)
    await path.store.purge(NOW - 1, 10)
    assert 2 == len(path.column("id", schema.bulk))
    await path.store.purge(NOW + 1, 10)
    assert 1 == len(path.column("id", schema.bulk))
    assert 1 == len(await path.store.open_bulks())


async def test_a_receipt_of_a_purged_message_is_an_orphan(path: Path) -> None:
    await path.sent(smsc_ids=["x"], accepted_at=NOW - 9, expires_at=NOW - 9)
    await path.store.purge(NOW, 10)
    assert [] == await path.settle(receipt("x"))
    assert [NOW + 1 + KEEP] == path.column("kept_until", schema.orphan)


async def test_a_purge_that_fails_deletes_nothing(engine: Engine, path: Path) -> None:
    await path.accept(accepted_at=NOW - 9, expires_at=NOW - 9)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.purge(NOW, 10)
    assert 1 == await path.store.purge(NOW, 10)


def heard(path: Path, at: float, **fields: Any) -> InboundDraft:
    """Make a draft of a message that came from a phone then."""
    return phone(path, event={"came_at": at}, **fields)


async def test_old_messages_from_phones_are_deleted_with_what_was_theirs(
    path: Path,
) -> None:
    row = MediaRow("old", 1, "", "image/png", b"-")
    old = [
        heard(path, NOW - 50 * DAY, access_id=None, account_id=None),
        heard(path, NOW - 50 * DAY, notify=True, media=[row]),
    ]
    await path.store.receive(old, NOW - 50 * DAY)
    kept = MediaRow("kept", 1, "", "image/png", b"-")
    young = heard(path, NOW - DAY, notify=True, media=[kept])
    await path.store.receive([young], NOW - DAY)
    (told, _) = path.column("id", schema.callback)
    at = NOW - 49 * DAY
    no = CallbackResult(told, "due", at, 1, "no", at, 500, 1, "GET /")
    await path.store.record_callbacks([no])
    await path.store.record_callbacks(
        [CallbackResult(told, "failed", None, 2, "no", at)]
    )
    assert 2 == await path.store.purge(NOW - 40 * DAY, 100)
    assert [young.event.message_id] == path.column("id", schema.inbound)
    assert ["kept"] == path.column("id", schema.media)
    assert [young.event.message_id] == path.column("message_id", schema.callback)
    assert [] == path.column("id", schema.attempt)
    assert 0 == await path.store.purge(NOW - 40 * DAY, 100)


async def test_what_is_still_to_be_told_is_kept_and_does_not_stop_the_rest(
    path: Path,
) -> None:
    row = MediaRow("waits", 1, "", "image/png", b"-")
    waits = [heard(path, NOW - 9, notify=True, queued=True) for _ in range(10)]
    waits[0].media = [row]
    told = [heard(path, NOW - 9, notify=True) for _ in range(10)]
    callbacks = (await path.store.receive([*waits, *told], NOW - 9)).callbacks
    await path.store.record_callbacks(
        [CallbackResult(row.id, "done", None, 1, "", NOW - 9) for row in callbacks]
    )
    for _ in range(8):
        await path.store.purge(NOW, 5)
    kept = [draft.event.message_id for draft in waits]
    assert kept == path.column("id", schema.inbound)
    assert kept == path.column("message_id", schema.callback)
    assert {"waits"} == set(await path.store.media_parts(["waits"]))
    head = await path.store.take_queue(1, 100, NOW)
    assert head is not None
    assert kept == [row.event.message_id for row in head.callbacks]


async def test_messages_from_phones_are_deleted_slice_by_slice(path: Path) -> None:
    drafts = [heard(path, NOW - 9) for _ in range(25)]
    await path.store.receive(drafts, NOW - 9)
    assert [10, 10, 5, 0] == [await path.store.purge(NOW, 10) for _ in range(4)]
    assert [] == path.column("id", schema.inbound)


async def test_what_an_mms_link_showed_is_deleted_with_it(path: Path) -> None:
    for expires_at in (NOW - 9, NOW + DAY):
        first = path.store.reserve_ids(1)
        draft = path.draft(first, accepted_at=NOW - 9, expires_at=expires_at)
        draft.mms = MmsRow("", b"[]")
        draft.mms.media = [MediaRow(f"{first}", 1, "", "image/png", b"-")]
        await path.store.accept([draft], NOW)
    assert 1 == await path.store.purge(NOW, 10)
    assert {first: MmsContent("", "", ())} == await path.store.mms_contents(
        [first - 1, first]
    )
    assert [f"{first}"] == path.column("id", schema.media)


async def test_orders_that_repeated_are_deleted_when_they_have_ended(
    path: Path,
) -> None:
    rows = [
        RecurringRow(1, 1, b"{}", NOW - 50 * DAY, 3, None),
        RecurringRow(2, 1, b"{}", NOW - 50 * DAY, 3, NOW + DAY),
        RecurringRow(3, 1, b"{}", NOW - 9 * DAY, 3, None),
    ]
    for row in rows:
        draft = path.draft(path.store.reserve_ids(1))
        draft.repeats = row
        await path.store.accept([draft], NOW)
    await path.store.purge(NOW - 40 * DAY, 10)
    assert [2, 3] == path.column("id", schema.recurring)
