"""Store conformance: parts of long texts, and messages from phones."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import create_engine, insert, update
from sqlalchemy.pool import NullPool

from budstikke.domain.inbound import MediaRef
from budstikke.store import schema
from budstikke.store.contract import (
    CallbackResult,
    Conversation,
    Copy,
    Equals,
    MediaRow,
    StoredInbound,
    StoreUnavailable,
)
from store.path import NOW, RECIPIENT, Path, opened
from store.phones import NUMBER, answer, heard, held_part, phone, sent, told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import HeldPart, InboundDraft
    from store.engines import Engine

REPLY = "26114000000007"
"""A reply number."""

PHONE = "+4790000007"
NOTHING = StoredInbound([], set())


def write(engine: Engine, *statements: Any) -> None:
    """Write what an administrator writes."""
    database = create_engine(engine.url, poolclass=NullPool)
    with database.begin() as connection:
        for statement in statements:
            connection.execute(statement)
    database.dispose()


def numbers(parts: Sequence[HeldPart]) -> list[tuple[int, str]]:
    return [(part.number, part.digest) for part in parts]


async def both(path: Path) -> list[HeldPart]:
    return await path.store.hold_parts([held_part(1), held_part(2)])


# Holding


async def test_parts_are_held_until_all_are_there(path: Path) -> None:
    second = held_part(2, tlvs={"524": "0001"}, payload="050003aa0202c3a6")
    (held,) = await path.store.hold_parts([second])
    assert held.id > 0
    assert msgspec.structs.replace(second, id=held.id) == held
    both = await path.store.hold_parts([held_part(1)])
    assert [held, both[1]] == both
    assert [2, 1] == [part.number for part in both]


async def test_a_part_that_came_twice_is_held_once(path: Path) -> None:
    once = await path.store.hold_parts([held_part(1), held_part(1)])
    assert [(1, "digest 1")] == numbers(once)
    assert once == await path.store.hold_parts([held_part(1, at=NOW + 5)])


@pytest.mark.parametrize(
    "other",
    [
        {"originator": PHONE},
        {"recipient": "1963"},
        {"reference": "16:170"},
        {"total": 3},
    ],
)
async def test_parts_of_other_texts_are_kept_apart(
    path: Path, other: dict[str, Any]
) -> None:
    await path.store.hold_parts([held_part(1)])
    (held,) = await path.store.hold_parts([held_part(2, **other)])
    assert 2 == held.number
    assert 2 == len(await path.store.hold_parts([held_part(1), held_part(2, **other)]))


async def test_two_texts_with_one_reference_are_both_held(path: Path) -> None:
    await path.store.hold_parts([held_part(1, "old")])
    await path.store.hold_parts([held_part(1, "new")])
    held = await path.store.hold_parts([held_part(2, "new")])
    assert [(1, "old"), (1, "new"), (2, "new")] == numbers(held)
    taken = phone(path, held=[held[1].id, held[2].id])
    await path.store.receive([taken], NOW)
    assert [(1, "old")] == numbers(await path.store.hold_parts([held_part(1, "old")]))


async def test_parts_of_a_text_that_was_stored_are_known_again(path: Path) -> None:
    held = await both(path)
    await path.store.receive([phone(path, held=[p.id for p in held])], NOW)
    assert [] == await path.store.hold_parts([held_part(2), held_part(1)])
    await path.store.sweep(NOW + 599, 100)
    assert [] == await path.store.hold_parts([held_part(1)])


@pytest.mark.parametrize(
    ("equals", "while_held", "when_done"),
    [
        (Equals.SAME, [], []),
        (Equals.PERHAPS, [Copy.PERHAPS], [Copy.PERHAPS]),
        (Equals.ANOTHER, [Copy.ANOTHER], [Copy.NONE]),
    ],
)
async def test_what_becomes_of_an_equal_part(
    path: Path, equals: Equals, while_held: list[Copy], when_done: list[Copy]
) -> None:
    (first,) = await path.store.hold_parts([held_part(1)])
    held = await path.store.hold_parts([held_part(1, equals=equals)])
    assert first == held[0]
    assert while_held == [part.copy for part in held[1:]]
    assert {"digest 1"} == {part.digest for part in held}
    await path.store.drop_parts([part.id for part in held[1:]])
    await path.store.receive([phone(path, held=[first.id])], NOW)
    for _ in range(2):  # a third one, too
        held = await path.store.hold_parts([held_part(1, equals=equals)])
        kept = [part.copy for part in held]
        assert when_done == kept[:1]
        assert {"digest 1"} >= {part.digest for part in held}
    if held:
        await path.store.drop_parts([part.id for part in held])
    assert [first.id] == path.column("id", schema.inbound_part)


async def test_a_part_that_is_done_is_not_dropped(path: Path) -> None:
    (first,) = await path.store.hold_parts([held_part(1)])
    await path.store.receive([phone(path, held=[first.id])], NOW)
    await path.store.drop_parts([first.id, first.id + 1])
    assert [first.id] == path.column("id", schema.inbound_part)


async def test_after_a_while_they_are_forgotten(path: Path) -> None:
    held = await both(path)
    await path.store.receive([phone(path, held=[p.id for p in held])], NOW)
    waiting = await path.store.hold_parts([held_part(1, "waits", reference="other")])
    for _ in range(3):
        await path.store.sweep(NOW + 600, 1)
    assert [waiting[0].id] == path.column("id", schema.inbound_part)
    assert [(1, "digest 1")] == numbers(await path.store.hold_parts([held_part(1)]))


async def test_what_is_due_is_found_with_the_rest_of_its_text(path: Path) -> None:
    first = held_part(1, total=3, due_at=NOW + 10)
    await path.store.hold_parts([first, held_part(3, total=3, due_at=NOW + 500)])
    await path.store.hold_parts([held_part(1, reference="later", due_at=NOW + 11)])
    assert [] == await path.store.ready_parts(NOW + 9.9, 100)
    found = await path.store.ready_parts(NOW + 10, 100)
    assert [(1, "digest 1"), (3, "digest 3")] == numbers(found)
    assert 3 == len(await path.store.ready_parts(NOW + 11, 100))
    assert 2 == len(await path.store.ready_parts(NOW + 11, 1))


async def test_a_whole_text_that_was_not_joined_is_found_after_a_crash(
    engine: Engine,
    path: Path,
) -> None:
    await both(path)
    await path.store.hold_parts([held_part(1, "twice", reference="half")])
    await path.store.hold_parts([held_part(1, "also", reference="half")])
    async with opened(engine.after_power_loss(), NOW + 1) as again:
        held = await again.store.ready_parts(NOW + 1, 100)
        assert [(1, "digest 1"), (2, "digest 2")] == numbers(held)
        draft = phone(again, held=[part.id for part in held])
        await again.store.receive([draft], NOW + 1)
        assert [] == await again.store.ready_parts(NOW + 1, 100)


async def test_parts_that_cannot_be_held_are_not(engine: Engine, path: Path) -> None:
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.hold_parts([held_part(1)])
    assert 1 == len(await path.store.hold_parts([held_part(2)]))


# Receiving


async def test_a_message_of_nobody_is_a_row_and_nothing_more(path: Path) -> None:
    draft = phone(path, access_id=None, account_id=None)
    assert NOTHING == await path.store.receive([draft], NOW)
    assert [None] == path.column("access_id", schema.inbound)
    assert [draft.event.message_id] == path.column("id", schema.inbound)
    assert [] == path.column("id", schema.callback)


async def test_what_is_told_is_leased(path: Path) -> None:
    silent, draft = phone(path), phone(path, 'said\n"é\\"\0', notify=True)
    received = await path.store.receive([silent, draft], NOW)
    (row,) = received.callbacks
    assert (1, draft.event, 0) == (row.access_id, row.event, row.tries)
    assert set() == received.queues
    assert [] == (await path.store.wake(NOW + 60, 10, 10)).callbacks
    assert 2 == len(path.column("id", schema.inbound))


async def test_what_is_told_comes_back_as_it_was(path: Path) -> None:
    event = {"data": "00ff", "keyword": "VI VIL", "number_id": 7, "keyword_id": 8}
    event |= {"reply_to": 1234, "reply": True, "missing": 2, "subject": "Emne"}
    draft = phone(path, 'said\n"é\\"', notify=True, event=event)
    (row,) = (await path.store.receive([draft], NOW)).callbacks
    assert [row] == (await path.store.wake(NOW + 3600, 10, 10)).callbacks


async def test_a_text_is_stored_once_whoever_joins_it_again(path: Path) -> None:
    ids = [part.id for part in await both(path)]
    drafts = [phone(path, held=ids, notify=True) for _ in range(3)]
    first = await path.store.receive(drafts[:2], NOW)
    assert [drafts[0].event] == [row.event for row in first.callbacks]
    assert NOTHING == await path.store.receive(drafts[2:], NOW)
    assert [drafts[0].event.message_id] == path.column("id", schema.inbound)


async def test_one_part_that_is_done_leaves_out_the_whole(path: Path) -> None:
    one, two = await both(path)
    await path.store.receive([phone(path, held=[one.id])], NOW)
    late = told(path, "late")[0]
    late.held, late.opt_out, late.sends = [one.id, two.id], True, [(answer("x"), 0)]
    assert NOTHING == await path.store.receive([late], NOW)
    assert [] == path.column("id", schema.callback)
    assert [] == path.column("id", schema.queue)
    assert [two] == await path.store.ready_parts(NOW + 600, 10)


async def test_ids_do_not_collide_after_a_power_loss(
    engine: Engine, path: Path
) -> None:
    first = phone(path)
    await path.store.receive([first], NOW)
    async with opened(engine.after_power_loss()) as again:
        later = phone(again)
        assert later.event.message_id > first.event.message_id
        await again.store.receive([later], NOW)
        assert 2 == len(again.column("id", schema.inbound))


async def test_nothing_is_left_of_what_could_not_be_stored(
    engine: Engine, path: Path
) -> None:
    ids = [part.id for part in await both(path)]
    draft = told(path, "Hei")[0]
    draft.held, draft.opt_out, draft.sends = ids, True, [(answer("x"), NOW)]
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.receive([draft], NOW)
    for table in (schema.inbound, schema.callback, schema.queue):
        assert [] == path.column("id", table)
    assert 0 == await path.store.revision()
    assert ["held", "held"] == path.column("state", schema.inbound_part)
    received = await path.store.receive([draft], NOW)
    (queue_id,) = received.queues
    head = await path.store.take_queue(queue_id, 10, NOW)
    assert head is not None
    assert [1] == [heard(row).counter for row in head.callbacks]


async def test_many_receive_at_once(path: Path) -> None:
    drafts = told(path, *map(str, range(40)))
    batches = [path.store.receive(drafts[n : n + 4], NOW) for n in range(0, 40, 4)]
    (queue_id,) = {
        queue for each in await asyncio.gather(*batches) for queue in each.queues
    }
    head = await path.store.take_queue(queue_id, 100, NOW)
    assert head is not None
    assert list(range(1, 41)) == [heard(row).counter for row in head.callbacks]


# Answers to phones


async def test_what_is_sent_now_is_leased_and_the_rest_waits(path: Path) -> None:
    sends = [(answer("now"), NOW), (answer("later"), NOW + 1800)]
    draft = phone(path, sends=sends)
    (row,) = (await path.store.receive([draft], NOW)).callbacks
    assert (1, answer("now"), 0) == (row.access_id, row.event, row.tries)
    assert [answer("").message_id] * 2 == path.column("message_id", schema.callback)
    await path.store.record_callbacks(
        [CallbackResult(row.id, "done", None, 1, "", NOW)]
    )
    assert [] == (await path.store.wake(NOW + 1799, 10, 10)).callbacks
    (later,) = (await path.store.wake(NOW + 1800, 10, 10)).callbacks
    assert answer("later") == later.event


async def waiting(path: Path) -> tuple[int, int]:
    """Store a message whose receipt waits for it; returns the callbacks' ids."""
    sends = [(answer("stop", "stop"), NOW), (answer("fallback"), NOW + 1800)]
    draft = phone(path, notify=True, sends=sends, waiting=1)
    rows = (await path.store.receive([draft], NOW)).callbacks
    pushed, stop = sorted(rows, key=lambda row: row.id)
    assert "stop" == sent(stop).why
    assert heard(pushed).receipt_id not in {0, pushed.id, stop.id}
    results = [CallbackResult(stop.id, "done", None, 1, "", NOW)]
    await path.store.record_callbacks(results)
    return pushed.id, heard(pushed).receipt_id


