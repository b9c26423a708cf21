"""Pages of numbers, of messages from phones, and of requests for numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.inbound import MediaPart
from budstikke.domain.inbound_listing import (
    MOST_WAITING,
    AddRequestAsk,
    CancelRequestAsk,
    InboundAsk,
    InboundPage,
    InboundRecord,
    InboundsAsk,
    MediaAnswer,
    MediaAsk,
    NumberRequest,
    NumbersAsk,
    NumbersPage,
    OwnNumber,
    RequestAsk,
    RequestsAsk,
    RequestsPage,
)
from budstikke.domain.listing import Changed
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store.verbs.pages import LAST, LOOKED_AT, struct

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from budstikke.domain.listing import ListingAnswer

    Row = tuple[Any, ...]
    Look = Callable[[sqlite3.Connection, Any, int], ListingAnswer]
    Change = Callable[[sqlite3.Connection, Any, int, float], ListingAnswer]

NUMBERS = """
SELECT value, kind, word, aliases, json_array(dialect, identifier), url, receipt FROM (
    SELECT n.value, n.kind, '' AS word, '[]' AS aliases, x.dialect, x.identifier,
        n.url, '' AS receipt
    FROM number n JOIN access x ON x.id = n.access_id
    WHERE x.account_id = :account
    UNION ALL
    SELECT n.value, n.kind, k.word, k.aliases, x.dialect, x.identifier, k.url,
        k.receipt
    FROM keyword k JOIN access x ON x.id = k.access_id JOIN number n
        ON n.id = k.number_id
    WHERE x.account_id = :account)
WHERE (value, word) > (:value, :word) OR :value = ''
ORDER BY value, word LIMIT :limit"""

_INBOUND = """i.id, i.kind, i.originator, i.recipient, i.text, i.data, i.subject,
    i.keyword, i.reply_to, i.missing, i.opt_out, i.sent_at, i.came_at,
    (SELECT json_array(x.dialect, x.identifier) FROM access x WHERE x.id = i.access_id),
    (SELECT json_group_array(json_array(id, name, type, size)) FROM (
        SELECT id, name, type, size FROM media WHERE message_id = i.id
        ORDER BY place))"""

INBOUND = f"""
SELECT {_INBOUND} FROM inbound i WHERE i.id = :id AND i.account_id = :account"""

# The first two columns say how far was looked; without a match the others are NULL.
INBOUNDS = f"""
WITH looked AS MATERIALIZED (SELECT id FROM inbound
    WHERE account_id = :account AND id < :before ORDER BY id DESC LIMIT :look)
SELECT e.lowest, e.count, r.* FROM (
    SELECT min(id) AS lowest, count(*) AS count FROM looked) e
LEFT JOIN (SELECT {_INBOUND} FROM looked CROSS JOIN inbound i ON i.id = looked.id
    WHERE (:since IS NULL OR i.came_at >= :since)
        AND (:until IS NULL OR i.came_at < :until)
        AND (:keyword IS NULL OR i.keyword = :keyword)
    ORDER BY i.id DESC LIMIT :limit) r"""

MEDIA = """
SELECT m.name, m.type, m.data FROM media m WHERE m.id = :id AND (
    EXISTS (SELECT 1 FROM inbound i
        WHERE i.id = m.message_id AND i.account_id = :account)
    OR EXISTS (SELECT 1 FROM message o
        WHERE o.id = m.message_id AND o.account_id = :account AND NOT o.deleted))"""

_REQUEST = """
SELECT r.id, r.kind, r.number, r.word, r.note,
    (SELECT json_array(x.dialect, x.identifier) FROM access x WHERE x.id = r.access_id),
    r.state, r.at, r.decided_at, r.answer
FROM number_request r WHERE r.account_id = :account"""

REQUESTS = f"{_REQUEST} AND r.id < :before ORDER BY r.id DESC LIMIT :limit"

REQUEST = f"{_REQUEST} AND r.id = :id"

WAITING = """
SELECT count(*) FROM number_request WHERE account_id = :account AND state = 'waiting'"""

NAMED = """
SELECT id FROM access WHERE account_id = :account AND dialect = :dialect
    AND (:identifier = '' OR identifier = :identifier) LIMIT 2"""

ADD_REQUEST = """
INSERT INTO number_request (account_id, access_id, kind, number, word, note, state, at,
    answer)
