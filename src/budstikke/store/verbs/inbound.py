"""Hold parts of long texts, and store messages from phones, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.inbound import InboundEvent, MediaRef
from budstikke.store.contract import MOST_EQUAL, HeldPart, Received, Thread, Unrouted
from budstikke.store.engines.postgres.keeping import TOUCH
from budstikke.store.engines.postgres.media import store_media
from budstikke.store.engines.postgres.sql import IDS, ROWS, columns
from budstikke.store.engines.postgres.telling import Telling
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.store.contract import InboundDraft
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node

# Parts of one text that come to two nodes at once: the later one sees the earlier's.
LOCK_TEXTS = f"""
SELECT count(pg_advisory_xact_lock(text)) FROM (
    SELECT DISTINCT hashtextextended(v::text, 0) AS text FROM {ROWS}
    ORDER BY 1) t"""

# A digest that is kept goes on with "?" (a copy; "?a" of another text) or ":", and the
# id of the newest equal one; ":u" when a copy is used. Equals: 0 SAME, 1 PERHAPS,
# 2 ANOTHER. Copies do not wait: they are done, and forgotten with what is.
HOLD = f"""
INSERT INTO inbound_part (carrier_id, originator, recipient, data_coding, udhi, payload,
    tlvs, at, reference, total, number, digest, due_at, state)
SELECT {columns("ittnnttftnn", 1)}, (v->>12) || CASE WHEN newest IS NULL THEN ''
        WHEN (v->>14)::integer = 1 THEN '?' || newest
        WHEN waits THEN '?a' || newest
        ELSE ':' || newest END,
    (v->>13)::float8, CASE WHEN equal = 0 OR ((v->>14)::integer = 2 AND NOT waits)
        THEN 'held' ELSE 'done' END
FROM {ROWS}
CROSS JOIN LATERAL (
    SELECT max(p.id) AS newest, count(*) AS equal, bool_or(p.state = 'held') AS waits
    FROM inbound_part p
    WHERE p.originator = v->>2 AND p.recipient = v->>3 AND p.reference = v->>9
        AND p.total = (v->>10)::integer AND p.number = (v->>11)::integer
        AND p.digest COLLATE "C" >= v->>12
        AND p.digest COLLATE "C" < (v->>12) || '@') kept
WHERE equal = 0 OR ((v->>14)::integer > 0 AND equal < {MOST_EQUAL})
ORDER BY place
ON CONFLICT DO NOTHING"""

DROP = f"""
DELETE FROM inbound_part
WHERE id = ANY({IDS}) AND (state = 'held' OR digest LIKE '%?%')"""

_HELD = """
SELECT json_agg(json_build_array(p.id, p.carrier_id, p.originator, p.recipient,
    p.data_coding, p.udhi, p.payload, p.tlvs::json, p.at, p.reference, p.total,
    p.number, p.digest, p.due_at) ORDER BY p.id)
"""

# Rows of the batch: [originator, recipient, reference, total]
HELD_OF = (
    _HELD
    + f"""
FROM {ROWS}
JOIN inbound_part p ON p.originator = v->>0 AND p.recipient = v->>1
    AND p.reference = v->>2 AND p.total = (v->>3)::integer
WHERE p.state = 'held' OR p.digest LIKE '%?%'"""
)

# Texts of which a part is due, or every number is there.
HELD_DUE = """
SELECT json_agg(json_build_array(originator, recipient, reference, total)) FROM (
    SELECT originator, recipient, reference, total FROM inbound_part
    WHERE state = 'held' GROUP BY originator, recipient, reference, total
    HAVING min(due_at) <= $1
        OR count(DISTINCT number) FILTER (WHERE number BETWEEN 1 AND total) >= total
    ORDER BY min(id) LIMIT $2) t"""

HELD_STILL = f"""
SELECT json_agg(id) FROM (
    SELECT id FROM inbound_part WHERE id = ANY({IDS})
        AND (state = 'held' OR digest LIKE '%?%')
    ORDER BY id FOR UPDATE) p"""

HELD_DONE = f"""
UPDATE inbound_part SET state = 'done', digest = replace(digest, '?', ':u')
WHERE id = ANY({IDS})"""

FORGET_DONE = """
DELETE FROM inbound_part WHERE id IN (
    SELECT id FROM inbound_part WHERE state = 'done' AND due_at <= $1
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED)"""

# Rows of the batch: [reply number, phone]
THREADS = f"""
SELECT json_agg(json_build_array(j.place,
    json_build_array(m.id, m.access_id, m.account_id)))