def understood(id_: int, receipt: tuple[int, str]) -> CallbackResult:
    return CallbackResult(id_, "done", None, 1, "OK", NOW + 1, 200, 0.2, "", receipt)


async def test_a_receipt_goes_when_its_message_was_understood(path: Path) -> None:
    id_, receipt_id = await waiting(path)
    text = 'Takk "Ola"\n\\ é'
    await path.store.record_callbacks([understood(id_, (receipt_id, text))])
    (row,) = (await path.store.wake(NOW + 1, 10, 10)).callbacks
    assert (receipt_id, answer(text)) == (row.id, row.event)
    # It is on its way: nothing changes it any more.
    await path.store.record_callbacks([understood(id_, (receipt_id, "another"))])
    (row,) = (await path.store.wake(NOW + 3600, 10, 10)).callbacks
    assert answer(text) == row.event


async def test_a_receipt_whose_message_is_told_late_has_gone(path: Path) -> None:
    id_, receipt_id = await waiting(path)
    await path.store.record_callbacks(
        [CallbackResult(id_, "due", NOW + 9999, 1, "", NOW)]
    )
    (row,) = (await path.store.wake(NOW + 1800, 10, 10)).callbacks
    assert answer("fallback") == row.event
    await path.store.record_callbacks(
        [CallbackResult(row.id, "done", None, 1, "", NOW)]
    )
    await path.store.record_callbacks([understood(id_, (receipt_id, "late"))])
    assert [] == (await path.store.wake(NOW + 9e5, 10, 10)).callbacks


