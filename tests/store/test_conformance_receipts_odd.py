"""Store conformance: receipts with two ids, with none, and with impossible dates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from budstikke.domain.receipt import ReceiptState
from budstikke.domain.states import PartState
from budstikke.store import schema
from store.path import NOW, RECIPIENT, Path, receipt, status

if TYPE_CHECKING:
    from budstikke.domain.receipt import Receipt

OTHER = "+4798888888"


def both(smsc_id: str, other: str, *, recipient: str = RECIPIENT) -> Receipt:
    made = receipt(smsc_id, recipient=recipient)
    return msgspec.structs.replace(made, other_id=other)


# Two ids


@pytest.mark.parametrize("ids", [("3039", "12345"), ("12345", "3039")])
async def test_the_id_that_matches_counts(path: Path, ids: tuple[str, str]) -> None:
    one, two = await path.sent(RECIPIENT, RECIPIENT, smsc_ids=["12345", "7"])
    (row,) = await path.settle(both(*ids))
    assert "delivered" == status(row).state
    assert {one: "delivered", two: "sent"} == path.parts()
    assert ["12345", "7"] == path.column("smsc_id")
    assert [] == path.column("id", schema.orphan)


async def test_the_second_id_in_its_normal_form(path: Path) -> None:
    (part,) = await path.sending()
    await path.answer(part, PartState.SENT, "00FF", smsc_key="255")
    told = both("x", "0255")
    await path.settle(msgspec.structs.replace(told, other_key="255"))
    assert {part: "delivered"} == path.parts()


async def test_the_recipient_decides_between_two_ids(path: Path) -> None:
    one, two = await path.sent(RECIPIENT, OTHER, smsc_ids=["3039", "12345"])
    await path.settle(both("3039", "12345", recipient=OTHER))
    assert {one: "sent", two: "delivered"} == path.parts()
    await path.settle(both("3039", "12345"))
    assert {one: "delivered", two: "delivered"} == path.parts()


async def test_the_first_id_counts_if_neither_has_the_recipient(path: Path) -> None:
    one, two = await path.sent(RECIPIENT, OTHER, smsc_ids=["3039", "12345"])
    await path.settle(both("3039", "12345", recipient="+4797777777"))
    assert {one: "delivered", two: "sent"} == path.parts()


async def test_several_in_one_batch(path: Path) -> None:
    parts = await path.sent(*[RECIPIENT] * 4, smsc_ids=["a", "b", "c", "d"])
    await path.settle(
        both("x", "b"), receipt("c"), both("y", "z"), both("d", "q"), both("w", "a")
    )
    assert dict.fromkeys(parts, "delivered") == path.parts()
    assert ["y"] == path.column("smsc_id", schema.orphan)


@pytest.mark.parametrize(
    ("part_is", "key", "other_key"),
    [(("12345", None), None, None), (("2fd3", "0b12"), None, "0b12")],
)
async def test_a_receipt_with_two_ids_before_the_answer(
    path: Path,
    part_is: tuple[str, str | None],
    key: str | None,
    other_key: str | None,
) -> None:
    part, another = await path.sending(RECIPIENT, RECIPIENT)
    early = both("3039", "12345")
    await path.settle(msgspec.structs.replace(early, smsc_key=key, other_key=other_key))
    assert [] == await path.answer(another, PartState.SENT, "7", smsc_key="7")
    smsc_id, smsc_key = part_is
    (row,) = await path.answer(part, PartState.SENT, smsc_id, smsc_key=smsc_key)
    assert "delivered" == status(row).state
    assert {part: "delivered", another: "sent"} == path.parts()
    assert [] == path.column("id", schema.orphan)


async def test_a_normal_form_is_no_second_id(path: Path) -> None:
    (part,) = await path.sending()
    await path.settle(receipt("3039", key="12345"))
    assert [] == await path.answer(part, PartState.SENT, "12345", smsc_key="74565")
    assert {part: "sent"} == path.parts()
    assert 1 == len(path.column("id", schema.orphan))


# No id


async def test_what_names_nothing_is_kept_and_settles_nothing(path: Path) -> None:
    named, unnamed = await path.sending(RECIPIENT, RECIPIENT)
    await path.answer(named, PartState.SENT, "x")
    await path.answer(unnamed, PartState.SENT)
    assert [] == await path.settle(receipt(""), receipt(""))
    assert {named: "sent", unnamed: "sent"} == path.parts()
    assert ["", ""] == path.column("smsc_id", schema.orphan)
    (later,) = await path.sending()
    assert [] == await path.answer(later, PartState.SENT)
    assert {"sent"} == set(path.parts().values())


# Dates


@pytest.mark.parametrize(
    ("at", "raw"),
    [
        (NOW + 7, "DELIVERED 000"),
        (NOW - 40, "DELIVERED 000"),  # without its seconds
        (NOW - 3600, "DELIVERED 000 (dated {})"),
    ],
)
async def test_nothing_ends_before_it_was_sent(path: Path, at: float, raw: str) -> None:
    (part,) = await path.sending(accepted_at=NOW - 900)
    await path.answer(part, PartState.SENT, "x", at=NOW)
    told = msgspec.structs.replace(receipt("x"), at=at)
    (row,) = await path.settle(told)
    (view,) = await path.views(part >> 8)
    wanted = max(at, NOW)
    assert (wanted, wanted) == (status(row).at, view.final_at)
    assert [wanted] == path.column("at")
    assert raw.format("2023-11-14T21:13:20Z") == view.raw


async def test_a_doubtful_part_may_have_ended_before_we_doubted(path: Path) -> None:
    (part,) = await path.sending(accepted_at=NOW - 900)
    await path.answer(part, PartState.UNSURE, at=NOW, due_at=NOW + 3600)
    await path.settle(msgspec.structs.replace(receipt("x"), at=NOW - 700))
    assert 1 == len(await path.store.sweep(NOW + 60, 100))
    (view,) = await path.views(part >> 8)
    assert (NOW - 700, "DELIVERED 000") == (view.final_at, view.raw)


async def test_a_receipt_before_the_answer(path: Path) -> None:
    (part,) = await path.sending(accepted_at=NOW - 900)
    told = msgspec.structs.replace(receipt("x"), at=NOW - 4000)
    assert [] == await path.settle(told)
    (row,) = await path.answer(part, PartState.SENT, "x", at=NOW)
    assert (NOW, ReceiptState.DELIVERED) == (status(row).at, status(row).state)