FROM {ROWS}
JOIN message m ON m.id = coalesce(
    (SELECT max(id) FROM message WHERE originator = v->>0
        AND length(originator) = 14 AND recipient = v->>1),
    (SELECT max(id) FROM message WHERE originator = v->>0
        AND length(originator) = 14))"""

SUBSCRIBERS = f"""
SELECT json_agg(json_build_array(s.number, json_build_array(s.name, s.address)))
FROM {ROWS} JOIN subscriber s ON s.number = v#>>'{{}}'"""

INSERT_INBOUND = f"""
INSERT INTO inbound (id, access_id, account_id, carrier_id, number_id, keyword_id,
    originator, recipient, kind, text, data, subject, keyword, reply_to, missing,
    opt_out, sent_at, came_at)
SELECT {columns("iiiiiitttttttinbff")} FROM {ROWS}"""

IN_TRAY = f"""
SELECT json_agg(id) FROM (
    SELECT id FROM inbound WHERE id = ANY({IDS}) AND access_id IS NULL
    ORDER BY id FOR UPDATE) i"""

ASSIGN = f"""
UPDATE inbound SET access_id = (v->>1)::bigint, account_id = (v->>2)::bigint,
    number_id = (v->>4)::bigint, keyword_id = (v->>5)::bigint, keyword = v->>12,
    reply_to = (v->>13)::bigint, opt_out = (v->>15)::boolean
FROM {ROWS} WHERE inbound.id = (v->>0)::bigint"""

ASSIGNED = """
SELECT json_agg(json_build_array(json_build_array('inbound', i.id, i.kind, i.originator,
    i.recipient, i.text, i.data, i.keyword, coalesce(i.number_id, 0),
    coalesce(i.keyword_id, 0), coalesce(i.reply_to, 0), false, 0, i.sent_at,
    i.came_at, i.missing, i.opt_out, i.subject),
    i.carrier_id, i.recipient, i.assign_id) ORDER BY i.id)
FROM (SELECT * FROM inbound WHERE access_id IS NULL AND assign_id IS NOT NULL
    ORDER BY id LIMIT $1) i"""

MEDIA_OF = f"""
SELECT json_agg(json_build_array(message_id, place,
    json_build_array(id, name, type, size)))
FROM media WHERE message_id = ANY({IDS})"""

OPT_OUT = f"""
INSERT INTO suppression (number, account_id, reason, inbound_id, at)
SELECT v->>0, (v->>1)::bigint, 'stop', (v->>2)::bigint, $2 FROM {ROWS} ORDER BY 1, 2
ON CONFLICT (number, account_id) DO NOTHING"""

_parts = msgspec.json.Decoder(list[HeldPart]).decode
_ids = msgspec.json.Decoder(list[int]).decode
_threads = msgspec.json.Decoder(list[tuple[int, Thread]]).decode
_subscribers = msgspec.json.Decoder(list[tuple[str, tuple[str, str]]]).decode
_unrouted = msgspec.json.Decoder(list[tuple[InboundEvent, int, str, int]]).decode
_media = msgspec.json.Decoder(list[tuple[int, int, MediaRef]]).decode


