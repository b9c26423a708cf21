"""Store conformance: how messages stand, for those whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from budstikke.domain.queries import (
    CancelCommand,
    MessageAnswer,
    MessageQuery,
    MessagesAnswer,
    OrderQuery,
    QueryOrCommand,
    ReferenceQuery,
)
from budstikke.domain.receipt import Reason, ReceiptState
from budstikke.domain.states import MessageState, PartState
from budstikke.store import schema
from store.money import balance, large, pay_in, priced, slice_of, write
from store.path import NOW, RECIPIENT, Path, opened, receipt

if TYPE_CHECKING:
    from budstikke.store.contract import Draft
    from store.engines import Engine

OTHER = "+4798888888"


async def ask(
    path: Path, asked: QueryOrCommand, account_id: int | None = 1
) -> tuple[MessageAnswer, ...]:
    answer = await path.store.ask(asked, account_id, NOW)
    assert isinstance(answer, MessagesAnswer)
    return answer.messages


async def one(path: Path, message_id: int, account_id: int | None = 1) -> MessageAnswer:
    (found,) = await ask(path, MessageQuery(message_id), account_id)
    return found


def order(path: Path, account_id: int, *recipients: str, ref: str = "r") -> Draft:
    """Draft an order of an account; several messages have an order's id of its own."""
    first = path.store.reserve_ids(len(recipients) + 1)
    draft = path.draft(first + 1, *recipients, access_id=account_id, ref=ref)
    for row in draft.messages:
        row.account_id = account_id
        row.order_id = first if len(recipients) > 1 else row.id
    return draft


# One message


async def test_all_that_is_told_of_a_message(engine: Engine) -> None:
    write(engine, schema.account, 1, currency="NOK")

    async with opened(engine) as path:
        await pay_in(path, 100)
        columns: dict[str, Any] = {"due_at": NOW + 60, "accepted_at": NOW - 1}
        draft = priced(path, 40, parts=2, ref="r-1", **columns)
        await path.store.accept([draft], NOW)
        message = draft.messages[0].id
        assert MessageAnswer(
            message,
            message,
            RECIPIENT,
            "r-1",
            MessageState.SCHEDULED,
            "",
            "",
            2,
            40,
            "NOK",
            NOW - 1,
            NOW + 60,
            None,
            access_id=1,
        ) == await one(path, message)


async def test_its_way(path: Path) -> None:
    draft = priced(path, 0, parts=2, state=PartState.SENDING)
    await path.store.accept([draft], NOW)
    message, parts = draft.messages[0].id, [part.id for part in draft.parts]
    assert "accepted" == (await one(path, message)).state
    await path.answer(parts[0], PartState.SENT, "a", parts=2)
    assert "accepted" == (await one(path, message)).state
    await path.answer(parts[1], PartState.SENT, "b", parts=2)
    assert "sent" == (await one(path, message)).state
    await path.settle(receipt("a"))
    assert "sent" == (await one(path, message)).state
    failed = receipt("b", ReceiptState.UNDELIVERED, reason=Reason.UNKNOWN)
    await path.settle(failed)
    found = await one(path, message)
    assert ("undelivered", "unknown", "UNDELIVERED 000", NOW + 1) == (
        found.state,
        found.reason,
        found.raw,
        found.final_at,
    )


async def test_what_was_given_back_is_not_told_as_paid(path: Path) -> None:
    await pay_in(path, 100)
    draft = priced(path, 40, state=PartState.SENDING)
    await path.store.accept([draft], NOW)
    assert 40 == (await one(path, draft.messages[0].id)).price
    await path.answer(draft.parts[0].id, PartState.REJECTED)
    assert 0 == (await one(path, draft.messages[0].id)).price


# Orders


async def test_an_order_of_many(path: Path) -> None:
    draft = order(path, 1, RECIPIENT, OTHER, RECIPIENT)
    await path.store.accept([draft, order(path, 1, OTHER)], NOW)
    ids = [row.id for row in draft.messages]
    found = await ask(path, OrderQuery(ids[0] - 1))
    assert ids == [message.id for message in found]
    assert [RECIPIENT, OTHER, RECIPIENT] == [m.recipient for m in found]
    assert {ids[0] - 1} == {message.order_id for message in found}
    assert () == await ask(path, OrderQuery(ids[0]))  # it is a message of it
    assert () == await ask(path, MessageQuery(ids[0] - 1))  # it is no message


async def test_an_order_of_one_has_the_message_s_id(path: Path) -> None:
    draft = order(path, 1, RECIPIENT)
    await path.store.accept([draft], NOW)
    message = draft.messages[0].id
    assert (await one(path, message),) == await ask(path, OrderQuery(message))


# References