async def test_an_empty_receipt_is_not_sent(path: Path) -> None:
    id_, receipt_id = await waiting(path)
    await path.store.record_callbacks([understood(id_, (receipt_id, ""))])
    assert [] == (await path.store.wake(NOW + 9e5, 10, 10)).callbacks
    assert ["done"] * 3 == path.column("state", schema.callback)


async def test_only_what_is_sent_can_be_a_receipt(path: Path) -> None:
    draft = phone(path, "Hei", notify=True)
    (row,) = (await path.store.receive([draft], NOW)).callbacks
    await path.store.record_callbacks(
        [CallbackResult(row.id, "due", NOW + 9, 1, "", NOW)]
    )
    await path.store.record_callbacks([understood(99, (row.id, "no"))])
    (again,) = (await path.store.wake(NOW + 9, 10, 10)).callbacks
    assert draft.event == again.event


# Opting out


async def test_who_opts_out_is_on_the_list_and_the_directory_changes(
    path: Path,
) -> None:
    first, again = (phone(path, "STOP", opt_out=True) for _ in range(2))
    await path.store.receive([first, again], NOW)
    assert 1 == await path.store.revision()
    await path.store.receive([phone(path, "STOP", opt_out=True)], NOW + 1)
    assert 1 == await path.store.revision()
    assert [True, True, True] == [
        bool(value) for value in path.column("opt_out", schema.inbound)
    ]
    assert [(RECIPIENT, 1, "stop", NOW, first.event.message_id)] == suppressed(path)


