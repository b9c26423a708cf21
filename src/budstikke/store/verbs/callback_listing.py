"""Pages of events, of the delivery log and of queues; sending callbacks again."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.callback import CallbackState, Event, Topic
from budstikke.domain.callback_listing import (
    REPLAYED_AT_ONCE,
    Attempt,
    CallbackRecord,
    CallbackRecordQuery,
    CallbacksPage,
    CallbacksQuery,
    EventsPage,
    EventsQuery,
    QueueRecord,
    QueuesAnswer,
    QueuesQuery,
    ReplayAnswer,
    ReplayCommand,
    ResendAnswer,
    ResendCommand,
)
from budstikke.domain.inbound import InboundEvent
from budstikke.domain.message import StatusEvent
from budstikke.store.verbs.callback_ids import settled
from budstikke.store.verbs.pages import LAST, LOOKED_AT, struct
from budstikke.store.verbs.statement import Fragments, statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from budstikke.domain.listing import ListingAnswer
    from budstikke.store.verbs.connection import Connection

    Row = tuple[Any, ...]
    Look = Callable[[Connection, Any, int], Awaitable[ListingAnswer]]
    Change = Callable[[Connection, Any, int, float], Awaitable[ListingAnswer]]

A_DAY = 86_400.0
"""Seconds that the times of events may differ from the order of their ids."""

# An event is a JSON array: first its kind, then its fields in order.
_REPLY = 1 + InboundEvent.__struct_fields__.index("reply")
_CAME_AT = 1 + InboundEvent.__struct_fields__.index("came_at")
_AT = 1 + StatusEvent.__struct_fields__.index("at")

_IS_STATUS = """substr(c.event, 1, 9) = '["status"'"""
_IS_EVENT = """substr(c.event, 1, 7) <> '["send"'"""

_TOPIC = f"""CASE WHEN {_IS_STATUS} THEN '{Topic.STATUS}'
        WHEN (c.event::jsonb->>{_REPLY})::boolean THEN '{Topic.REPLY}'
        ELSE '{Topic.INBOUND}' END"""

_HAPPENED_AT = f"""(CASE WHEN {_IS_STATUS}
        THEN c.event::jsonb->>{_AT} ELSE c.event::jsonb->>{_CAME_AT} END)::float8"""

EVENTS = statement(
    f"""
SELECT c.id, c.event FROM callback c JOIN access x ON x.id = c.access_id
WHERE c.access_id = :access AND x.account_id = :account AND c.id > :after
    AND c.id <= :last AND {_IS_EVENT}
ORDER BY c.id LIMIT :limit"""
)

LAST_EVENT = statement(
    f"""
SELECT max(id) FROM (
    SELECT c.id FROM callback c JOIN access x ON x.id = c.access_id
    WHERE c.access_id = :access AND x.account_id = :account AND c.id > :after
        AND {_IS_EVENT}
    ORDER BY c.id LIMIT :limit) e"""
)

ACCESSES = statement("SELECT id FROM access WHERE account_id = :account")


def _callback_columns(e: Fragments) -> str:
    return f"""c.id, {e.row}(x.dialect, x.identifier), c.message_id, {_TOPIC},
    c.state, CASE WHEN c.state = 'queued' THEN c.queue_id END, c.tries,
    CASE WHEN c.node_id IS NULL THEN c.due_at END, c.status, c.took, c.answer, c.at"""


# The first two columns say how far the page has read; the others are NULL without a
# match.
CALLBACKS = statement(
    lambda e: (
        f"""
WITH looked AS MATERIALIZED (SELECT id FROM callback
    WHERE access_id = :access AND id < :before ORDER BY id DESC LIMIT :look)
SELECT e.lowest, e.count, r.* FROM (
    SELECT min(id) AS lowest, count(*) AS count FROM looked) e
