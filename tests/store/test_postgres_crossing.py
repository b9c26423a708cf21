"""What two nodes do at once to one part, message or orphan: the later one waits."""

from __future__ import annotations

from typing import Any

import pytest

from budstikke.domain.queries import CancelAnswer, CancelCommand
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.verbs.claim import claim
from budstikke.store.verbs.settlement import (
    record_outcomes,
    settle_receipts,
    settle_unsure,
)
from store.databases import postgres_of
from store.nodes import crossing, held
from store.path import KEEP, NOW, RECIPIENT, Path, receipt


@pytest.mark.parametrize("answer_first", [True, False])
async def test_an_answer_and_a_receipt_of_one_part(
    one: Path, two: Path, *, answer_first: bool
) -> None:
    (part,) = await one.sending()
    update = one.update(part, PartState.SENT, "id")
    steps: list[tuple[Any, ...]] = [
        (record_outcomes, [update], NOW),
        (settle_receipts, 1, [receipt("id")], NOW, KEEP),
    ]
    first, later = steps if answer_first else reversed(steps)
    async with held(one, *first) as before:
        await crossing(two, before, postgres_of(two.store).write(*later))
    assert {"delivered"} == set(one.parts().values())
    assert [] == one.column("id", schema.orphan)


async def test_a_part_is_claimed_as_it_expires(one: Path, two: Path) -> None:
    await one.accept()
    async with held(two, claim, 1, 10, NOW) as before:
        sweep = one.store.sweep(NOW + 2 * 86400, 10)
        assert [] == await crossing(one, before, sweep)
    assert {"sending"} == set(one.parts().values())


async def test_a_part_is_claimed_as_it_is_cancelled(one: Path, two: Path) -> None:
    draft = one.draft(one.store.reserve_ids(1))
    (message,) = draft.messages
    message.account_id = 1
    await one.store.accept([draft], NOW)
    async with held(two, claim, 1, 10, NOW) as before:
        cancel = one.store.ask(CancelCommand(message_id=message.id), 1, NOW)
        assert CancelAnswer(1, 0) == await crossing(one, before, cancel)
    assert {"sending"} == set(one.parts().values())


async def test_an_orphan_is_for_one_of_two_unsure_parts(one: Path, two: Path) -> None:
    parts = await one.sending(RECIPIENT, RECIPIENT)
    for part in parts:
        await one.answer(part, PartState.UNSURE, due_at=NOW + 3600)
    await one.settle(receipt("id"))
    async with held(one, settle_unsure, parts[:1], NOW + 2) as before:
        other = postgres_of(two.store).write(settle_unsure, parts[1:], NOW + 2)
        assert [] == await crossing(two, before, other)
    assert ["delivered", "unsure"] == sorted(one.parts().values())
