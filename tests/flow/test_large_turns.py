"""What grows with an order's recipients is not done on the event loop's thread."""

from __future__ import annotations

import asyncio
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow import pace
from budstikke.flow.bulk import MOST_MESSAGES, STAGED_AT_ONCE
from budstikke.flow.pace import AT_ONCE, aside
from budstikke.flow.stage import Stager
from budstikke.store import schema
from flow.rig import Rig, rig_on, until
from flow.turns import calls_by_turn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from store.engines import SqliteEngine

MANY = [f"+479{n:07}" for n in range(AT_ONCE + 1)]
FEW = MANY[: MOST_MESSAGES + 1]

LINEAR = {"result_now", "_row", "aside decodes"}
"""What is done with all recipients of an order at once."""


@contextmanager
def called_here() -> Iterator[set[str]]:
    """Note the names of all functions that this thread calls, and who decodes."""
    called: set[str] = set()

    def note(frame: FrameType, event: str, what: object) -> None:
        if event == "call":
            called.add(frame.f_code.co_name)
        elif event == "c_call" and getattr(what, "__name__", "") == "decode":
            called.add(f"{frame.f_code.co_name} decodes")

    sys.setprofile(note)
    try:
        yield called
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("large", [True, False])
async def test_a_large_order_is_answered_and_written_down_in_a_thread(
    rig: Rig, *, large: bool
) -> None:
    with called_here() as called:
        accepted = await rig.accept(*(MANY if large else FEW))
        await until(lambda: not rig.bulk._tasks, 60)
    assert all(accepted.ids)
    assert {"store_whole", "_make", "_slice"} < called
    assert "_make decodes" not in called
    assert LINEAR & called == (set() if large else LINEAR)


async def test_orders_take_turns_to_stage_their_slices(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many are being expanded, others wait for one piece of a slice at most."""
    monkeypatch.setattr(pace, "TURN", 0.0)
    async with calls_by_turn(Stager.stage) as staged:
        await asyncio.gather(*[rig.accept(*FEW) for _ in range(4)])
        await until(lambda: not rig.bulk._tasks, 60)
    # Each of the four has a slice of five pieces and one of a message.
    assert STAGED_AT_ONCE * 5 == MOST_MESSAGES
    assert 4 * 6 == staged.total()
    assert 1 == max(staged.values())


async def test_one_good_number_among_many_is_kept_and_sent(
    engine: SqliteEngine,
) -> None:
    """It is stored as a large order: no room of a link is taken while it is counted."""

    async with rig_on(engine) as rig:
        with called_here() as called:
            accepted = await rig.accept(*["12"] * AT_ONCE, MANY[0])
            await until(lambda: not rig.bulk._tasks, 60)
        assert RefusalCode.BAD_RECIPIENT is accepted.ids[0]
        assert [accepted.ids[-1]] == rig.path.column("id", schema.message)
        assert "store_whole" in called
        assert "result_now" not in called


@pytest.mark.parametrize("large", [True, False])
async def test_a_large_order_without_a_good_number_is_refused_in_a_thread(
    engine: SqliteEngine, *, large: bool
) -> None:
    bad = ["12"] * (AT_ONCE + 1 if large else 9)

    async with rig_on(engine) as rig:
        with called_here() as called, pytest.raises(Refusal) as refused:
            await rig.accept(*bad, bulk=True)
        assert bad == list(refused.value.invalid)
        assert ({"_refusal", "_barred"} & called == set()) == large


@pytest.mark.parametrize(("items", "turns"), [(AT_ONCE, False), (AT_ONCE + 1, True)])
async def test_others_have_their_turn_beside_many_items(
    items: int, *, turns: bool
) -> None:
    other = asyncio.create_task(asyncio.sleep(0))
    assert items == await aside(items, len, range(items))
    assert other.done() == turns
