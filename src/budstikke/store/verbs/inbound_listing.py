"""Pages of an account's numbers, inbound messages and requests for numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.inbound import MediaPart
from budstikke.domain.inbound_listing import (
    MOST_WAITING,
    AddRequestCommand,
    CancelRequestCommand,
    InboundMessageQuery,
    InboundPage,
    InboundRecord,
    InboundsQuery,
    MediaAnswer,
    MediaQuery,
    NumberRequest,
    NumbersPage,
    NumbersQuery,
    OwnNumber,
    RequestQuery,
    RequestsPage,
    RequestsQuery,
)
from budstikke.domain.listing import Changed
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store.verbs.pages import LAST, LOOKED_AT, struct
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from budstikke.domain.listing import ListingAnswer
    from budstikke.store.verbs.connection import Connection
    from budstikke.store.verbs.statement import Fragments

    Row = tuple[Any, ...]
    Look = Callable[[Connection, Any, int], Awaitable[ListingAnswer]]
    Change = Callable[[Connection, Any, int, float], Awaitable[ListingAnswer]]

NUMBERS = statement(
    lambda e: (
        f"""
SELECT value, kind, word, aliases, {e.row}(dialect, identifier), url, receipt FROM (
    SELECT n.value, n.kind, '' AS word, '[]' AS aliases, x.dialect, x.identifier,
        n.url, '' AS receipt
    FROM number n JOIN access x ON x.id = n.access_id
    WHERE x.account_id = :account
    UNION ALL
    SELECT n.value, n.kind, k.word, k.aliases, x.dialect, x.identifier, k.url,
        k.receipt
    FROM keyword k JOIN access x ON x.id = k.access_id JOIN number n
        ON n.id = k.number_id
    WHERE x.account_id = :account) u
WHERE (value, word) > (:value, :word) OR :value::text = ''
ORDER BY value, word LIMIT :limit"""
    )
)


def _inbound_columns(e: Fragments) -> str:
    """Write the columns of InboundRecord, of an inbound message ``i``."""
    return f"""i.id, i.kind, i.originator, i.recipient, i.text, i.data, i.subject,
    i.keyword, i.reply_to, i.missing, i.opt_out, i.sent_at, i.came_at,
    (SELECT {e.row}(x.dialect, x.identifier) FROM access x WHERE x.id = i.access_id),
    (SELECT {e.list}({e.row}(id, name, type, size)) FROM (
        SELECT id, name, type, size FROM media WHERE message_id = i.id
        ORDER BY place) f)"""


INBOUND = statement(
    lambda e: (
        f"""
SELECT {_inbound_columns(e)} FROM inbound i
WHERE i.id = :id AND i.account_id = :account"""
    )
)

# The first two columns say how far the page has read; the others are NULL without a
# match.
INBOUNDS = statement(
    lambda e: (
        f"""
WITH looked AS MATERIALIZED (SELECT id FROM inbound
    WHERE account_id = :account AND id < :before ORDER BY id DESC LIMIT :look)
SELECT e.lowest, e.count, r.* FROM (
    SELECT min(id) AS lowest, count(*) AS count FROM looked) e
LEFT JOIN (SELECT {_inbound_columns(e)}
    FROM looked {e.join} inbound i ON i.id = looked.id
    WHERE (:since::float8 IS NULL OR i.came_at >= :since)
        AND (:until::float8 IS NULL OR i.came_at < :until)
        AND (:keyword::text IS NULL OR i.keyword = :keyword)
    ORDER BY i.id DESC LIMIT :limit) r ON true
ORDER BY r.id DESC"""
    )
)

MEDIA = statement("""
SELECT m.name, m.type, m.data FROM media m WHERE m.id = :id AND (
    EXISTS (SELECT 1 FROM inbound i
        WHERE i.id = m.message_id AND i.account_id = :account)
    OR EXISTS (SELECT 1 FROM message o
        WHERE o.id = m.message_id AND o.account_id = :account AND o.deleted = 0))""")


def _requests_of_account(e: Fragments) -> str:
    return f"""
SELECT r.id, r.kind, r.number, r.word, r.note,
    (SELECT {e.row}(x.dialect, x.identifier) FROM access x WHERE x.id = r.access_id),
    r.state, r.at, r.decided_at, r.answer
FROM number_request r WHERE r.account_id = :account"""


REQUESTS = statement(
    lambda e: (
        f"""{_requests_of_account(e)} AND r.id < :before
ORDER BY r.id DESC LIMIT :limit"""
    )
)

REQUEST = statement(lambda e: f"{_requests_of_account(e)} AND r.id = :id")

WAITING = statement("""
SELECT count(*) FROM number_request
WHERE account_id = :account AND state = 'waiting'""")

NAMED = statement("""
SELECT id FROM access WHERE account_id = :account AND dialect = :dialect
    AND (:identifier::text = '' OR identifier = :identifier) LIMIT 2""")

ADD_REQUEST = statement("""
INSERT INTO number_request (account_id, access_id, kind, number, word, note, state, at,
    answer)
