"""Store conformance: what is deleted when it is old."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import CallbackResult, StoreUnavailable
from store.path import KEEP, NOW, RECIPIENT, Path, bulk, receipt, run

if TYPE_CHECKING:
    from store.engines import Engine

DAY = 86400.0


def test_old_messages_are_deleted_with_all_that_was_theirs(engine: Engine) -> None:
    async def scenario(path: Path) -> None:
        (part,) = await path.sent(
            smsc_ids=["x"], accepted_at=NOW - 50 * DAY, expires_at=NOW - 43 * DAY
        )
        (row,) = await path.settle(receipt("x"))
        result = CallbackResult(row.id, "done", None, 1, "", NOW - 42 * DAY)
        await path.store.told([result])
        (young,) = await path.accept(parts=2)
        before = NOW - 40 * DAY
        assert 1 == await path.store.purge(before, 100)
        assert [] == await path.store.messages([part >> 8])
        assert [(young << 8) + 1, (young << 8) + 2] == path.column("id")
        assert [] == path.column("id", schema.callback)
        assert 0 == await path.store.purge(before, 100)

    run(engine, scenario)


def test_purging_goes_on_slice_by_slice(engine: Engine) -> None:
    async def scenario(path: Path) -> None:
        await path.accept(*[RECIPIENT] * 25, accepted_at=NOW - 9, expires_at=NOW - 9)
        assert [10, 10, 5, 0] == [await path.store.purge(NOW, 10) for _ in range(4)]
        assert {} == path.parts()

    run(engine, scenario)


def test_what_is_still_valid_is_kept_and_does_not_stop_the_rest(
    engine: Engine,
) -> None:
    async def scenario(path: Path) -> None:
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

    run(engine, scenario)


def test_callbacks_not_yet_told_are_kept(engine: Engine) -> None:
    async def scenario(path: Path) -> None:
        (part,) = await path.sending(accepted_at=NOW - 9, expires_at=NOW - 9)
        await path.answer(part, PartState.REJECTED, at=NOW - 9)
        assert 1 == await path.store.purge(NOW, 10)
        assert 1 == len(path.column("id", schema.callback))
        assert 1 == len((await path.store.wake(NOW + DAY, 10, 10)).callbacks)

    run(engine, scenario)


def test_bulk_orders_are_deleted_when_they_are_done_and_old(engine: Engine) -> None:
    async def scenario(path: Path) -> None:
        for total in (0, 3):
            first_id = path.store.reserve_ids(4)
            await path.store.accept_bulk(bulk(first_id, total), [], NOW)
        await path.store.purge(NOW - 1, 10)
        assert 2 == len(path.column("id", schema.bulk))
        await path.store.purge(NOW + 1, 10)
        assert 1 == len(path.column("id", schema.bulk))
        assert 1 == len(await path.store.open_bulks())

    run(engine, scenario)


def test_a_receipt_of_a_purged_message_is_an_orphan(engine: Engine) -> None:
    async def scenario(path: Path) -> None:
        await path.sent(smsc_ids=["x"], accepted_at=NOW - 9, expires_at=NOW - 9)
        await path.store.purge(NOW, 10)
        assert [] == await path.settle(receipt("x"))
        assert [NOW + 1 + KEEP] == path.column("kept_until", schema.orphan)

    run(engine, scenario)


def test_a_purge_that_fails_deletes_nothing(engine: Engine) -> None:
    async def scenario(path: Path) -> None:
        await path.accept(accepted_at=NOW - 9, expires_at=NOW - 9)
        with engine.unwritable(), pytest.raises(StoreUnavailable):
            await path.store.purge(NOW, 10)
        assert 1 == await path.store.purge(NOW, 10)

    run(engine, scenario)
