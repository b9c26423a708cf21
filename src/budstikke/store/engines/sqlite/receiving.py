"""Hold parts of long texts, and store messages from phones, in SQLite transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.inbound import InboundEvent, MediaRef
from budstikke.store.contract import MOST_EQUAL, HeldPart, Received, Thread, Unrouted
from budstikke.store.engines.sqlite.json_rows import columns, one
from budstikke.store.engines.sqlite.keeping import TOUCH
from budstikke.store.engines.sqlite.media import store_media
from budstikke.store.engines.sqlite.node import save_ids
from budstikke.store.engines.sqlite.telling import Telling
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from budstikke.store.contract import InboundDraft

# A digest that is kept goes on with "?" (a copy; "?a" of another text) or ":", and the
# id of the newest equal one; ":u" when a copy is used. All of that comes before "@": so
# the index finds a part, however many its text has. Equals: 0 SAME, 1 PERHAPS,
# 2 ANOTHER. Copies do not wait: they are done, and forgotten with what is.
HOLD = f"""
INSERT INTO inbound_part (carrier_id, originator, recipient, data_coding, udhi, payload,
    tlvs, at, reference, total, number, digest, due_at, state)
SELECT {columns(12, 1)}, j.value->>12 || CASE WHEN j.newest IS NULL THEN ''
        WHEN j.value->>14 = 1 THEN '?' || j.newest
        WHEN j.waits THEN '?a' || j.newest
        ELSE ':' || j.newest END,
    j.value->>13, iif(j.equal = 0 OR (j.value->>14 = 2 AND NOT j.waits), 'held', 'done')
FROM (
    SELECT b.key, b.value, max(p.id) AS newest, count(p.id) AS equal,
        max(p.state = 'held') AS waits
    FROM json_each(?1) b
    LEFT JOIN inbound_part p ON p.originator = b.value->>2
        AND p.recipient = b.value->>3 AND p.reference = b.value->>9
        AND p.total = b.value->>10 AND p.number = b.value->>11
        AND p.digest >= b.value->>12 AND p.digest < (b.value->>12) || '@'
    GROUP BY b.key) j
WHERE j.equal = 0 OR (j.value->>14 > 0 AND j.equal < {MOST_EQUAL})
ORDER BY j.key
ON CONFLICT DO NOTHING"""

DROP = """
DELETE FROM inbound_part
WHERE id IN (SELECT value FROM json_each(?1))
    AND (state = 'held' OR digest LIKE '%?%')"""

_HELD = """
SELECT json_group_array(json_array(p.id, p.carrier_id, p.originator, p.recipient,
    p.data_coding, p.udhi, p.payload, json(p.tlvs), p.at, p.reference, p.total,
    p.number, p.digest, p.due_at))
"""

# Rows of the batch: [originator, recipient, reference, total]
HELD_OF = (
    _HELD
    + """
FROM json_each(?1) j
CROSS JOIN inbound_part p ON p.originator = j.value->>0 AND p.recipient = j.value->>1
    AND p.reference = j.value->>2 AND p.total = j.value->>3
WHERE p.state = 'held' OR p.digest LIKE '%?%'"""
)

# Texts of which a part is due, or every number is there. Left alone, SQLite would go
# through those that are done, too.
HELD_DUE = """
SELECT json_group_array(json_array(originator, recipient, reference, total)) FROM (
    SELECT originator, recipient, reference, total
    FROM inbound_part INDEXED BY inbound_part_held
    WHERE state = 'held' GROUP BY originator, recipient, reference, total
    HAVING min(due_at) <= ?1
        OR count(DISTINCT iif(number BETWEEN 1 AND total, number, NULL)) >= total
    ORDER BY min(id) LIMIT ?2)"""

HELD_STILL = """
SELECT json_group_array(p.id) FROM json_each(?1) j
CROSS JOIN inbound_part p ON p.id = j.value
WHERE p.state = 'held' OR p.digest LIKE '%?%'"""

HELD_DONE = """
UPDATE inbound_part SET state = 'done', digest = replace(digest, '?', ':u')
WHERE id IN (SELECT value FROM json_each(?1))"""

FORGET_DONE = """
DELETE FROM inbound_part WHERE id IN (
    SELECT id FROM inbound_part WHERE state = 'done' AND due_at <= ?1
    ORDER BY due_at LIMIT ?2)"""

# Rows of the batch: [reply number, phone]
THREADS = """
SELECT json_group_array(json_array(j.key, json_array(m.id, m.access_id, m.account_id)))
FROM json_each(?1) j
CROSS JOIN message m ON m.id = coalesce(
    (SELECT max(id) FROM message WHERE originator = j.value->>0
        AND length(originator) = 14 AND recipient = j.value->>1),
    (SELECT max(id) FROM message WHERE originator = j.value->>0
        AND length(originator) = 14))"""

SUBSCRIBERS = """
SELECT json_group_array(json_array(s.number, json_array(s.name, s.address)))
FROM json_each(?1) j CROSS JOIN subscriber s ON s.number = j.value"""

INSERT_INBOUND = f"""
INSERT INTO inbound (id, access_id, account_id, carrier_id, number_id, keyword_id,
    originator, recipient, kind, text, data, subject, keyword, reply_to, missing,
    opt_out, sent_at, came_at)