async def test_the_newest_with_a_reference(path: Path) -> None:
    drafts = [
        order(path, account, recipient, ref=ref)
        for account, recipient, ref in (
            (1, RECIPIENT, "r"),
            (1, RECIPIENT, "r"),
            (1, OTHER, "r"),
            (1, RECIPIENT, "s"),
            (2, RECIPIENT, "r"),
        )
    ]
    await path.store.accept(drafts, NOW)
    ids = [draft.messages[0].id for draft in drafts]
    for account, recipient, ref, expected in (
        (1, RECIPIENT, "r", [ids[1]]),
        (1, OTHER, "r", [ids[2]]),
        (1, RECIPIENT, "s", [ids[3]]),
        (1, OTHER, "s", []),
        (2, RECIPIENT, "r", [ids[4]]),
        (2, OTHER, "r", []),
    ):
        found = await ask(path, ReferenceQuery(recipient, ref), account)
        assert expected == [message.id for message in found]


# Whose it is


async def test_nobody_sees_what_is_not_theirs(path: Path) -> None:
    mine, theirs = order(path, 1, RECIPIENT, OTHER), order(path, 2, RECIPIENT)
    bulk = large(path, [0, 0, 0])
    await path.store.accept([mine, theirs], NOW)
    await path.store.accept_bulk(bulk, [], NOW)
    for account_id, unseen in (
        (1, (theirs.messages[0].id,)),
        (2, (*(row.id for row in mine.messages), bulk.first_id, bulk.first_id + 2)),
    ):
        for message in unseen:
            assert () == await ask(path, MessageQuery(message), account_id)
            assert () == await ask(path, OrderQuery(message), account_id)
    for order_id, count in ((mine.messages[0].order_id, 2), (bulk.id, 3)):
        assert () == await ask(path, OrderQuery(order_id), 2)
        assert count == len(await ask(path, OrderQuery(order_id), 1))
        assert count == len(await ask(path, OrderQuery(order_id), None))
    assert theirs.messages[0].id == (await one(path, theirs.messages[0].id, None)).id


@pytest.mark.parametrize("asked", [MessageQuery, OrderQuery])
@pytest.mark.parametrize("number", [-1, 0, 1, 2**40, 2**63 - 1])
async def test_ids_that_are_none(
    path: Path, asked: type[MessageQuery | OrderQuery], number: int
) -> None:
    await path.store.accept([order(path, 1, RECIPIENT)], NOW)
    await path.store.accept_bulk(large(path, [0, 0]), [], NOW)
    for account_id in (1, None):
        assert () == await ask(path, asked(number), account_id)


# What is not yet made of a bulk order


async def test_messages_to_be_made_are_told_of(engine: Engine) -> None:
    write(engine, schema.account, 1, currency="NOK")
    prices = [10, 20, 30]

    async with opened(engine) as path:
        await pay_in(path, 100)
        row = large(path, prices, ref="campaign")
        await path.store.accept_bulk(row, [], NOW)
        await path.store.accept([slice_of(path, row, prices[:1], 0)], NOW)
        made, *rest = await ask(path, OrderQuery(row.id))
        assert row.first_id == made.id
        assert [
            MessageAnswer(
                row.first_id + place,
                row.id,
                f"+47999{place:05}",
                "campaign",
                MessageState.ACCEPTED,
                "",
                "",
                1,
                prices[place],
                "NOK",
                NOW,
                None,
                None,
                access_id=1,
            )
            for place in (1, 2)
        ] == rest
        for answer in (made, *rest):
            assert answer == await one(path, answer.id)
        assert () == await ask(path, MessageQuery(row.first_id + 3))
        await path.store.accept([slice_of(path, row, prices[1:], 1)], NOW)
        found = await ask(path, OrderQuery(row.id))
        assert [row.first_id + n for n in range(3)] == [m.id for m in found]


async def test_they_are_scheduled_when_it_is(path: Path) -> None:
    row = large(path, [0, 0], send_at=NOW + 60)
    await path.store.accept_bulk(row, [], NOW)
    found = await one(path, row.first_id + 1)
    assert ("scheduled", NOW + 60) == (found.state, found.send_at)


async def test_they_are_cancelled_with_it_and_cost_nothing(path: Path) -> None:
    await pay_in(path, 100)
    row = large(path, [30, 30])
    await path.store.accept_bulk(row, [], NOW)
    await path.store.ask(CancelCommand(order_id=row.id), 1, NOW)
    found = await ask(path, OrderQuery(row.id))
    assert [("cancelled", 0), ("cancelled", 0)] == [(m.state, m.price) for m in found]
    assert 100 == await balance(path)


async def test_several_bulk_orders_are_told_apart(path: Path) -> None:
    bulks = [large(path, [0] * count) for count in (3, 2, 4)]
    for row in bulks:
        await path.store.accept_bulk(row, [], NOW)
    for row in bulks:
        for place in range(row.total):
            found = await one(path, row.first_id + place)
            assert (row.id, f"+47999{place:05}") == (
                found.order_id,
                found.recipient,
            )


# When nothing can be written


async def test_questions_are_answered_while_nothing_can_be_stored(
    engine: Engine, path: Path
) -> None:
    draft = order(path, 1, RECIPIENT)
    await path.store.accept([draft], NOW)
    with engine.unwritable():
        found = await one(path, draft.messages[0].id)
    async with opened(engine.after_power_loss()) as again:
        assert found == await one(again, found.id)
    assert found == msgspec.json.decode(msgspec.json.encode(found), type=MessageAnswer)