VALUES (:account, :access, :kind, :number, :word, :note, 'waiting', :now, '')"""

CANCEL_REQUEST = """
UPDATE number_request SET state = 'cancelled', decided_at = :now
WHERE id = :id AND account_id = :account AND state = 'waiting'"""


def _numbers(
    connection: sqlite3.Connection, asked: NumbersAsk, account: int
) -> NumbersPage:
    value, word = asked.after
    values = {"account": account, "value": value, "word": word}
    rows = connection.execute(NUMBERS, {**values, "limit": asked.limit + 1}).fetchall()
    page = tuple(_own(row) for row in rows[: asked.limit])
    more = len(rows) > asked.limit
    return NumbersPage(page, (page[-1].value, page[-1].word) if more else None)


def _own(row: Row) -> OwnNumber:
    aliases, access = msgspec.json.decode(row[3]), msgspec.json.decode(row[4])
    return struct(OwnNumber, (*row[:3], aliases, access, *row[5:]))


def _inbound(
    connection: sqlite3.Connection, asked: InboundAsk, account: int
) -> InboundPage:
    values = {"id": asked.message_id, "account": account}
    return InboundPage(tuple(map(_record, connection.execute(INBOUND, values))))


def _inbounds(
    connection: sqlite3.Connection, asked: InboundsAsk, account: int
) -> InboundPage:
    some = (asked.since, asked.until, asked.keyword) != (None, None, None)
    at_once = LOOKED_AT if some else asked.limit + 1
    values = {
        "account": account,
        "before": LAST if asked.before is None else asked.before,
        "since": asked.since,
        "until": asked.until,
        "keyword": asked.keyword,
        "look": at_once,
        "limit": asked.limit + 1,
    }
    rows = connection.execute(INBOUNDS, values).fetchall()
    lowest, count = rows[0][:2]
    records = tuple(_record(row[2:]) for row in rows if row[2] is not None)
    if len(records) > asked.limit:
        records = records[: asked.limit]
        return InboundPage(records, records[-1].id)
    return InboundPage(records, lowest if count == at_once else None)


def _record(row: Row) -> InboundRecord:
    access, media = _json(row[13]), msgspec.json.decode(row[14])
    return struct(InboundRecord, (*row[:13], access, media))


def _json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def _media(
    connection: sqlite3.Connection, asked: MediaAsk, account: int
) -> MediaAnswer:
    values = {"id": asked.media_id, "account": account}
    row = connection.execute(MEDIA, values).fetchone()
    return MediaAnswer(None if row is None else MediaPart(*row))


def _requests(
    connection: sqlite3.Connection, asked: RequestsAsk, account: int
) -> RequestsPage:
    before = LAST if asked.before is None else asked.before
    values = {"account": account, "before": before, "limit": asked.limit + 1}
    rows = connection.execute(REQUESTS, values).fetchall()
    page = tuple(_request_of(row) for row in rows[: asked.limit])
    return RequestsPage(page, page[-1].id if len(rows) > asked.limit else None)


def _request_of(row: Row) -> NumberRequest:
    return struct(NumberRequest, (*row[:5], _json(row[5]), *row[6:]))


def _request(
    connection: sqlite3.Connection, asked: RequestAsk, account: int
) -> RequestsPage:
    values = {"id": asked.request_id, "account": account}
    return RequestsPage(tuple(map(_request_of, connection.execute(REQUEST, values))))


def _add_request(
    connection: sqlite3.Connection, asked: AddRequestAsk, account: int, now: float
) -> RequestsPage:
    (waiting,) = connection.execute(WAITING, {"account": account}).fetchone()
    if waiting >= MOST_WAITING:
        return RequestsPage(())
    values = {
        "account": account,
        "access": _named(connection, asked, account),
        "kind": asked.kind,
        "number": asked.number,
        "word": asked.word,
        "note": asked.note,
        "now": now,
    }
    added = connection.execute(ADD_REQUEST, values).lastrowid
    return _request(connection, RequestAsk(added or 0), account)


def _named(connection: sqlite3.Connection, asked: AddRequestAsk, account: int) -> int:
    """Find the access that is named; raises Refusal when it is not just one."""
    if not asked.access:
        return asked.access_id
    dialect, _, identifier = asked.access.partition(":")
    values = {"account": account, "dialect": dialect, "identifier": identifier}
    found = connection.execute(NAMED, values).fetchall()
    if len(found) != 1:
        raise Refusal(RefusalCode.BAD_FIELD, field="access", value=asked.access)
    access_id: int = found[0][0]
    return access_id


def _cancel_request(
    connection: sqlite3.Connection, asked: CancelRequestAsk, account: int, now: float
) -> Changed:
    values = {"id": asked.request_id, "account": account, "now": now}
    return Changed(connection.execute(CANCEL_REQUEST, values).rowcount == 1)


LOOKS: Mapping[type, Look] = {
    NumbersAsk: _numbers,
    InboundAsk: _inbound,
    InboundsAsk: _inbounds,
    MediaAsk: _media,
    RequestAsk: _request,
    RequestsAsk: _requests,
}

CHANGES: Mapping[type, Change] = {
    AddRequestAsk: _add_request,
    CancelRequestAsk: _cancel_request,
}