def suppressed(path: Path) -> list[tuple[Any, ...]]:
    database = create_engine(path.engine.url, poolclass=NullPool)
    with database.connect() as connection:
        c = schema.suppression.c
        chosen = schema.suppression.select().with_only_columns(
            c.number, c.account_id, c.reason, c.at, c.inbound_id
        )
        found = [tuple(row) for row in connection.execute(chosen)]
    database.dispose()
    return found


async def test_each_account_has_its_own_list(path: Path) -> None:
    await path.store.receive([phone(path, opt_out=True)], NOW)
    other = phone(path, opt_out=True, access_id=2, account_id=2)
    await path.store.receive([other], NOW)
    assert [1, 2] == sorted(row[1] for row in suppressed(path))
    directory = await path.store.directory({})
    assert 2 == directory.revision
    assert frozenset() == directory.blacklist


# Threads


async def replied(path: Path, phone: str, number: str = REPLY) -> Conversation | None:
    (found,) = await path.store.conversations([(number, phone)])
    return found


async def test_a_reply_leads_to_the_newest_message_to_that_phone(path: Path) -> None:
    (first,) = await path.accept(PHONE, originator=REPLY)
    (second,) = await path.accept(PHONE, originator=REPLY, access_id=2)
    (other,) = await path.accept(originator=REPLY)
    assert Conversation(second, 2, 0) == await replied(path, PHONE)
    assert Conversation(other, 1, 0) == await replied(path, RECIPIENT)
    assert first < second < other