SELECT {columns(18)} FROM json_each(?1) j"""

IN_TRAY = """
SELECT json_group_array(i.id) FROM json_each(?1) j
CROSS JOIN inbound i ON i.id = j.value WHERE i.access_id IS NULL"""

ASSIGN = """
UPDATE inbound SET access_id = j.value->>1, account_id = j.value->>2,
    number_id = j.value->>4, keyword_id = j.value->>5, keyword = j.value->>12,
    reply_to = j.value->>13, opt_out = j.value->>15
FROM json_each(?1) j WHERE inbound.id = j.value->>0"""

ASSIGNED = """
SELECT json_group_array(json_array(json_array('inbound', i.id, i.kind, i.originator,
    i.recipient, i.text, i.data, i.keyword, coalesce(i.number_id, 0),
    coalesce(i.keyword_id, 0), coalesce(i.reply_to, 0), json('false'), 0, i.sent_at,
    i.came_at, i.missing, json(iif(i.opt_out, 'true', 'false')), i.subject),
    i.carrier_id, i.recipient, i.assign_id))
FROM (SELECT * FROM inbound WHERE access_id IS NULL AND assign_id IS NOT NULL
    ORDER BY id LIMIT ?1) i"""

MEDIA_OF = """
SELECT json_group_array(json_array(m.message_id, m.place,
    json_array(m.id, m.name, m.type, m.size)))
FROM json_each(?1) j CROSS JOIN media m ON m.message_id = j.value"""

OPT_OUT = f"""
INSERT INTO suppression (number, account_id, reason, inbound_id, at)
SELECT {columns(2)}, 'stop', j.value->>2, ?2 FROM json_each(?1) j WHERE true
ON CONFLICT (number, account_id) DO NOTHING"""

_parts = msgspec.json.Decoder(list[HeldPart]).decode
_ids = msgspec.json.Decoder(list[int]).decode
_threads = msgspec.json.Decoder(list[tuple[int, Thread]]).decode
_subscribers = msgspec.json.Decoder(list[tuple[str, tuple[str, str]]]).decode
_unrouted = msgspec.json.Decoder(list[tuple[InboundEvent, int, str, int]]).decode
_media = msgspec.json.Decoder(list[tuple[int, int, MediaRef]]).decode


def hold(connection: sqlite3.Connection, parts: Sequence[HeldPart]) -> list[HeldPart]:
    """Keep parts; returns all held parts of their texts."""
    connection.execute(HOLD, (text(parts),))
    texts = {(p.originator, p.recipient, p.reference, p.total) for p in parts}
    return _oldest_first(one(connection, HELD_OF, text(list(texts))))


def held(connection: sqlite3.Connection, now: float, limit: int) -> list[HeldPart]:
    """Find held parts of texts that are due or whole."""
    texts = one(connection, HELD_DUE, now, limit)
    return _oldest_first(one(connection, HELD_OF, texts))


def drop(connection: sqlite3.Connection, part_ids: Sequence[int]) -> None:
    """Forget held parts."""
    connection.execute(DROP, (text(part_ids),))


def _oldest_first(found: str) -> list[HeldPart]:
    return sorted(_parts(found), key=lambda part: part.id)


def threads(
    connection: sqlite3.Connection, pairs: Sequence[tuple[str, str]]
) -> list[Thread | None]:
    """Find what phones answer."""
    found = dict(_threads(one(connection, THREADS, text(pairs))))
    return [found.get(index) for index in range(len(pairs))]


def subscribers(
    connection: sqlite3.Connection, numbers: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Look numbers up in the directory."""
    return dict(_subscribers(one(connection, SUBSCRIBERS, text(numbers))))