LEFT JOIN (SELECT {_callback_columns(e)} FROM looked
    {e.join} callback c ON c.id = looked.id JOIN access x ON x.id = c.access_id
    WHERE (:state::text IS NULL OR c.state = :state) AND {_IS_EVENT}
    ORDER BY c.id DESC LIMIT :limit) r ON true"""
    )
)

OF_MESSAGE = statement(
    lambda e: (
        f"""
SELECT {_callback_columns(e)} FROM callback c JOIN access x ON x.id = c.access_id
WHERE c.message_id = :message AND x.account_id = :account AND c.id < :before
    AND (:state::text IS NULL OR c.state = :state) AND {_IS_EVENT}
ORDER BY c.id DESC LIMIT :limit"""
    )
)

CALLBACK = statement(
    lambda e: (
        f"""
SELECT {_callback_columns(e)} FROM callback c JOIN access x ON x.id = c.access_id
WHERE c.id = :id AND x.account_id = :account AND {_IS_EVENT}"""
    )
)

ATTEMPTS = statement("""
SELECT at, took, status, answer, request FROM attempt
WHERE callback_id = :id ORDER BY id""")

# A leased callback has an attempt in progress.
RESEND = statement("""
UPDATE callback SET state = 'due', due_at = :now, tries = 0, node_id = NULL
WHERE id = :id AND (state IN ('done', 'failed')
    OR (state = 'due' AND node_id IS NULL AND due_at > :now))""")

_LOOKED = """(SELECT id FROM callback WHERE access_id = :access AND id < :before
    ORDER BY id DESC LIMIT :look)"""

REPLAYABLE = statement(
    lambda e: (
        f"""
SELECT min(c.id), count(*), max({_HAPPENED_AT})
FROM {_LOOKED} AS looked {e.join} callback c ON c.id = looked.id"""
    )
)

REPLAY = statement(
    f"""
UPDATE callback AS c SET state = 'due', due_at = :now, tries = 0, node_id = NULL
WHERE c.id IN {_LOOKED} AND c.state IN ('done', 'failed') AND c.queue_id IS NULL
    AND {_IS_EVENT} AND {_HAPPENED_AT} >= :since
    AND {_HAPPENED_AT} < :until"""
)

OWNS = statement("SELECT 1 FROM access WHERE id = :access AND account_id = :account")

QUEUES = statement(
    lambda e: (
        f"""
SELECT q.id, {e.row}(x.dialect, x.identifier), q.state,
    (SELECT count(*) FROM callback c WHERE c.queue_id = q.id AND c.state = 'queued'),
    q.tries, CASE WHEN q.state = 'paused' THEN q.paused_at END,
    CASE WHEN q.state = 'paused' THEN q.why ELSE '' END