async def hold(connection: Connection, parts: Sequence[HeldPart]) -> list[HeldPart]:
    """Keep parts; returns all held parts of their texts."""
    texts = {(p.originator, p.recipient, p.reference, p.total) for p in parts}
    asked = text(list(texts))
    await connection.value(LOCK_TEXTS, asked)
    await connection.execute(HOLD, text(parts))
    return _parts(await connection.one(HELD_OF, asked))


async def drop(connection: Connection, part_ids: Sequence[int]) -> None:
    """Forget held parts."""
    await connection.execute(DROP, text(part_ids))


async def held(connection: Connection, now: float, limit: int) -> list[HeldPart]:
    """Find held parts of texts that are due or whole."""
    texts = await connection.one(HELD_DUE, now, limit)
    return _parts(await connection.one(HELD_OF, texts))


async def threads(
    connection: Connection, pairs: Sequence[tuple[str, str]]
) -> list[Thread | None]:
    """Find what phones answer."""
    found = dict(_threads(await connection.one(THREADS, text(pairs))))
    return [found.get(index) for index in range(len(pairs))]


async def subscribers(
    connection: Connection, numbers: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Look numbers up in the directory."""
    return dict(_subscribers(await connection.one(SUBSCRIBERS, text(numbers))))


async def receive(
    connection: Connection,
    node: Node,
    drafts: Sequence[InboundDraft],
    now: float,
) -> Received:
    """Store messages from phones, but for those that were stored before."""
    drafts = await _not_stored(connection, drafts)
    if not drafts:
        return Received([], set())
    held_ids = [part_id for draft in drafts for part_id in draft.held]
    if held_ids:
        await connection.execute(HELD_DONE, text(held_ids))
    await _store(connection, drafts)
    await _opt_out(connection, drafts, now)
    telling = Telling(connection, node, now)
    await telling.begin(drafts)
    for draft in drafts:
        telling.tell(draft)
    return await telling.close()


async def _not_stored(
    connection: Connection, drafts: Sequence[InboundDraft]
) -> list[InboundDraft]:
    """Leave out drafts whose parts are done, or that are in the tray no more."""
    held_ids = [part_id for draft in drafts for part_id in draft.held]
    waiting = [draft.event.message_id for draft in drafts if draft.assigned]
    still = await _still(connection, HELD_STILL, held_ids)
    in_tray = await _still(connection, IN_TRAY, waiting)
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


async def _still(
    connection: Connection, statement: str, ids: Sequence[int]
) -> set[int]:
    return set(_ids(await connection.one(statement, text(ids)))) if ids else set()


async def _store(connection: Connection, drafts: Sequence[InboundDraft]) -> None:
    new = [_row(draft) for draft in drafts if not draft.assigned]
    given = [_row(draft) for draft in drafts if draft.assigned]
    if new:
        await connection.execute(INSERT_INBOUND, text(new))
    if given:
        await connection.execute(ASSIGN, text(given))
    for draft in drafts:
        if draft.media:
            await store_media(connection, draft.event.message_id, draft.media)


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


async def _opt_out(
    connection: Connection, drafts: Iterable[InboundDraft], now: float
) -> None:
    rows = [
        (draft.event.originator, draft.account_id, draft.event.message_id)
        for draft in drafts
        if draft.opt_out and draft.account_id is not None
    ]
    if rows and await connection.execute(OPT_OUT, text(rows), now):
        await connection.execute(TOUCH)


async def assigned(connection: Connection, limit: int) -> list[Unrouted]:
    """Find messages of the tray that were given to an access, oldest first."""
    found = [Unrouted(*row) for row in _unrouted(await connection.one(ASSIGNED, limit))]
    ids = text([each.event.message_id for each in found])
    refs: dict[int, list[MediaRef]] = {}
    for message_id, _, ref in sorted(_media(await connection.one(MEDIA_OF, ids))):
        refs.setdefault(message_id, []).append(ref)
    for each in found:
        each.event.media = tuple(refs.get(each.event.message_id, ()))
    return found