def receive(
    connection: sqlite3.Connection,
    node_id: int,
    drafts: Sequence[InboundDraft],
    now: float,
    end: int | None,
) -> Received:
    """
    Store messages from phones, but for those that were stored before.

    ``end`` is where the ids end that were given, when that is to be saved.
    """
    save_ids(connection, end)
    drafts = _not_stored(connection, drafts)
    if not drafts:
        return Received([], set())
    held_ids = [part_id for draft in drafts for part_id in draft.held]
    if held_ids:
        connection.execute(HELD_DONE, (text(held_ids),))
    _store(connection, drafts)
    _opt_out(connection, drafts, now)
    telling = Telling(connection, node_id, now)
    telling.count_on({d.access_id for d in drafts if d.queued and d.tell})
    for draft in drafts:
        telling.tell(draft)
    return telling.close()


def _not_stored(
    connection: sqlite3.Connection, drafts: Sequence[InboundDraft]
) -> list[InboundDraft]:
    """Leave out drafts whose parts are done, or that are in the tray no more."""
    held_ids = [part_id for draft in drafts for part_id in draft.held]
    waiting = [draft.event.message_id for draft in drafts if draft.assigned]
    still = _still(connection, HELD_STILL, held_ids)
    in_tray = _still(connection, IN_TRAY, waiting)
    left: list[InboundDraft] = []
    for draft in drafts:
        if not still.issuperset(draft.held):
            continue
        if draft.assigned and draft.event.message_id not in in_tray:
            continue
        still.difference_update(draft.held)  # twice in a batch is once, too
        in_tray.discard(draft.event.message_id)
        left.append(draft)
    return left


def _still(
    connection: sqlite3.Connection, statement: str, ids: Sequence[int]
) -> set[int]:
    return set(_ids(one(connection, statement, text(ids)))) if ids else set()


def _store(connection: sqlite3.Connection, drafts: Sequence[InboundDraft]) -> None:
    new = [_row(draft) for draft in drafts if not draft.assigned]
    given = [_row(draft) for draft in drafts if draft.assigned]
    if new:
        connection.execute(INSERT_INBOUND, (text(new),))
    if given:
        connection.execute(ASSIGN, (text(given),))
    for draft in drafts:
        if draft.media:
            store_media(connection, draft.event.message_id, draft.media)


_Row = tuple[
    *tuple[int, int | None, int | None, int, int | None, int | None, str, str, str],
    *tuple[str, str, str, str, int | None, int, int, float, float],
]
"""A row of ``inbound``, as ``INSERT_INBOUND`` has its columns."""


def _row(draft: InboundDraft) -> _Row:
    event = draft.event
    return (
        event.message_id,
        draft.access_id,
        draft.account_id,
        draft.carrier_id,
        event.number_id or None,
        event.keyword_id or None,
        event.originator,
        draft.recipient,
        event.kind.value,
        event.text,
        event.data,
        event.subject,
        event.keyword,
        event.reply_to or None,
        event.missing,
        int(event.opt_out or draft.opt_out),
        event.sent_at,
        event.came_at,
    )


def _opt_out(
    connection: sqlite3.Connection, drafts: Iterable[InboundDraft], now: float
) -> None:
    rows = [
        (draft.event.originator, draft.account_id, draft.event.message_id)
        for draft in drafts
        if draft.opt_out and draft.account_id is not None
    ]
    if rows and connection.execute(OPT_OUT, (text(rows), now)).rowcount:
        connection.execute(TOUCH)


def assigned(connection: sqlite3.Connection, limit: int) -> list[Unrouted]:
    """Find messages of the tray that were given to an access, oldest first."""
    found = [Unrouted(*row) for row in _unrouted(one(connection, ASSIGNED, limit))]
    ids = text([each.event.message_id for each in found])
    refs: dict[int, list[MediaRef]] = {}
    for message_id, _, ref in sorted(_media(one(connection, MEDIA_OF, ids))):
        refs.setdefault(message_id, []).append(ref)
    for each in found:
        each.event.media = tuple(refs.get(each.event.message_id, ()))
    return found
