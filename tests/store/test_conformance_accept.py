"""Store conformance: accepting orders, small and large."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import BulkProgress, Draft, StoreUnavailable, Verdict
from store.engines import Engine, rows
from store.path import BOTH, NOW, RECIPIENT, Path, bulk, opened, run

OTHER = "+4798888888"


# Ids


async def test_ids_are_consecutive_and_above_1000(path: Path) -> None:
    first = path.store.reserve_ids(3)
    assert first > 1000
    assert first + 3 == path.store.reserve_ids(1)


def test_ids_are_never_given_twice(engine: Engine) -> None:
    given: list[int] = []

    async def scenario(path: Path) -> None:
        for _ in range(3):
            given.extend(await path.accept(OTHER))

    for _ in range(4):
        run(engine, scenario)
    assert sorted(set(given)) == given


@pytest.mark.parametrize("unused", [0, 1, 9_999, 10_000, 25_000])
async def test_ids_are_not_given_again_after_a_power_loss(
    engine: Engine, path: Path, unused: int
) -> None:
    path.store.reserve_ids(unused)
    (last,) = await path.accept()
    after = engine.after_power_loss()
    async with opened(after) as again:
        assert last < again.store.reserve_ids(1)
        assert [last] == [view.id for view in await again.views(last)]


# What is accepted is there


async def test_all_columns_come_back(path: Path) -> None:
    first = path.store.reserve_ids(1)
    draft = path.draft(
        first,
        "+46701234567",
        parts=2,
        text='«Hei» 😀 \\ "\n\x1b',
        tables=(3 << 8) + 1,
        ref='r"é\\',
        encoding="ucs2",
        flash=1,
        protocol_id=65,
        priority=3,
        notify_on=BOTH,
        originator="Blåbær",
        access_id=2,
        segments=2,
    )
    await path.store.accept([draft], NOW)
    one, two = await path.store.claim(1, 10, NOW)
    assert (first << 8) + 1 == one.id
    assert (1, 2, 2, 2) == (one.number, one.total, two.number, two.total)
    assert ("Blåbær", "+46701234567") == (one.originator, one.recipient)
    assert ('«Hei» 😀 \\ "\n\x1b', "ucs2") == (one.text, one.encoding)
    assert ((3, 1), True, 65, 3) == (
        one.tables,
        one.flash,
        one.protocol_id,
        one.priority,
    )
    assert (NOW + 86400, True, 2) == (one.expires_at, one.report, one.access_id)
    assert ('r"é\\', BOTH, 0) == (one.ref, one.notify_on, one.tries)
    (view,) = await path.views(first)
    assert (2, "+46701234567", 'r"é\\', 2, NOW) == (
        view.access_id,
        view.recipient,
        view.ref,
        view.segments,
        view.accepted_at,
    )


async def test_the_drafts_of_one_call_are_all_stored(path: Path) -> None:
    first = path.store.reserve_ids(5)
    drafts = [
        path.draft(first, RECIPIENT, OTHER),
        Draft([], []),
        path.draft(first + 2, OTHER, parts=3),
        path.draft(first + 3, RECIPIENT, OTHER, state=PartState.SENDING),
    ]
    assert [[], [], [], []] == await path.held(drafts, NOW)
    ids = range(first, first + 5)
    assert ["accepted"] * 5 == await path.states(*ids)
    assert 7 == len(path.parts())


async def test_what_was_answered_survives_a_power_loss(
    engine: Engine, path: Path
) -> None:
    ids = await path.accept(RECIPIENT, OTHER, parts=2)
    before = path.parts()
    async with opened(engine.after_power_loss()) as again:
        assert ["accepted", "accepted"] == await again.states(*ids)
        assert before == again.parts()


async def test_concurrent_orders_are_each_answered_for(path: Path) -> None:
    accepted = await asyncio.gather(*(path.accept() for _ in range(300)))
    ids = [message_id for (message_id,) in accepted]
    assert 300 == len(set(ids))
    assert ["accepted"] * 300 == await path.states(*ids)


async def test_unknown_ids_are_left_out(path: Path) -> None:
    (known,) = await path.accept()
    found = await path.store.messages([known + 1, known, 7])
    assert [known] == [view.id for view in found]
    assert [] == await path.store.messages([])


# The duplicate lock


def locked(path: Path, key: int, until: float = NOW + 120, count: int = 1) -> Draft:
    first = path.store.reserve_ids(count)
    recipients = [RECIPIENT] * count
    return path.draft(first, *recipients, duplicate_key=key, duplicate_until=until)


async def test_a_duplicate_within_one_batch_is_held(path: Path) -> None:
    draft = locked(path, -5, count=3)
    other = locked(path, 2**63 - 1)
    again = locked(path, -5)
    refused = await path.held([draft, other, again], NOW)
    assert [[1, 2], [], [0]] == refused
    stored = [view.id for view in await path.store.messages([*range(1, 5000)])]
    assert [draft.messages[0].id, other.messages[0].id] == stored
    assert 2 == len(path.parts())


async def test_the_lock_ends_when_it_says(path: Path) -> None:
    accept = path.held
    assert [[]] == await accept([locked(path, 5)], NOW)
    assert [[0]] == await accept([locked(path, 5)], NOW + 119.9)
    assert [True, False] == path.store.locked([5, 6], NOW + 119.9)
    assert [False] == path.store.locked([5], NOW + 120)
    assert [[]] == await accept([locked(path, 5, NOW + 240)], NOW + 120)
    assert [True] == path.store.locked([5], NOW + 239)


async def test_the_lock_survives_a_power_loss(engine: Engine, path: Path) -> None:
    await path.store.accept([locked(path, 5), locked(path, 6, NOW + 10)], NOW)
    async with opened(engine.after_power_loss(), NOW + 20) as again:
        assert [True, False] == again.store.locked([5, 6], NOW + 20)
        refused = await again.held([locked(again, 5), locked(again, 6)], NOW + 20)
        assert [[0], []] == refused


async def test_a_lock_of_what_was_not_stored_is_let_go(
    engine: Engine, path: Path
) -> None:
    draft = locked(path, 5)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.accept([draft], NOW)
    assert [False] == path.store.locked([5], NOW)
    assert [[]] == await path.held([draft], NOW)


# Bulk orders


async def test_a_bulk_order_is_open_until_all_of_it_is_messages(path: Path) -> None:
    store = path.store
    row = bulk(store.reserve_ids(4))
    await store.accept_bulk(row, [], NOW)
    assert [row] == await store.open_bulks()
    for done in (2, 3):
        draft = path.draft(row.first_id + done)
        draft.progress = BulkProgress(row.id, done)
        await store.accept([draft], NOW)
        after = [msgspec.structs.replace(row, done=done)] if done < 3 else []
        assert after == await store.open_bulks()


async def test_a_slice_and_its_progress_are_one_transaction(
    engine: Engine, path: Path
) -> None:
    row = bulk(path.store.reserve_ids(4))
    await path.store.accept_bulk(row, [], NOW)
    draft = path.draft(row.first_id)
    draft.progress = BulkProgress(row.id, 1)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.accept([draft], NOW)
    assert [row] == await path.store.open_bulks()
    await path.store.accept([draft], NOW)
    async with opened(engine.after_power_loss()) as again:
        (left,) = await again.store.open_bulks()
        assert 1 == left.done
        assert ["accepted"] == await again.states(row.first_id)


def test_open_bulk_orders_come_oldest_first_after_a_restart(engine: Engine) -> None:
    async def first(path: Path) -> None:
        for _ in range(3):
            await path.store.accept_bulk(bulk(path.store.reserve_ids(4)), [], NOW)

    async def second(path: Path) -> None:
        found = [row.id for row in await path.store.open_bulks()]
        assert 3 == len(found)
        assert sorted(found) == found
        assert found[-1] + 4 <= path.store.reserve_ids(1)

    run(engine, first)
    run(engine, second)


async def test_the_keys_of_a_bulk_order_are_locked(path: Path) -> None:
    row = bulk(path.store.reserve_ids(4))
    await path.store.accept_bulk(row, [5, 6], NOW + 120)
    assert [True, True, False] == path.store.locked([5, 6, 7], NOW)
    assert [[0]] == await path.held([locked(path, 5)], NOW)
    # Its own messages are not held by the lock that it took itself.
    draft = locked(path, 5)
    draft.progress = BulkProgress(row.id, 1)
    assert [[]] == await path.held([draft], NOW)
    assert [False] == path.store.locked([6], NOW + 120)


async def test_a_bulk_order_hears_which_keys_are_locked(path: Path) -> None:
    await path.held([locked(path, 6), locked(path, 8)], NOW)
    row = bulk(path.store.reserve_ids(4))
    verdict = await path.store.accept_bulk(row, [5, 6, 7, 8], NOW + 120)
    assert Verdict([1, 3]) == verdict
    assert [] == await path.store.open_bulks()
    assert [False, False] == path.store.locked([5, 7], NOW)
    assert Verdict() == await path.store.accept_bulk(row, [5, 7], NOW + 120)
    later = bulk(path.store.reserve_ids(4))
    later.accepted_at = NOW + 119
    assert Verdict([0]) == await path.store.accept_bulk(later, [7], NOW + 300)
    later.accepted_at = NOW + 120
    assert Verdict() == await path.store.accept_bulk(later, [7, 8], NOW + 300)
    assert [True, True] == path.store.locked([7, 8], NOW + 200)


async def test_the_keys_of_a_bulk_order_are_locked_after_a_power_loss(
    engine: Engine,
    path: Path,
) -> None:
    row = bulk(path.store.reserve_ids(4))
    await path.store.accept_bulk(row, [5], NOW + 120)
    draft = locked(path, 5)
    draft.progress = BulkProgress(row.id, 1)
    await path.store.accept([draft], NOW)
    async with opened(engine.after_power_loss()) as again:
        assert [True] == again.store.locked([5], NOW)


async def test_a_bulk_order_that_was_not_stored_locks_nothing(
    engine: Engine, path: Path
) -> None:
    row = bulk(path.store.reserve_ids(4))
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.accept_bulk(row, [5], NOW + 120)
    assert [] == await path.store.open_bulks()
    assert [False] == path.store.locked([5], NOW)


# What cannot be stored changes nothing


async def test_an_accept_that_fails_changes_nothing(engine: Engine, path: Path) -> None:
    before = await path.accept()
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.accept(RECIPIENT, OTHER)
    columns = ("id", "state")
    assert [(before[0], "accepted")] == rows(engine, schema.message, *columns)
    assert 1 == len(path.parts())
    after = await path.accept()
    assert ["accepted", "accepted"] == await path.states(*before, *after)


async def test_a_message_that_exists_already_changes_nothing(path: Path) -> None:
    (message_id,) = await path.accept()
    draft = path.draft(message_id, OTHER)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await path.store.accept([draft], NOW)
    (view,) = await path.views(message_id)
    assert RECIPIENT == view.recipient