VALUES (:account, :access, :kind, :number, :word, :note, 'waiting', :now, '')
RETURNING id""")

CANCEL_REQUEST = statement("""
UPDATE number_request SET state = 'cancelled', decided_at = :now
WHERE id = :id AND account_id = :account AND state = 'waiting'""")


async def _numbers(
    connection: Connection, query: NumbersQuery, account: int
) -> NumbersPage:
    value, word = query.after
    values = {"account": account, "value": value, "word": word}
    rows = await connection.rows(NUMBERS, {**values, "limit": query.limit + 1})
    page = tuple(_own(row) for row in rows[: query.limit])
    more = len(rows) > query.limit
    return NumbersPage(page, (page[-1].value, page[-1].word) if more else None)


def _own(row: Row) -> OwnNumber:
    aliases, access = msgspec.json.decode(row[3]), msgspec.json.decode(row[4])
    return struct(OwnNumber, (*row[:3], aliases, access, *row[5:]))


async def _inbound(
    connection: Connection, query: InboundMessageQuery, account: int
) -> InboundPage:
    values = {"id": query.message_id, "account": account}
    return InboundPage(tuple(map(_record, await connection.rows(INBOUND, values))))


async def _inbounds(
    connection: Connection, query: InboundsQuery, account: int
) -> InboundPage:
    some = (query.since, query.until, query.keyword) != (None, None, None)
    at_once = LOOKED_AT if some else query.limit + 1
    values = {
        "account": account,
        "before": LAST if query.before is None else query.before,
        "since": query.since,
        "until": query.until,
        "keyword": query.keyword,
        "look": at_once,
        "limit": query.limit + 1,
    }
    rows = await connection.rows(INBOUNDS, values)
    lowest, count = rows[0][:2]
    records = tuple(_record(row[2:]) for row in rows if row[2] is not None)
    if len(records) > query.limit:
        records = records[: query.limit]
        return InboundPage(records, records[-1].id)
    return InboundPage(records, lowest if count == at_once else None)


def _record(row: Row) -> InboundRecord:
    access, media = _json(row[13]), _json(row[14]) or ()
    return struct(InboundRecord, (*row[:13], access, media))


def _json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


async def _media(
    connection: Connection, query: MediaQuery, account: int
) -> MediaAnswer:
    values = {"id": query.media_id, "account": account}
    row = await connection.row(MEDIA, values)
    return MediaAnswer(None if row is None else MediaPart(*row))


async def _requests(
    connection: Connection, query: RequestsQuery, account: int
) -> RequestsPage:
    before = LAST if query.before is None else query.before
    values = {"account": account, "before": before, "limit": query.limit + 1}
    rows = await connection.rows(REQUESTS, values)
    page = tuple(_request_of(row) for row in rows[: query.limit])
    return RequestsPage(page, page[-1].id if len(rows) > query.limit else None)


def _request_of(row: Row) -> NumberRequest:
    return struct(NumberRequest, (*row[:5], _json(row[5]), *row[6:]))


async def _request(
    connection: Connection, query: RequestQuery, account: int
) -> RequestsPage:
    values = {"id": query.request_id, "account": account}
    return RequestsPage(tuple(map(_request_of, await connection.rows(REQUEST, values))))


async def _add_request(
    connection: Connection, command: AddRequestCommand, account: int, now: float
) -> RequestsPage:
    (waiting,) = await connection.row(WAITING, {"account": account})
    if waiting >= MOST_WAITING:
        return RequestsPage(())
    values = {
        "account": account,
        "access": await _named(connection, command, account),
        "kind": command.kind,
        "number": command.number,
        "word": command.word,
        "note": command.note,
        "now": now,
    }
    (added,) = await connection.row(ADD_REQUEST, values)
    return await _request(connection, RequestQuery(added), account)


async def _named(
    connection: Connection, command: AddRequestCommand, account: int
) -> int:
    """Return the access with this name; raises Refusal unless there is exactly one."""
    if not command.access:
        return command.access_id
    dialect, _, identifier = command.access.partition(":")
    values = {"account": account, "dialect": dialect, "identifier": identifier}
    found = await connection.rows(NAMED, values)
    if len(found) != 1:
        raise Refusal(RefusalCode.BAD_FIELD, field="access", value=command.access)
    access_id: int = found[0][0]
    return access_id


async def _cancel_request(
    connection: Connection, command: CancelRequestCommand, account: int, now: float
) -> Changed:
    values = {"id": command.request_id, "account": account, "now": now}
    return Changed(await connection.execute(CANCEL_REQUEST, values) == 1)


LOOKS: Mapping[type, Look] = {
    NumbersQuery: _numbers,
    InboundMessageQuery: _inbound,
    InboundsQuery: _inbounds,
    MediaQuery: _media,
    RequestQuery: _request,
    RequestsQuery: _requests,
}

CHANGES: Mapping[type, Change] = {
    AddRequestCommand: _add_request,
    CancelRequestCommand: _cancel_request,
}