FROM queue q JOIN access x ON x.id = q.access_id
WHERE x.account_id = :account ORDER BY q.id"""
    )
)

_event = msgspec.json.Decoder(Event).decode


async def _events(
    connection: Connection, query: EventsQuery, account: int
) -> EventsPage:
    """
    Read a page in three statements; each sees what is committed by then.

    The first finds the last event of the page. A lower id that it does not see was
    drawn by an earlier transaction. If that is still open at the second statement, the
    page ends below its ids; if it has ended, the third statement sees its events.
    """
    values = {
        "access": query.access_id,
        "account": account,
        "after": query.after,
        "limit": query.limit + 1,
    }
    last = await connection.value(LAST_EVENT, values)
    if last is None:
        return EventsPage((), query.after, more=False)
    upto = await settled(connection, last)
    rows = await connection.rows(EVENTS, {**values, "last": upto})
    page = rows[: query.limit]
    events = tuple(_event(text) for _, text in page)
    cursor = page[-1][0] if page else query.after
    return EventsPage(events, cursor, more=len(rows) > query.limit)


async def _callbacks(
    connection: Connection, query: CallbacksQuery, account: int
) -> CallbacksPage:
    """
    Read a page: the newest callbacks of all accesses.

    An access with more callbacks than were read limits the page: an older callback of
    another access may be newer than its next one.
    """
    values = {
        "account": account,
        "before": LAST if query.before is None else query.before,
        "state": query.state,
        "limit": query.limit + 1,
    }
    if query.message_id is not None:
        values["message"] = query.message_id
        rows = await connection.rows(OF_MESSAGE, values)
        page = tuple(_record(row) for row in rows[: query.limit])
        return CallbacksPage(page, page[-1].id if len(rows) > query.limit else None)
    look = query.limit + 1 if query.state is None else LOOKED_AT
    found: list[Row] = []
    end = 0
    for (access,) in await connection.rows(ACCESSES, values):
        each = {**values, "access": access, "look": look}
        rows = await connection.rows(CALLBACKS, each)
        lowest, count = rows[0][:2]
        found += [row[2:] for row in rows if row[2] is not None]
        end = max(end, lowest if count == look else 0)
    found = [row for row in found if row[0] >= end]
    found.sort(key=itemgetter(0), reverse=True)
    page = tuple(_record(row) for row in found[: query.limit])
    if len(found) > query.limit:
        return CallbacksPage(page, page[-1].id)
    return CallbacksPage(page, end or None)


def _record(row: Row) -> CallbackRecord:
    rest = (*row[2:], ())
    return struct(CallbackRecord, (row[0], msgspec.json.decode(row[1]), *rest))


async def _callback(
    connection: Connection, query: CallbackRecordQuery, account: int
) -> CallbacksPage:
    values = {"id": query.callback_id, "account": account}
    row = await connection.row(CALLBACK, values)
    if row is None:
        return CallbacksPage(())
    tries = [struct(Attempt, each) for each in await connection.rows(ATTEMPTS, values)]
    found = _record(row)
    understood = found.state is CallbackState.DONE and found.took is not None
    if understood and (not tries or tries[-1].at < found.at):
        tries.append(
            Attempt(found.at, found.took or 0.0, found.status, found.answer, "")
        )
    return CallbacksPage((msgspec.structs.replace(found, attempts=tuple(tries)),))


async def _resend(
    connection: Connection, command: ResendCommand, account: int, now: float
) -> ResendAnswer:
    values = {"id": command.callback_id, "account": account, "now": now}
    if await connection.row(CALLBACK, values) is None:
        return ResendAnswer(None)
    await connection.execute(RESEND, values)
    return ResendAnswer(_record(await connection.row(CALLBACK, values)).state)


async def _replay(
    connection: Connection, command: ReplayCommand, account: int, now: float
) -> ReplayAnswer:
    values = {
        "access": command.access_id,
        "account": account,
        "since": command.since,
        "until": command.until,
        "before": LAST if command.before is None else command.before,
        "look": REPLAYED_AT_ONCE,
        "now": now,
    }
    if await connection.row(OWNS, values) is None:
        return ReplayAnswer(0)
    lowest, looked, newest = await connection.row(REPLAYABLE, values)
    count = await connection.execute(REPLAY, values) if looked else 0
    over = looked < REPLAYED_AT_ONCE or newest < command.since - A_DAY
    return ReplayAnswer(count, None if over else lowest)


async def _queues(
    connection: Connection, _asked: QueuesQuery, account: int
) -> QueuesAnswer:
    rows = await connection.rows(QUEUES, {"account": account})
    return QueuesAnswer(
        tuple(
            struct(QueueRecord, (row[0], msgspec.json.decode(row[1]), *row[2:]))
            for row in rows
        )
    )


LOOKS: Mapping[type, Look] = {
    EventsQuery: _events,
    CallbacksQuery: _callbacks,
    CallbackRecordQuery: _callback,
    QueuesQuery: _queues,
}

CHANGES: Mapping[type, Change] = {ResendCommand: _resend, ReplayCommand: _replay}