async def test_from_another_phone_it_is_the_newest_of_all(path: Path) -> None:
    await path.accept("+4799999998", originator=REPLY)
    (newest,) = await path.accept("+4711111111", originator=REPLY)
    assert Conversation(newest, 1, 0) == await replied(path, "+4699")


async def test_other_numbers_lead_nowhere(path: Path) -> None:
    await path.accept(PHONE, originator="2229")
    (ours,) = await path.accept(PHONE, originator=REPLY)
    asked = [(REPLY[:-1] + "8", PHONE), ("2229", PHONE), (REPLY, PHONE)]
    assert [None, None, Conversation(ours, 1, 0)] == await path.store.conversations(
        asked
    )
    assert [] == await path.store.conversations([])


# The tray


def tray(path: Path, **fields: Any) -> InboundDraft:
    return phone(path, access_id=None, account_id=None, **fields)


def assign(path: Path, draft: InboundDraft, access_id: int) -> None:
    table = schema.inbound
    chosen = update(table).where(table.c.id == draft.event.message_id)
    write(path.engine, chosen.values(assign_id=access_id))


async def test_what_an_administrator_assigned_is_found_whole(path: Path) -> None:
    media = [MediaRow(n, p, "n", "image/png", b"-") for p, n in ((2, "a"), (1, "b"))]
    refs = tuple(MediaRef(id_, "n", "image/png", 1) for id_ in "ba")
    event = {"data": "00ff", "missing": 2, "subject": "Emne", "number_id": 7}
    draft = tray(path, event=event | {"media": refs}, media=media)
    await path.store.receive([tray(path), draft], NOW)
    assert [] == await path.store.assigned_unrouted(10)
    assign(path, draft, 2)
    (found,) = await path.store.assigned_unrouted(10)
    assert (draft.event, 1, NUMBER, 2) == (
        found.event,
        found.carrier_id,
        found.recipient,
        found.access_id,
    )


async def test_what_was_assigned_is_told_once(path: Path) -> None:
    draft = tray(path)
    await path.store.receive([draft], NOW)
    assign(path, draft, 2)
    (found,) = await path.store.assigned_unrouted(10)
    found.event.keyword_id = 5
    given = phone(path, access_id=2, account_id=2, notify=True, assigned=True)
    given.event = found.event
    rows = (await path.store.receive([given, given], NOW)).callbacks
    assert [(2, found.event)] == [(row.access_id, row.event) for row in rows]
    assert NOTHING == await path.store.receive([given], NOW)
    assert [] == await path.store.assigned_unrouted(10)
    for name, value in (("access_id", 2), ("account_id", 2), ("keyword_id", 5)):
        assert [value] == path.column(name, schema.inbound)


async def test_the_oldest_are_assigned_first(path: Path) -> None:
    drafts = [tray(path) for _ in range(3)]
    await path.store.receive(drafts, NOW)
    for draft in drafts:
        assign(path, draft, 1)
    found = await path.store.assigned_unrouted(2)
    expected = [draft.event.message_id for draft in drafts[:2]]
    assert expected == [each.event.message_id for each in found]


# The number directory


async def test_subscribers_are_looked_up(engine: Engine, path: Path) -> None:
    row = {"number": PHONE, "name": "Åse Ås", "address": 'Vei 1\n"0001"'}
    write(engine, insert(schema.subscriber).values(**row))
    found = await path.store.subscribers([RECIPIENT, PHONE, PHONE])
    assert {PHONE: ("Åse Ås", 'Vei 1\n"0001"')} == found
    assert {} == await path.store.subscribers([])
