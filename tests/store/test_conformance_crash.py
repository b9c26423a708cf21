"""Store conformance: what is found after a crash, and after an ordinary stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from budstikke.domain.states import PartState
from budstikke.store.contract import StoreUnavailable
from store.path import NOW, RECIPIENT, Path, opened, receipt, run, status

if TYPE_CHECKING:
    from store.engines import Engine

LATER = NOW + 1000


async def test_what_was_being_sent_is_unsure(engine: Engine, path: Path) -> None:
    direct = await path.sending()
    (queued,) = await path.accept()
    (claimed,) = await path.accept(priority=3)
    await path.store.claim(1, 1, NOW)
    async with opened(engine.after_power_loss(), LATER) as again:
        assert {
            direct[0]: "unsure",
            (queued << 8) + 1: "queued",
            (claimed << 8) + 1: "unsure",
        } == again.parts()
        assert [LATER + 3600, None, LATER + 3600] == again.column("due_at")
        assert ["accepted"] * 2 == await again.states(direct[0] >> 8, claimed)


@pytest.mark.parametrize(("access_id", "wait"), [(1, 3600), (2, 60), (99, 3600)])
async def test_its_account_says_how_long_it_waits(
    engine: Engine, path: Path, access_id: int, wait: float
) -> None:
    await path.sending(access_id=access_id)
    async with opened(engine.after_power_loss(), LATER) as again:
        assert [LATER + wait] == again.column("due_at")


async def test_what_was_not_being_sent_is_as_it_was(engine: Engine, path: Path) -> None:
    await path.accept()
    await path.accept(due_at=NOW + 60)
    await path.sent(smsc_ids=["x"])
    (part,) = await path.sending()
    await path.answer(part, PartState.UNSURE, due_at=NOW + 60)
    (part,) = await path.sending()
    await path.answer(part, PartState.REJECTED)
    before = path.parts()
    due = path.column("due_at")
    async with opened(engine.after_power_loss(), LATER) as again:
        assert before == again.parts()
        assert due == again.column("due_at")


async def test_unsure_parts_of_a_crash_take_their_receipts(
    engine: Engine, path: Path
) -> None:
    (part,) = await path.sending()
    async with opened(engine.after_power_loss(), LATER) as again:
        assert [] == await again.settle(receipt("x"))
        (row,) = await again.store.sweep(LATER + 2, 10)
        assert ("delivered", part >> 8) == (status(row).state, row.event.message_id)


async def test_unsure_parts_of_a_crash_are_given_up(engine: Engine, path: Path) -> None:
    await path.sending()
    async with opened(engine.after_power_loss(), LATER) as again:
        assert [] == (await again.store.wake(LATER + 3599, 10, 10)).callbacks
        (row,) = (await again.store.wake(LATER + 3600, 10, 10)).callbacks
        assert ("undelivered", "unsure") == (status(row).state, status(row).reason)


async def test_a_second_crash_changes_no_more(engine: Engine, path: Path) -> None:
    await path.sending()
    once = engine.after_power_loss()
    async with opened(once, LATER) as again:
        due = again.column("due_at")
        async with opened(once.after_power_loss(), LATER + 500) as twice:
            assert due == twice.column("due_at")


def test_after_an_ordinary_stop_too(engine: Engine) -> None:
    async def first(path: Path) -> None:
        await path.sending()
        await path.accept()

    async def second(path: Path) -> None:
        assert ["unsure", "queued"] == list(path.parts().values())

    run(engine, first)
    run(engine, second)


async def test_nothing_is_left_half_done(engine: Engine) -> None:
    """Each state of the file is whole: message with parts, final with callback."""

    async with opened(engine) as path:
        parts = await path.sending(*[RECIPIENT] * 20, parts=3)
        for part in parts[:30]:
            await path.answer(part, PartState.REJECTED, parts=3)
        async with opened(engine.after_power_loss(), LATER) as again:
            ids = sorted({part >> 8 for part in parts})
            states = await again.states(*ids)
            assert ["rejected"] * 10 + ["accepted"] * 10 == states
            callbacks = (await again.store.wake(LATER, 10, 100)).callbacks
            assert ids[:10] == sorted(row.event.message_id for row in callbacks)
            assert len(parts) == len(again.parts())


async def test_a_closed_store_says_so(engine: Engine) -> None:
    left: list[Path] = []

    async with opened(engine) as path:
        left.append(path)
        await path.store.close()
        with pytest.raises(StoreUnavailable):
            await path.accept()
        with pytest.raises(StoreUnavailable):
            await path.store.messages([1])
