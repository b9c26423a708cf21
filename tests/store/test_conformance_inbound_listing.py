"""Store conformance: pages of numbers, messages from phones, events and callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import insert, select

from budstikke.domain.callback import CallbackState, QueueState, SendEvent, Topic
from budstikke.domain.callback_listing import (
    REPLAYED_AT_ONCE,
    Attempt,
    CallbackRecordQuery,
    CallbacksQuery,
    EventsQuery,
    QueueRecord,
    QueuesQuery,
    ReplayCommand,
    ResendAnswer,
    ResendCommand,
)
from budstikke.domain.inbound import InboundEvent, Kind, MediaPart, MediaRef
from budstikke.domain.inbound_listing import (
    MOST_WAITING,
    AddRequestCommand,
    CancelRequestCommand,
    InboundMessageQuery,
    InboundRecord,
    InboundsQuery,
    MediaQuery,
    NumberRequest,
    NumbersQuery,
    OwnNumber,
    RequestQuery,
    RequestsQuery,
)
from budstikke.domain.listing import Changed
from budstikke.domain.message import StatusEvent
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store import schema
from budstikke.store.admin import open_engine
from store.engines import catch_up
from store.path import NOW, RECIPIENT, Path, opened

if TYPE_CHECKING:
    from store.engines import Engine

EXTRA = 3
"""A second access of account 1."""


async def ask(path: Path, asked: Any, account_id: int = 1) -> Any:
    return await path.store.ask(asked, account_id, NOW)


def add(engine: Engine, table: Any, *rows: dict[str, Any]) -> None:
    database = open_engine(engine.url)
    with database.begin() as connection:
        connection.execute(insert(table), list(rows))
        catch_up(connection, table)
    database.dispose()


def read(engine: Engine, table: Any, *names: str) -> list[tuple[Any, ...]]:
    database = open_engine(engine.url)
    with database.connect() as connection:
        columns = [table.c[name] for name in names]
        found = connection.execute(select(*columns).order_by(table.c.id)).all()
    database.dispose()
    return [tuple(row) for row in found]


@pytest.fixture(autouse=True)
def _second_access(engine: Engine) -> None:
    row = {"id": EXTRA, "account_id": 1, "dialect": "native", "identifier": "abc"}
    add(engine, schema.access, row)


# -- numbers


def number(id_: int, value: str, kind: str, access_id: int | None) -> dict[str, Any]:
    return {"id": id_, "value": value, "kind": kind, "access_id": access_id}


def keyword(id_: int, word: str, access_id: int, **more: Any) -> dict[str, Any]:
    row = {"id": id_, "number_id": 1, "word": word, "access_id": access_id}
    return {**row, "aliases": "[]", "url": "", "receipt": "", **more}


def fill_numbers(engine: Engine) -> None:
    add(
        engine,
        schema.number,
        number(1, "2229", "shared", None),
        number(2, "4759440000", "owned", 1),
        number(3, "26114123", "series", EXTRA),
        number(4, "4759440002", "owned", 2),
    )
    full = {"aliases": '["TIP"]', "url": "https://a.example", "receipt": "Takk"}
    add(
        engine,
        schema.keyword,
        keyword(1, "TIPS", 1, **full),
        keyword(2, "", EXTRA),
        keyword(3, "OTHER", 2),
    )


async def test_own_numbers_and_keywords(engine: Engine) -> None:
    fill_numbers(engine)

    async with opened(engine) as path:
        page = await ask(path, NumbersQuery(limit=10))
        front, native = ("front", "1"), ("native", "abc")
        assert (
            OwnNumber("2229", "shared", "", (), native, "", ""),
            OwnNumber(
                "2229", "shared", "TIPS", ("TIP",), front, "https://a.example", "Takk"
            ),
            OwnNumber("26114123", "series", "", (), native, "", ""),
            OwnNumber("4759440000", "owned", "", (), front, "", ""),
        ) == page.numbers
        assert page.next is None
        theirs = await ask(path, NumbersQuery(limit=10), 2)
        assert ["OTHER", ""] == [each.word for each in theirs.numbers]


async def test_numbers_by_pages(engine: Engine) -> None:
    fill_numbers(engine)

    async with opened(engine) as path:
        found = []
        after: Any = ("", "")
        for _ in range(4):
            page = await ask(path, NumbersQuery(limit=1, after=after))
            found += [(each.value, each.word) for each in page.numbers]
            after = page.next
        assert after is None
        assert [
            *(("2229", ""), ("2229", "TIPS")),
            *(("26114123", ""), ("4759440000", "")),
        ] == found


# -- messages from phones


def inbound(id_: int, account_id: int | None = 1, **columns: Any) -> dict[str, Any]:
    return {
        "id": id_,
        "access_id": account_id,
        "account_id": account_id,
        "carrier_id": 1,
        "originator": RECIPIENT,
        "recipient": "2229",
        "kind": "sms",
        "text": f"TIPS {id_}",
        "data": "",
        "subject": "",
        "keyword": "TIPS",
        "reply_to": None,
        "missing": 0,
        "opt_out": False,
        "sent_at": NOW + id_ - 1,
        "came_at": NOW + id_,
        **columns,
    }


async def test_a_message_from_a_phone(engine: Engine) -> None:
    add(
        engine,
        schema.inbound,
        inbound(1, kind="mms", subject="Bilde", reply_to=77, missing=2, opt_out=True),
    )
    add(
        engine,
        schema.media,
        *(
            {
                "id": f"{place:020}",
                "message_id": 1,
                "place": place,
                "name": f"{place}.jpg",
                "type": "image/jpeg",
                "size": 3,
                "data": b"\0\xff" + bytes([place]),
            }
            for place in (2, 1)
        ),
    )

    async with opened(engine) as path:
        (record,) = (await ask(path, InboundMessageQuery(1))).records
        assert (
            InboundRecord(
                id=1,
                kind=Kind.MMS,
                originator=RECIPIENT,
                recipient="2229",
                text="TIPS 1",
                data="",
                subject="Bilde",
                keyword="TIPS",
                reply_to=77,
                missing=2,
                opt_out=True,
                sent_at=NOW,
                came_at=NOW + 1,
                access=("front", "1"),
                media=(
                    MediaRef(f"{1:020}", "1.jpg", "image/jpeg", 3),
                    MediaRef(f"{2:020}", "2.jpg", "image/jpeg", 3),
                ),
            )
            == record
        )
        assert () == (await ask(path, InboundMessageQuery(1), 2)).records
        part = (await ask(path, MediaQuery(f"{2:020}"))).part
        assert MediaPart("2.jpg", "image/jpeg", b"\0\xff\2") == part
        assert (await ask(path, MediaQuery(f"{2:020}"), 2)).part is None
        assert (await ask(path, MediaQuery(f"{3:020}"))).part is None


async def test_media_of_a_message_that_went_out(engine: Engine, path: Path) -> None:
    ids = await path.accept(RECIPIENT, RECIPIENT)
    database = open_engine(engine.url)
    message = schema.message
    with database.begin() as connection:
        connection.execute(message.update().values(account_id=1))
    database.dispose()
    row = {"name": "", "type": "text/plain", "size": 1, "data": b"x", "place": 1}
    for message_id in ids:
        media = {"id": f"{message_id:020}", "message_id": message_id, **row}
        add(engine, schema.media, media)
    found = (await ask(path, MediaQuery(f"{ids[0]:020}"))).part
    assert MediaPart("", "text/plain", b"x") == found
    assert (await ask(path, MediaQuery(f"{ids[0]:020}"), 2)).part is None


async def follow(path: Path, limit: int, **which: Any) -> list[int]:
    """Follow pages to the last; returns the ids in order."""
    found: list[int] = []
    before: int | None = None
    while True:
        page = await ask(path, InboundsQuery(limit=limit, before=before, **which))
        found += [record.id for record in page.records]
        assert len(page.records) <= limit
        if page.next is None:
            return found
        before = page.next


async def test_messages_from_phones_by_pages(engine: Engine) -> None:
    add(
        engine,
        schema.inbound,
        *(inbound(n) for n in range(1, 8)),
        inbound(8, 2),
        inbound(9, None),
        inbound(10, keyword="ANNET"),
    )

    async with opened(engine) as path:
        assert [10, 7, 6, 5, 4, 3, 2, 1] == await follow(path, 3)
        assert [10] == await follow(path, 3, keyword="ANNET")
        assert [5, 4, 3] == await follow(path, 2, since=NOW + 3, until=NOW + 6)
        assert [4] == await follow(
            path, 2, since=NOW + 4, until=NOW + 5, keyword="TIPS"
        )
        assert [] == await follow(path, 2, keyword="tips")
        page = await ask(path, InboundsQuery(limit=8))
        assert (8, None) == (len(page.records), page.next)


# -- requests


def asked_for(**fields: Any) -> AddRequestCommand:
    return AddRequestCommand(**{"kind": "keyword", "access_id": EXTRA, **fields})


async def test_asking_for_a_keyword(path: Path) -> None:
    add_it = asked_for(number="2229", word="TIPS", note="Please", access="front")
    (added,) = (await ask(path, add_it)).requests
    expected = NumberRequest(
        id=added.id,
        kind="keyword",
        number="2229",
        word="TIPS",
        note="Please",
        access=("front", "1"),
        state="waiting",
        at=NOW,
        decided_at=None,
        answer="",
    )
    assert expected == added
    (mine,) = (await ask(path, asked_for(kind="number"))).requests
    assert ("native", "abc") == mine.access
    page = await ask(path, RequestsQuery(limit=1))
    assert ((mine,), mine.id) == (page.requests, page.next)
    page = await ask(path, RequestsQuery(limit=1, before=page.next))
    assert ((added,), None) == (page.requests, page.next)
    assert (added,) == (await ask(path, RequestQuery(added.id))).requests
    assert () == (await ask(path, RequestQuery(added.id), 2)).requests
    assert () == (await ask(path, RequestsQuery(limit=9), 2)).requests


async def test_taking_a_request_back(path: Path) -> None:
    (added,) = (await ask(path, asked_for(kind="series"))).requests
    assert not (await ask(path, CancelRequestCommand(added.id), 2)).changed
    assert Changed(changed=True) == await ask(path, CancelRequestCommand(added.id))
    (after,) = (await ask(path, RequestQuery(added.id))).requests
    assert ("cancelled", NOW) == (after.state, after.decided_at)
    assert not (await ask(path, CancelRequestCommand(added.id))).changed


@pytest.mark.parametrize("access", ["sveve", "front:2", "native:", ":abc", "front:1:"])
async def test_only_for_an_access_of_the_account(engine: Engine, access: str) -> None:
    other = {"account_id": 1, "dialect": "native", "identifier": "abd"}
    add(engine, schema.access, other)

    async with opened(engine) as path:
        with pytest.raises(Refusal) as refusal:
            await ask(path, asked_for(access=access))
        assert (RefusalCode.BAD_FIELD, "access") == (
            refusal.value.code,
            refusal.value.field,
        )
        assert () == (await ask(path, RequestsQuery(limit=9))).requests


async def test_not_too_many_wait(engine: Engine) -> None:
    row = {"account_id": 1, "access_id": 1, "kind": "number", "at": NOW}
    add(
        engine,
        schema.number_request,
        *({**row, "state": "waiting"} for _ in range(MOST_WAITING)),
        {**row, "state": "refused"},
    )

    async with opened(engine) as path:
        assert () == (await ask(path, asked_for())).requests
        assert 1 == len((await ask(path, asked_for(access_id=2), 2)).requests)
        page = await ask(path, RequestsQuery(limit=200))
        await ask(path, CancelRequestCommand(page.requests[-1].id))
        assert 1 == len((await ask(path, asked_for())).requests)


# -- callbacks


def status(message_id: int, at: float = NOW) -> StatusEvent:
    return StatusEvent(message_id, RECIPIENT, None, "delivered", "", "DELIVRD", at)


def received(message_id: int, at: float = NOW, *, reply: bool = False) -> InboundEvent:
    return InboundEvent(
        message_id, Kind.SMS, RECIPIENT, "2229", "Hei", came_at=at, reply=reply
    )


SEND = SendEvent(9, RECIPIENT, "2229", "Takk", "receipt")


def callback(
    id_: int, event: Any = None, access_id: int = EXTRA, **columns: Any
) -> dict[str, Any]:
    event = status(id_) if event is None else event
    return {
        "id": id_,
        "access_id": access_id,
        "message_id": event.message_id,
        "event": msgspec.json.encode(event).decode(),
        "state": "done",
        "due_at": None,
        "node_id": None,
        "queue_id": None,
        "tries": 1,
        "answer": "",
        "status": 200,
        "took": 0.25,
        "at": NOW,
        **columns,
    }


async def test_events_from_a_cursor(engine: Engine) -> None:
    events = [status(1), received(2), received(3, reply=True), status(4)]
    add(
        engine,
        schema.callback,
        *(callback(id_, event) for id_, event in enumerate(events, 1)),
        callback(5, SEND),
        callback(6, status(6), 1),
        callback(7, status(7), state="due", due_at=NOW),
    )

    async with opened(engine) as path:
        page = await ask(path, EventsQuery(access_id=EXTRA, limit=3))
        assert (tuple(events[:3]), 3, True) == (page.events, page.next, page.more)
        page = await ask(path, EventsQuery(access_id=EXTRA, limit=3, after=3))
        assert ((events[3], status(7)), 7, False) == (
            page.events,
            page.next,
            page.more,
        )
        page = await ask(path, EventsQuery(access_id=EXTRA, limit=3, after=7))
        assert ((), 7, False) == (page.events, page.next, page.more)
        page = await ask(path, EventsQuery(access_id=EXTRA, limit=3), 2)
        assert ((), 0, False) == (page.events, page.next, page.more)


async def test_the_delivery_log(engine: Engine) -> None:
    failed: dict[str, Any] = {
        "state": "failed",
        "tries": 3,
        "status": None,
        "answer": "no route",
    }
    add(
        engine,
        schema.callback,
        callback(1, received(70, reply=True), 1, state="queued", queue_id=4, took=None),
        callback(2, status(71), **failed),
        callback(3, SEND, 1),
        callback(4, received(70), state="due", due_at=NOW + 9, node_id=1),
        callback(5, status(72), 2),
        callback(6, status(73), state="due", due_at=NOW + 9),
    )

    async with opened(engine) as path:
        page = await ask(path, CallbacksQuery(limit=10))
        assert page.next is None
        assert [
            (6, ("native", "abc"), Topic.STATUS, CallbackState.DUE, NOW + 9),
            (4, ("native", "abc"), Topic.INBOUND, CallbackState.DUE, None),
            (2, ("native", "abc"), Topic.STATUS, CallbackState.FAILED, None),
            (1, ("front", "1"), Topic.REPLY, CallbackState.QUEUED, None),
        ] == [(c.id, c.access, c.topic, c.state, c.due_at) for c in page.callbacks]
        assert [None, None, None, 4] == [c.queue_id for c in page.callbacks]
        second = page.callbacks[2]
        assert (71, 3, None, 0.25, "no route", NOW, ()) == (
            second.message_id,
            second.tries,
            second.status,
            second.took,
            second.answer,
            second.at,
            second.attempts,
        )
        of_message = await ask(path, CallbacksQuery(limit=10, message_id=70))
        assert [4, 1] == [c.id for c in of_message.callbacks]
        one = CallbacksQuery(limit=10, message_id=70, state=CallbackState.QUEUED)
        assert [1] == [c.id for c in (await ask(path, one)).callbacks]
        theirs = await ask(path, CallbacksQuery(limit=10), 2)
        assert [5] == [c.id for c in theirs.callbacks]
        assert (
            ()
            == (await ask(path, CallbacksQuery(limit=10, message_id=70), 2)).callbacks
        )


async def log(path: Path, limit: int, **which: Any) -> list[int]:
    found: list[int] = []
    before: int | None = None
    while True:
        page = await ask(path, CallbacksQuery(limit=limit, before=before, **which))
        found += [each.id for each in page.callbacks]
        assert len(page.callbacks) <= limit
        if page.next is None:
            return found
        before = page.next


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
async def test_the_delivery_log_by_pages(engine: Engine, limit: int) -> None:
    states = ["done", "failed", "done"]
    add(
        engine,
        schema.callback,
        *(
            callback(n, SEND if n % 7 == 0 else None, n % 3 + 1, state=states[n % 3])
            for n in range(1, 31)
        ),
    )
    shown = [n for n in range(30, 0, -1) if n % 3 != 1 and n % 7]
    theirs = [n for n in range(30, 0, -1) if n % 3 == 1 and n % 7]

    async with opened(engine) as path:
        assert shown == await log(path, limit)
        assert shown == await log(path, limit, state=CallbackState.DONE)
        assert [] == await log(path, limit, state=CallbackState.FAILED)
        page = await ask(path, CallbacksQuery(limit=50, state=CallbackState.FAILED), 2)
        assert theirs == [each.id for each in page.callbacks]


async def test_a_callback_with_its_attempts(engine: Engine) -> None:
    add(
        engine,
        schema.callback,
        callback(1, tries=2, at=NOW + 60),
        callback(2, tries=1, answer="OK"),
        callback(3, SEND),
    )
    attempt = {"callback_id": 1, "took": 30.0, "request": "POST …", "answer": "busy"}
    add(engine, schema.attempt, {**attempt, "at": NOW, "status": 503})

    async with opened(engine) as path:
        (first,) = (await ask(path, CallbackRecordQuery(1))).callbacks
        assert (
            Attempt(NOW, 30.0, 503, "busy", "POST …"),
            Attempt(NOW + 60, 0.25, 200, "", ""),
        ) == first.attempts
        (second,) = (await ask(path, CallbackRecordQuery(2))).callbacks
        assert (Attempt(NOW, 0.25, 200, "OK", ""),) == second.attempts
        assert () == (await ask(path, CallbackRecordQuery(1), 2)).callbacks
        assert () == (await ask(path, CallbackRecordQuery(3))).callbacks


def states(engine: Engine) -> dict[int, tuple[Any, ...]]:
    rows = read(engine, schema.callback, "id", "state", "due_at", "tries")
    return {row[0]: row[1:] for row in rows}


async def test_telling_again(engine: Engine) -> None:
    add(
        engine,
        schema.callback,
        callback(1),
        callback(2, state="failed", tries=10),
        callback(3, state="queued", queue_id=1),
        callback(4, state="due", due_at=NOW + 100, tries=3),
        callback(6, SEND),
    )

    async with opened(engine) as path:
        lease: dict[str, Any] = {
            "due_at": NOW + 100,
            "tries": 3,
            "node_id": path.store.node_id,
        }
        add(engine, schema.callback, callback(5, state="due", **lease))
        before = states(engine)
        assert ResendAnswer(None) == await ask(path, ResendCommand(1), 2)
        assert ResendAnswer(None) == await ask(path, ResendCommand(6))
        assert ResendAnswer(None) == await ask(path, ResendCommand(7))
        queued = await ask(path, ResendCommand(3))
        assert ResendAnswer(CallbackState.QUEUED) == queued
        leased = await ask(path, ResendCommand(5))
        assert ResendAnswer(CallbackState.DUE) == leased
        assert before == states(engine)
        for callback_id in (1, 2, 4):
            answer = await ask(path, ResendCommand(callback_id))
            assert ResendAnswer(CallbackState.DUE) == answer
        assert dict.fromkeys((1, 2, 4), ("due", NOW, 0)) == {
            id_: state for id_, state in states(engine).items() if id_ in {1, 2, 4}
        }
        woken = await path.store.wake(NOW, 100, 100)
        assert {1, 2, 4} == {row.id for row in woken.callbacks}


def replay(since: float, until: float, **more: Any) -> ReplayCommand:
    return ReplayCommand(access_id=EXTRA, since=since, until=until, **more)


async def test_replaying_a_time_range(engine: Engine) -> None:
    add(
        engine,
        schema.callback,
        *(callback(n, status(n, NOW + n)) for n in range(1, 6)),
        callback(6, received(6, NOW + 3), state="failed"),
        callback(7, received(7, NOW + 3), state="due", due_at=NOW + 500),
        callback(8, received(8, NOW + 3), queue_id=1),
        callback(9, status(9, NOW + 3), 1),
        callback(10, msgspec.structs.replace(SEND, at=NOW + 3)),
    )

    async with opened(engine) as path:
        assert 0 == (await ask(path, replay(NOW, NOW + 99), 2)).count
        answer = await ask(path, replay(NOW + 2, NOW + 4))
        assert (3, None) == (answer.count, answer.next)
        due = {id_ for id_, row in states(engine).items() if row[:2] == ("due", NOW)}
        assert {2, 3, 6} == due


async def test_replaying_slice_by_slice(engine: Engine) -> None:
    total = 2 * REPLAYED_AT_ONCE + 10
    add(engine, schema.callback, *(callback(n) for n in range(1, total + 1)))

    async with opened(engine) as path:
        counts, before = [], None
        while True:
            answer = await ask(path, replay(NOW, NOW + 1, before=before))
            counts.append(answer.count)
            before = answer.next
            if before is None:
                break
        assert [REPLAYED_AT_ONCE, REPLAYED_AT_ONCE, 10] == counts
        # What is long before the range is not looked through.
        old = await ask(path, replay(NOW + 90_000, NOW + 99_000))
        assert (0, None) == (old.count, old.next)


# -- queues


async def test_queues(engine: Engine) -> None:
    usual = {"counter": 5, "token": None, "alert": False}
    paused = {"state": "paused", "tries": 3, "why": "HTTP 500", "paused_at": NOW}
    idle = {"state": "idle", "tries": 0, "why": "", "paused_at": None}
    add(
        engine,
        schema.queue,
        {"id": 1, "access_id": 1, **usual, **paused},
        {"id": 2, "access_id": 2, **usual, **paused},
        {"id": 3, "access_id": EXTRA, **usual, **idle},
    )
    add(
        engine,
        schema.callback,
        *(callback(n, None, 1, state="queued", queue_id=1) for n in (1, 2)),
        callback(3, None, 1, queue_id=1),
    )

    async with opened(engine) as path:
        assert (
            QueueRecord(1, ("front", "1"), QueueState.PAUSED, 2, 3, NOW, "HTTP 500"),
            QueueRecord(3, ("native", "abc"), QueueState.IDLE, 0, 0, None, ""),
        ) == (await ask(path, QueuesQuery())).queues
        (theirs,) = (await ask(path, QueuesQuery(), 2)).queues
        assert 2 == theirs.id
