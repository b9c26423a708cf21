"""Store conformance: parts that go to another carrier of their route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import Move
from store.path import NOW, RECIPIENT

if TYPE_CHECKING:
    from store.path import Path

START = (4, 0)


async def where(path: Path) -> list[tuple[int, str]]:
    """Read carrier and state of all parts, by id."""
    columns = [path.column(name) for name in ("id", "carrier_id", "state")]
    return [row[1:] for row in sorted(zip(*columns, strict=True))]


async def test_waiting_parts_come_in_the_order_of_claims_piece_by_piece(
    path: Path,
) -> None:
    (low,) = await path.accept(priority=1)
    (high,) = await path.accept(priority=3, originator="Firm")
    (long,) = await path.accept(parts=2)
    await path.accept(carrier_id=2)
    await path.accept(due_at=NOW + 60)  # its time has not come
    parts, behind = await path.store.waiting(1, START, 2)
    assert [high << 8 | 1, low << 8 | 1] == [part.id for part in parts]
    assert ("Firm", RECIPIENT, 3, 1) == (
        *(parts[0].originator, parts[0].recipient, parts[0].priority),
        parts[0].total,
    )
    assert (1, low << 8 | 1) == behind
    parts, behind = await path.store.waiting(1, behind, 3)
    assert ([long << 8 | 1], 2, None) == ([p.id for p in parts], parts[0].total, behind)


async def test_only_a_message_that_is_queued_whole_moves(path: Path) -> None:
    (one,) = await path.accept()
    (long,) = await path.accept(parts=2)
    (half,) = await path.accept(parts=2)
    (gone,) = await path.accept()
    before, _ = await path.store.waiting(1, START, 100)
    assert [one, long, half, gone] == [part.message_id for part in before]
    for part in await path.store.claim(1, 100, NOW):
        if part.id not in {half << 8 | 1, gone << 8 | 1}:
            await path.store.release([part.id])
    after, _ = await path.store.waiting(1, START, 100)
    assert [one, long] == [part.message_id for part in after]
    moves = [Move(part.message_id, part.total, 1, 2) for part in before]
    assert {2} == await path.store.move_queued(moves, "c1: down", NOW + 5)
    assert [
        *((2, "queued"), (2, "queued"), (2, "queued")),
        *((1, "sending"), (1, "queued"), (1, "sending")),
    ] == await where(path)
    assert set() == await path.store.move_queued(moves, "c1: down", NOW + 6)
    history: Any = schema.part_history
    moved = zip(
        *(path.column(name, history) for name in ("part_id", "kind", "raw")),
        strict=True,
    )
    ids = [one << 8 | 1, long << 8 | 1, long << 8 | 2]
    assert [(id_, "moved", "c1: down") for id_ in ids] == sorted(moved)
    claimed = await path.store.claim(2, 100, NOW)
    assert ids == [part.id for part in claimed]


async def test_queued_parts_follow_one_that_was_refused(path: Path) -> None:
    (message,) = await path.accept(parts=3)
    first, *rest = await path.store.claim(1, 2, NOW)
    known, update = path.update(first.id, PartState.QUEUED, carrier_id=2, parts=3)
    update.tried = "1"
    await path.store.record([(known, update)], NOW)
    assert [(2, "queued"), (1, "sending"), (2, "queued")] == await where(path)
    assert [message << 8 | 2] == [part.id for part in rest]
    again = await path.store.claim(2, 10, NOW)
    assert ["1", ""] == [part.tried for part in again]
    await path.answer(first.id, PartState.SENT, "a", carrier_id=2, parts=3)
    assert ["", "", "1"] == sorted(path.column("tried"))


async def test_a_late_outcome_is_not_about_a_part_that_is_sent_again(
    path: Path,
) -> None:
    (part_id,) = await path.sending()
    await path.answer(part_id, PartState.UNSURE, due_at=NOW + 60)
    await path.answer(part_id, PartState.QUEUED, was=PartState.UNSURE)
    await path.store.claim(1, 1, NOW)
    await path.answer(part_id, PartState.QUEUED, was=PartState.UNSURE, carrier_id=2)
    assert [(1, "sending")] == await where(path)


async def test_a_silent_part_goes_elsewhere_and_its_late_report_finds_it(
    path: Path,
) -> None:
    part_id, other = await path.sending(RECIPIENT, "+4798888888")
    for each in (part_id, other):
        name = f"id{each}"
        await path.answer(each, PartState.SENT, name, due_at=NOW + 60)
    assert [] == await path.store.silent(NOW + 59, 10)
    found = await path.store.silent(NOW + 60, 10)
    assert [(part_id, 1, "sent"), (other, 1, "sent")] == sorted(
        (part.id, carrier_id, state) for part, carrier_id, state in found
    )
    moved = path.update(part_id, PartState.QUEUED, carrier_id=2, was=PartState.SENT)
    stays = path.update(other, PartState.SENT, was=PartState.SENT)
    gone = path.update(part_id, PartState.QUEUED, carrier_id=2, was=PartState.UNSURE)
    assert (set(), []) == await path.store.send_again([gone], NOW + 60)
    assert ({2}, []) == await path.store.send_again([moved, stays], NOW + 60)
    assert (set(), []) == await path.store.send_again([moved, stays], NOW + 60)
    assert [(2, "queued"), (1, "sent")] == await where(path)
    assert [] == await path.store.silent(NOW + 999, 10)
    assert [f"id{part_id}"] == path.column("smsc_id", schema.part_history)
    await path.settle(receipt(f"id{part_id}", "undelivered"))
    assert [(2, "queued"), (1, "sent")] == await where(path)
    await path.settle(receipt(f"id{part_id}", "delivered"))
    assert [(1, "delivered"), (1, "sent")] == await where(path)
    assert [] == await path.store.claim(2, 10, NOW)
    assert [] == path.column("id", schema.orphan)


def receipt(smsc_id: str, word: str) -> Receipt:
    state = ReceiptState(word)
    return Receipt(smsc_id, None, state, Reason.NONE, word, NOW + 61, RECIPIENT)
