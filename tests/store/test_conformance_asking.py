"""Store conformance: what customers ask, always within their account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from budstikke.domain.ledger import Kind
from budstikke.domain.queries import (
    CancelAnswer,
    CancelCommand,
    GroupAnswer,
    GroupCommand,
    GroupVerb,
    Member,
    MessageAnswer,
    MessageQuery,
    MessagesAnswer,
    OrderQuery,
    ReferenceQuery,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import PartState
from budstikke.store import schema
from budstikke.store.contract import (
    Charge,
    Draft,
    Entry,
    RecurringRow,
    StoreUnavailable,
)
from store.path import NOW, RECIPIENT, Path, receipt, status

if TYPE_CHECKING:
    from budstikke.domain.queries import QueryOrCommand
    from store.engines import Engine

OTHER, THIRD = "+4798888888", "+4797777777"


def draft(path: Path, *recipients: str, price: int = 0, **columns: Any) -> Draft:
    """Draft an order of account 1."""
    count = len(recipients) or 1
    first = path.store.reserve_ids(count)
    made = path.draft(first, *recipients, **columns)
    for row in made.messages:
        row.account_id, row.price = columns.get("account_id", 1), price
        row.send_at = columns.get("due_at")
    return made


async def accepted(path: Path, *recipients: str, **columns: Any) -> list[int]:
    """Accept an order of account 1; returns the ids of its messages."""
    made = draft(path, *recipients, **columns)
    await path.store.accept([made], NOW)
    return [row.id for row in made.messages]


async def found(path: Path, asked: QueryOrCommand, account_id: int | None = 1) -> Any:
    answer = await path.store.ask(asked, account_id, NOW)
    assert isinstance(answer, MessagesAnswer)
    return answer.messages


# Messages


async def test_a_message(path: Path) -> None:
    (one,) = await accepted(path, ref="r", due_at=NOW + 60, price=30)
    expected = MessageAnswer(
        *(one, one, RECIPIENT, "r", "scheduled", "", "", 1, 30, ""),  # type: ignore[arg-type]  # as they come
        NOW,
        NOW + 60,
        None,
        access_id=1,
    )
    assert (expected,) == await found(path, MessageQuery(one))
    assert (expected,) == await found(path, MessageQuery(one), None)
    assert () == await found(path, MessageQuery(one), 2)
    assert () == await found(path, MessageQuery(one + 1))


async def test_its_state_is_derived(path: Path) -> None:
    (one,) = await accepted(path, state=PartState.SENDING, parts=2)
    states = []
    for number in (1, 2):
        part = (one << 8) + number
        await path.answer(part, PartState.SENT, f"{number}", parts=2)
        states += [row.state for row in await found(path, MessageQuery(one))]
    await path.settle(receipt("1"), receipt("2"))
    states += [row.state for row in await found(path, MessageQuery(one))]
    assert ["accepted", "sent", "delivered"] == states


async def test_an_order(path: Path) -> None:
    ids = await accepted(path, RECIPIENT, OTHER, THIRD)
    (single,) = await accepted(path)
    assert ids == [row.id for row in await found(path, OrderQuery(ids[0]))]
    assert [single] == [row.id for row in await found(path, OrderQuery(single))]
    assert () == await found(path, OrderQuery(ids[1]))
    assert () == await found(path, OrderQuery(ids[0]), 2)


async def test_the_newest_with_a_reference(path: Path) -> None:
    await accepted(path, ref="r")
    (newest,) = await accepted(path, ref="r")
    await accepted(path, OTHER, ref="r")
    await accepted(path, ref="r", account_id=2)
    asked = ReferenceQuery(RECIPIENT, "r")
    assert [newest] == [row.id for row in await found(path, asked)]
    assert () == await found(path, ReferenceQuery(THIRD, "r"))


# Cancelling


async def cancel(path: Path, account_id: int = 1, **which: int) -> CancelAnswer:
    answer = await path.store.ask(CancelCommand(**which), account_id, NOW + 1)
    assert isinstance(answer, CancelAnswer)
    return answer


async def test_what_has_not_left_is_cancelled(path: Path) -> None:
    (queued,) = await accepted(path, parts=2)
    (scheduled,) = await accepted(path, due_at=NOW + 60)
    (sending,) = await accepted(path, state=PartState.SENDING)
    for message, count in ((queued, 1), (scheduled, 1), (sending, 0)):
        assert (1, count) == cancelled(await cancel(path, message_id=message))
        assert (1, 0) == cancelled(await cancel(path, message_id=message))
    assert ["cancelled", "cancelled", "accepted"] == await path.states(
        queued, scheduled, sending
    )
    assert [] == await path.store.claim(1, 10, NOW)
    woken = await path.store.wake(NOW + 60, 10, 10)
    assert ["cancelled"] * 2 == [status(row).state for row in woken.callbacks]
    assert set() == woken.carriers


def cancelled(answer: CancelAnswer) -> tuple[int, int]:
    return answer.found, answer.cancelled


async def test_a_message_of_which_a_part_has_left_is_not(path: Path) -> None:
    (message,) = await accepted(path, parts=3)
    await path.store.claim(1, 1, NOW)
    assert (1, 0) == cancelled(await cancel(path, message_id=message))
    assert ["sending", "queued", "queued"] == list(path.parts().values())


async def test_an_order_is_cancelled_and_what_it_cost_comes_back(path: Path) -> None:
    await path.store.post_entries(1, [Entry(Kind.PAYMENT, 100)], NOW)
    made = draft(path, RECIPIENT, OTHER, THIRD, price=10, refund=0)
    order_id = made.messages[0].id
    made.charge = Charge(1, order_id, 0)
    await path.store.accept([made], NOW)
    assert 70 == await path.store.post_entries(1, [], NOW)
    await path.store.claim(1, 1, NOW)
    assert (3, 2) == cancelled(await cancel(path, order_id=order_id))
    assert (3, 0) == cancelled(await cancel(path, order_id=order_id))
    assert 90 == await path.store.post_entries(1, [], NOW)
    states = await path.states(*(row.id for row in made.messages))
    assert ["accepted", "cancelled", "cancelled"] == states


async def test_nobody_cancels_what_is_anothers(path: Path) -> None:
    (message,) = await accepted(path)
    assert (0, 0) == cancelled(await cancel(path, 2, message_id=message))
    assert (0, 0) == cancelled(await cancel(path, 2, order_id=message))
    assert ["accepted"] == await path.states(message)


async def test_a_recurring_order_ends(path: Path) -> None:
    made = draft(path)
    order_id = made.messages[0].id
    made.repeats = RecurringRow(order_id, 1, b"{}", NOW, 0, NOW + 60)
    await path.store.accept([made], NOW)
    assert not (await cancel(path, 2, order_id=order_id)).ended
    assert 1 == len(await path.store.due_recurring(NOW + 60, 10))
    assert (await cancel(path, order_id=order_id)).ended
    assert not (await cancel(path, order_id=order_id)).ended
    assert [] == await path.store.due_recurring(NOW + 60, 10)


async def test_cancelling_that_cannot_be_stored_changes_nothing(
    engine: Engine, path: Path
) -> None:
    (message,) = await accepted(path)
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await cancel(path, message_id=message)
    assert (1, 1) == cancelled(await cancel(path, message_id=message))


# Groups


async def do(path: Path, verb: GroupVerb, account_id: int = 1, **asked: Any) -> Any:
    answer = await path.store.ask(GroupCommand(verb=verb, **asked), account_id, NOW)
    assert isinstance(answer, GroupAnswer)
    return answer.groups or answer.members


async def fill(path: Path, group: str, *numbers: str, **asked: Any) -> None:
    await do(path, GroupVerb.ADD, group=group)
    for number in numbers:
        await do(path, GroupVerb.ADD_MEMBER, group=group, number=number, **asked)


async def numbers(path: Path, group: str) -> list[str]:
    return [row.number for row in await do(path, GroupVerb.MEMBERS, group=group)]


async def test_groups_and_their_members(path: Path) -> None:
    await fill(path, "Øst", THIRD, RECIPIENT)
    await fill(path, "Alle", OTHER)
    await do(path, GroupVerb.ADD, group="Alle")
    assert ("Alle", "Øst") == await do(path, GroupVerb.LIST)
    assert [THIRD, RECIPIENT] == await numbers(path, "Øst")
    await fill(path, "Øst", RECIPIENT, name="Ola")
    members = await do(path, GroupVerb.MEMBERS, group="Øst")
    assert (Member("", THIRD), Member("Ola", RECIPIENT)) == members
    await do(path, GroupVerb.DELETE_MEMBER, group="Øst", number=THIRD)
    await do(path, GroupVerb.DELETE_MEMBER, group="Øst", number=THIRD)
    assert [RECIPIENT] == await numbers(path, "Øst")
    await do(path, GroupVerb.DELETE, group="Øst")
    await do(path, GroupVerb.DELETE, group="Øst")
    assert ("Alle",) == await do(path, GroupVerb.LIST)


async def test_moving(path: Path) -> None:
    await fill(path, "a", RECIPIENT, OTHER)
    await fill(path, "b", OTHER)
    move: dict[str, Any] = {"group": "a", "new_group": "b"}
    await do(path, GroupVerb.MOVE_MEMBER, number=RECIPIENT, **move)
    await do(path, GroupVerb.MOVE_MEMBER, number=THIRD, **move)
    assert [OTHER] == await numbers(path, "a")
    assert [OTHER, RECIPIENT] == await numbers(path, "b")
    await do(path, GroupVerb.MOVE, **move)
    assert [] == await numbers(path, "a")
    assert [OTHER, RECIPIENT] == await numbers(path, "b")


async def test_who_is_not_active_is_not_sent_to_and_stays_so(path: Path) -> None:
    await fill(path, "a", RECIPIENT, active=False)
    await fill(path, "a", OTHER)
    await do(path, GroupVerb.ADD, group="b")
    for number in (RECIPIENT, OTHER):
        move: dict[str, Any] = {"group": "a", "new_group": "b", "number": number}
        await do(path, GroupVerb.MOVE_MEMBER, **move)
    assert [RECIPIENT, OTHER] == await numbers(path, "b")
    members = await path.store.group_members(1, ["b", "a", "missing"])
    assert {"b": [OTHER]} == members


@pytest.mark.parametrize(
    "asked",
    [
        {"verb": GroupVerb.MEMBERS, "group": "x"},
        {"verb": GroupVerb.ADD_MEMBER, "group": "x", "number": OTHER},
        {"verb": GroupVerb.DELETE_MEMBER, "group": "x", "number": OTHER},
        {"verb": GroupVerb.MOVE, "group": "a", "new_group": "x"},
        {"verb": GroupVerb.MOVE, "group": "x", "new_group": "a"},
        {"verb": GroupVerb.MOVE_MEMBER, "group": "a", "new_group": "x"},
    ],
)
async def test_a_group_that_is_not_there(path: Path, asked: dict[str, Any]) -> None:
    await fill(path, "a", OTHER)
    with pytest.raises(Refusal) as caught:
        await do(path, **asked)
    assert (RefusalCode.UNKNOWN_GROUP, "x") == (
        caught.value.code,
        caught.value.value,
    )
    assert [OTHER] == await numbers(path, "a")


async def test_accounts_never_see_each_others_groups(path: Path) -> None:
    await fill(path, "a", OTHER)
    assert () == await do(path, GroupVerb.LIST, 2)
    assert {} == await path.store.group_members(2, ["a"])
    await do(path, GroupVerb.ADD, 2, group="a")
    assert () == await do(path, GroupVerb.MEMBERS, 2, group="a")
    await do(path, GroupVerb.DELETE, 2, group="a")
    assert [OTHER] == await numbers(path, "a")
    assert 1 == len(path.column("id", schema.contact))
