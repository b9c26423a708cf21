"""Store conformance: pages, and what customers change of what is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select, update

from budstikke.domain import listing
from budstikke.domain.callback import CallbackState
from budstikke.domain.listing import (
    Changed,
    Contact,
    ContactQuery,
    ContactsQuery,
    EraseAnswer,
    EraseCommand,
    EraseInboundCommand,
    GroupsQuery,
    LedgerQuery,
    MembersQuery,
    OptOut,
    OptOutQuery,
    OptOutsQuery,
    OrderRecordQuery,
    PutContactCommand,
    PutOptOutCommand,
    RecordQuery,
    RecordsQuery,
    RenameCommand,
)
from budstikke.domain.message import NotifyOn
from budstikke.domain.queries import (
    CancelAnswer,
    CancelCommand,
    GroupCommand,
    GroupVerb,
    MessagesAnswer,
    ReferenceQuery,
)
from budstikke.domain.receipt import Reason, Receipt, ReceiptState
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState, PartState
from budstikke.store import schema
from budstikke.store.admin import open_engine
from budstikke.store.contract import (
    BulkProgress,
    BulkRow,
    CallbackResult,
    Draft,
    Entry,
    MediaRow,
    RecurringRow,
)
from budstikke.store.verbs import listing as pages
from store.path import NOW, RECIPIENT, Path, opened
from store.phones import held_part, phone

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.engines import Engine

OTHER_RECIPIENT = "+4799999998"


async def ask(path: Path, asked: Any, account_id: int = 1) -> Any:
    return await path.store.ask(asked, account_id, NOW)


def own(engine: Engine, ids: Sequence[int], account_id: int = 1) -> None:
    """Give messages to an account: the path here leaves it out."""
    database = open_engine(engine.url)
    message = schema.message
    with database.begin() as connection:
        connection.execute(
            update(message).where(message.c.id.in_(ids)).values(account_id=account_id)
        )
    database.dispose()


async def accept(path: Path, *recipients: str, **columns: Any) -> list[int]:
    ids = await path.accept(*recipients, **columns)
    own(path.engine, ids)
    return ids


async def follow(path: Path, limit: int, **which: Any) -> list[int]:
    """Follow pages to the last; returns the ids in order."""
    found: list[int] = []
    before: int | None = None
    while True:
        page = await ask(path, RecordsQuery(limit=limit, before=before, **which))
        found += [record.id for record in page.records]
        if page.next is None:
            return found
        assert len(page.records) <= limit
        before = page.next


async def test_a_record(path: Path) -> None:
    (message_id,) = await accept(path, parts=3, ref="r", priority=2, flash=1)
    (record,) = (await ask(path, RecordQuery(message_id))).records
    expected = listing.Record(
        id=message_id,
        order_id=message_id,
        originator="Budstikke",
        recipient=RECIPIENT,
        ref="r",
        text="text 1text 2text 3",
        encoding="gsm",
        segments=3,
        state=MessageState.ACCEPTED,
        reason="",
        raw="",
        price=0,
        currency="",
        flash=True,
        priority=2,
        accepted_at=NOW,
        send_at=None,
        final_at=None,
        deleted=False,
    )
    assert expected == record
    assert () == (await ask(path, RecordQuery(message_id), 2)).records
    assert () == (await ask(path, RecordQuery(message_id + 1))).records


async def test_records_by_pages(engine: Engine, path: Path) -> None:
    ids = await accept(path, *[RECIPIENT] * 10)
    theirs = await path.accept(*[RECIPIENT] * 3)
    own(engine, theirs, 2)
    more = await accept(path, *[RECIPIENT] * 2)
    newest_first = (ids + more)[::-1]
    for limit in (1, 3, 12, 13):
        assert newest_first == await follow(path, limit)
    assert newest_first == await follow(path, 2, recipient=RECIPIENT)


async def test_records_of_some(engine: Engine, path: Path) -> None:
    one, two = await accept(path, RECIPIENT, OTHER_RECIPIENT, ref="r")
    (three,) = await accept(path, RECIPIENT, ref="s")
    (part,) = await path.sent(RECIPIENT, smsc_ids=["x"], ref="r")
    own(engine, [part >> 8])
    sent = part >> 8
    state = MessageState
    for which, expected in (
        ({"ref": "r"}, [sent, two, one]),
        ({"ref": "r", "recipient": RECIPIENT}, [sent, one]),
        ({"ref": "r", "recipient": RECIPIENT, "state": state.SENT}, [sent]),
        ({"state": state.ACCEPTED}, [three, two, one]),
        ({"state": state.DELIVERED}, []),
        ({"order_id": one}, [two, one]),
        ({"order_id": one, "recipient": OTHER_RECIPIENT}, [two]),
        ({"order_id": two}, []),
        ({"order_id": one, "ref": "s"}, []),
        ({"ref": ""}, []),
    ):
        for limit in (1, 5):
            assert expected == await follow(path, limit, **which), which


async def test_a_page_looks_at_so_many(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LOOKED_AT", 4)

    async with opened(engine) as path:
        (rare,) = await accept(path, OTHER_RECIPIENT)
        await accept(path, *[RECIPIENT] * 10)
        asked = RecordsQuery(limit=3, recipient=OTHER_RECIPIENT)
        first = await ask(path, asked)
        assert () == first.records
        assert first.next is not None
        assert [rare] == await follow(path, 3, recipient=OTHER_RECIPIENT)


async def test_an_order(path: Path) -> None:
    first, second = await accept(path, RECIPIENT, RECIPIENT, parts=2)
    (part,) = [id_ for id_ in path.parts() if id_ == (second << 8) + 1]
    await path.store.claim(1, 10, NOW)
    await path.answer(part, PartState.REJECTED, parts=2)
    order = (await ask(path, OrderRecordQuery(first))).order
    assert {MessageState.ACCEPTED: 1, MessageState.REJECTED: 1} == order.states
    assert (first, 0, 4, NOW, 0) == (
        order.id,
        order.pending,
        order.segments,
        order.accepted_at,
        order.times,
    )
    for asked, account_id in (
        (OrderRecordQuery(first), 2),
        (OrderRecordQuery(second), 1),
        (OrderRecordQuery(7), 1),
    ):
        assert (await ask(path, asked, account_id)).order is None


async def test_an_order_that_is_not_yet_made(path: Path) -> None:
    order_id = path.store.reserve_ids(4)
    numbers = f'["{RECIPIENT}", "{OTHER_RECIPIENT}", "{RECIPIENT}"]'.encode()
    content = b'{"order": {"ref": "r"}}'
    row = BulkRow(order_id, 1, NOW, order_id + 1, 3, 0, content, numbers)
    await path.store.accept_bulk(row, [], NOW)
    draft = path.draft(order_id + 1, RECIPIENT)
    draft.messages[0].order_id = order_id
    draft.messages[0].account_id = 1
    draft.progress = BulkProgress(order_id, 1)
    await path.store.accept([draft], NOW)
    order = (await ask(path, OrderRecordQuery(order_id))).order
    assert ({MessageState.ACCEPTED: 1}, 2) == (order.states, order.pending)
    (record,) = (await ask(path, RecordQuery(order_id + 2))).records
    assert (order_id, OTHER_RECIPIENT, "r", None) == (
        record.order_id,
        record.recipient,
        record.ref,
        record.text,
    )
    assert () == (await ask(path, RecordQuery(order_id + 2), 2)).records
    await path.store.ask(CancelCommand(order_id=order_id), 1, NOW)
    order = (await ask(path, OrderRecordQuery(order_id))).order
    assert ({MessageState.CANCELLED: 3}, 0) == (order.states, order.pending)


async def test_an_order_that_repeats(path: Path) -> None:
    order_id = path.store.reserve_ids(1)
    draft = path.draft(order_id)
    draft.messages[0].account_id = 1
    draft.repeats = RecurringRow(order_id, 1, b"{}", NOW, 0, NOW + 60)
    await path.store.accept([draft], NOW)
    order = (await ask(path, OrderRecordQuery(order_id))).order
    assert (1, NOW + 60) == (order.times, order.next_at)
    turn = RecurringRow(order_id, 1, b"", NOW, 1, NOW + 120)
    await path.store.accept([Draft([], [], occurrence=turn)], NOW)
    order = (await ask(path, OrderRecordQuery(order_id))).order
    assert (2, NOW + 120) == (order.times, order.next_at)
    answer = await path.store.ask(CancelCommand(order_id=order_id), 1, NOW)
    assert isinstance(answer, CancelAnswer)
    assert answer.ended
    order = (await ask(path, OrderRecordQuery(order_id))).order
    assert (2, None) == (order.times, order.next_at)


@pytest.mark.parametrize(
    ("state", "erased"),
    [
        (PartState.QUEUED, False),
        (PartState.SENDING, False),
        (PartState.UNSURE, False),
        (PartState.SENT, True),
        (PartState.REJECTED, True),
    ],
)
async def test_erasing_what_needs_no_text(
    path: Path, state: PartState, *, erased: bool
) -> None:
    wanted = PartState.QUEUED if state is PartState.QUEUED else PartState.SENDING
    (message_id,) = await accept(path, state=wanted)
    if state not in (PartState.QUEUED, PartState.SENDING):
        await path.answer((message_id << 8) + 1, state, "x")
    assert EraseAnswer(False, False) == await ask(path, EraseCommand(message_id), 2)
    answer = await ask(path, EraseCommand(message_id))
    assert EraseAnswer(True, erased) == answer
    (record,) = (await ask(path, RecordQuery(message_id))).records
    assert (erased, None if erased else "text 1") == (record.deleted, record.text)
    assert ["" if erased else "text 1"] == path.column("text")
    listed = (await ask(path, RecordsQuery(limit=5))).records
    shown = [] if erased else [message_id]
    assert shown == [each.id for each in listed]


PERSONAL = "+4790000077"
"""A number that must be nowhere when it was erased."""


def everywhere(path: Path) -> str:
    """Read all that a database holds, but for what may stay."""
    with open_engine(path.engine.url).connect() as connection:
        return " ".join(
            str(tuple(row))
            for table in schema.metadata.sorted_tables
            if table is not schema.suppression
            for row in connection.execute(select(table))
        )


async def test_erasing_leaves_nothing_of_the_person(path: Path) -> None:
    message_id = path.store.reserve_ids(1)
    draft = path.draft(message_id, PERSONAL, state=PartState.SENDING)
    row = draft.messages[0]
    row.account_id, row.ref, row.notify_on = 1, "r", NotifyOn.FINAL | NotifyOn.SENT
    row.callback_url = f"https://customer.example/?to={PERSONAL}"
    draft.parts[0].text = "private"
    await path.store.accept([draft], NOW)
    part_id = (message_id << 8) + 1
    await path.answer(part_id, PartState.SENT, "x")
    assert PERSONAL in everywhere(path)
    assert (await ask(path, EraseCommand(message_id))).erased
    held = everywhere(path)
    assert PERSONAL not in held
    assert "private" not in held
    found = await path.store.ask(ReferenceQuery(PERSONAL, "r"), 1, NOW)
    assert isinstance(found, MessagesAnswer)
    assert [True] == [each.deleted for each in found.messages]
    # What comes late is counted, and told nobody.
    receipts = [Receipt("x", None, ReceiptState.DELIVERED, Reason.NONE, "", NOW, "")]
    assert [] == await path.store.settle(1, receipts, NOW, 60)
    assert ["delivered"] == path.column("state", schema.message)
    assert (await ask(path, EraseCommand(message_id))).erased


async def test_erasing_a_message_from_a_phone(path: Path) -> None:
    held = await path.store.hold_parts(
        [held_part(1, originator=PERSONAL), held_part(2, originator=PERSONAL)]
    )
    draft = phone(path, "private", opt_out=True)
    draft.event.originator = PERSONAL
    draft.held, draft.notify = [part.id for part in held], True
    draft.media = [MediaRow("1", 1, "a.jpg", "image/jpeg", b"private")]
    (callback,) = (await path.store.receive([draft], NOW)).callbacks
    message_id = draft.event.message_id
    erase = EraseInboundCommand(message_id)
    assert EraseAnswer(False, False) == await ask(path, erase, 2)
    assert EraseAnswer(True, False) == await ask(path, erase)
    done = CallbackResult(callback.id, CallbackState.DONE, None, 1, "", NOW)
    await path.store.record_callbacks([done])
    assert EraseAnswer(True, True) == await ask(path, erase)
    left = everywhere(path)
    assert PERSONAL not in left
    assert "private" not in left
    assert (await ask(path, OptOutQuery(PERSONAL))).opt_outs
    assert EraseAnswer(False, False) == await ask(path, erase)


async def test_erasing_also_what_an_order_was_made_from(path: Path) -> None:
    order_id = path.store.reserve_ids(2)
    row = BulkRow(
        order_id, 1, NOW, order_id + 1, 1, 0, b'{"text": "t"}', b'["+4799999999"]'
    )
    await path.store.accept_bulk(row, [], NOW)
    draft = path.draft(order_id + 1, state=PartState.SENDING)
    draft.messages[0].order_id = order_id
    draft.messages[0].account_id = 1
    draft.progress = BulkProgress(order_id, 1)
    await path.store.accept([draft], NOW)
    await path.answer(((order_id + 1) << 8) + 1, PartState.SENT, "x")
    assert (await ask(path, EraseCommand(order_id + 1))).erased
    assert ["{}"] == path.column("content", schema.bulk)
    assert ["[]"] == path.column("recipients", schema.bulk)


async def test_the_ledger(path: Path) -> None:
    for number in range(5):
        entries = [Entry("payment", number), Entry("fee", -1, "monthly")]
        await path.store.post_entries(1, entries, NOW + number // 2)
        await path.store.post_entries(2, [Entry("payment", 7)], NOW)
    amounts: list[int] = []
    before: int | None = None
    while True:
        page = await ask(path, LedgerQuery(limit=3, before=before))
        amounts += [entry.amount for entry in page.entries]
        if page.next is None:
            break
        before = page.next
    assert [-1, 4, -1, 3, -1, 2, -1, 1, -1, 0] == amounts
    newest = (await ask(path, LedgerQuery(limit=1))).entries[0]
    assert ("fee", 5, "monthly") == (newest.kind, newest.balance, newest.note)
    # The cursor of another's ledger leads nowhere.
    theirs = (await ask(path, LedgerQuery(limit=1), 2)).entries[0]
    page = await ask(path, LedgerQuery(limit=1, before=theirs.id))
    assert () == page.entries


async def test_groups_and_members(path: Path) -> None:
    for name in ("b", "a", "c"):
        await ask(path, GroupCommand(verb=GroupVerb.ADD, group=name))
    await ask(path, GroupCommand(verb=GroupVerb.ADD, group="d"), 2)
    first = await ask(path, GroupsQuery(limit=2))
    assert (("a", "b"), "b") == (first.names, first.next)
    rest = await ask(path, GroupsQuery(limit=2, after="b"))
    assert (("c",), None) == (rest.names, rest.next)
    for n in range(3):
        number = f"+4790000{n:03}"
        asked = GroupCommand(verb=GroupVerb.ADD_MEMBER, group="a", number=number)
        await ask(path, asked)
    page = await ask(path, MembersQuery(group="a", limit=2))
    assert ["+4790000000", "+4790000001"] == [c.number for c in page.contacts]
    rest = await ask(path, MembersQuery(group="a", limit=2, after=page.next))
    assert ["+4790000002"] == [c.number for c in rest.contacts]
    assert rest.next is None
    assert Changed(True) == await ask(path, RenameCommand("a", "z"))
    assert Changed(False) == await ask(path, RenameCommand("z", "b"))
    assert ("b", "c", "z") == (await ask(path, GroupsQuery(limit=9))).names
    for refused, account_id in (
        (MembersQuery(group="a", limit=2), 1),
        (MembersQuery(group="z", limit=2), 2),
        (RenameCommand("a", "q"), 1),
        (RenameCommand("z", "q"), 2),
    ):
        with pytest.raises(Refusal) as caught:
            await ask(path, refused, account_id)
        assert RefusalCode.UNKNOWN_GROUP is caught.value.code


async def test_contacts(path: Path) -> None:
    kari = Contact(RECIPIENT, "Kari", True)
    assert Changed(True) == await ask(path, PutContactCommand(kari))
    silent = Contact(RECIPIENT, "", False)
    assert Changed(False) == await ask(path, PutContactCommand(silent))
    assert (silent,) == (await ask(path, ContactQuery(RECIPIENT))).contacts
    assert () == (await ask(path, ContactQuery(RECIPIENT), 2)).contacts
    await ask(path, PutContactCommand(Contact(OTHER_RECIPIENT, "", True)))
    page = await ask(path, ContactsQuery(limit=1))
    assert OTHER_RECIPIENT == page.next
    rest = await ask(path, ContactsQuery(limit=1, after=page.next))
    assert ((silent,), None) == (rest.contacts, rest.next)
    await ask(path, GroupCommand(verb=GroupVerb.ADD, group="a"))
    member = GroupCommand(verb=GroupVerb.ADD_MEMBER, group="a", number=RECIPIENT)
    await ask(path, member)
    drop = listing.DropContactCommand(RECIPIENT)
    assert Changed(False) == await ask(path, drop, 2)
    assert Changed(True) == await ask(path, drop)
    assert Changed(False) == await ask(path, drop)
    assert () == (await ask(path, MembersQuery(group="a", limit=2))).contacts


async def test_opt_outs(path: Path) -> None:
    revision = await path.store.revision()
    put = PutOptOutCommand(OptOut(RECIPIENT, "letter"))
    assert Changed(True) == await ask(path, put)
    again = PutOptOutCommand(OptOut(RECIPIENT, "again"))
    assert Changed(False) == await ask(path, again)
    assert revision + 1 == await path.store.revision()
    await ask(path, PutOptOutCommand(OptOut(OTHER_RECIPIENT, "api")))
    page = await ask(path, OptOutsQuery(limit=1))
    assert OTHER_RECIPIENT == page.next
    rest = await ask(path, OptOutsQuery(limit=1, after=page.next))
    assert ((OptOut(RECIPIENT, "letter"),), None) == (rest.opt_outs, rest.next)
    assert () == (await ask(path, OptOutQuery(RECIPIENT), 2)).opt_outs
    drop = listing.DropOptOutCommand(RECIPIENT)
    assert Changed(False) == await ask(path, drop, 2)
    assert Changed(True) == await ask(path, drop)
    assert revision + 3 == await path.store.revision()
    assert () == (await ask(path, OptOutQuery(RECIPIENT))).opt_outs
