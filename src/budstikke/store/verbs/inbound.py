"""Stores inbound messages, finds what they reply to, and lists assigned ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.inbound import InboundEvent, MediaRef
from budstikke.store.contract import Conversation, Unrouted
from budstikke.store.verbs.account_data import TOUCH
from budstikke.store.verbs.callbacks import CallbackWriter
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.media import store_media
from budstikke.store.verbs.reassembly import mark_done, still_held
from budstikke.store.verbs.statement import columns, statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.store.contract import InboundDraft, StoredInbound
    from budstikke.store.verbs.connection import Connection

# Rows of the batch: [reply number, phone]. Only reply numbers have 14 digits.
CONVERSATIONS = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(j.key, {e.row}(m.id, m.access_id, m.account_id)))
FROM {e.rows()} {e.join} message m ON m.id = coalesce(
    (SELECT max(id) FROM message WHERE originator = j.value->>0
        AND length(originator) = 14 AND recipient = j.value->>1),
    (SELECT max(id) FROM message WHERE originator = j.value->>0
        AND length(originator) = 14))"""
    )
)

SUBSCRIBERS = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(s.number, {e.row}(s.name, s.address)))
FROM {e.text_rows()} {e.join} subscriber s ON s.number = j.value"""
    )
)

INSERT_INBOUND = statement(
    lambda e: (
        f"""
INSERT INTO inbound (id, access_id, account_id, carrier_id, number_id, keyword_id,
    originator, recipient, kind, text, data, subject, keyword, reply_to, missing,
    opt_out, sent_at, came_at)
SELECT {columns("iiiiiitttttttinbff")} FROM {e.rows()}"""
    )
)

STILL_UNROUTED = statement(
    lambda e: (
        f"""
SELECT {e.list}(id) FROM (
    SELECT id FROM inbound WHERE id {e.in_ids()} AND access_id IS NULL
    ORDER BY id {e.lock}) i"""
    )
)

# Rows of the batch: those of INSERT_INBOUND.
ASSIGN = statement(
    lambda e: (
        f"""
UPDATE inbound SET access_id = (j.value->>1)::bigint,
    account_id = (j.value->>2)::bigint, number_id = (j.value->>4)::bigint,
    keyword_id = (j.value->>5)::bigint, keyword = j.value->>12,
    reply_to = (j.value->>13)::bigint, opt_out = (j.value->>15)::boolean
FROM {e.rows()} WHERE inbound.id = (j.value->>0)::bigint"""
    )
)

# Columns of InboundEvent, then those of Unrouted.
ASSIGNED = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}({e.row}('inbound', i.id, i.kind, i.originator, i.recipient,
    i.text, i.data, i.keyword, coalesce(i.number_id, 0), coalesce(i.keyword_id, 0),
    coalesce(i.reply_to, 0), {e.boolean("false")}, 0, i.sent_at, i.came_at, i.missing,
    {e.boolean("i.opt_out")}, i.subject), i.carrier_id, i.recipient, i.assign_id))
FROM (SELECT * FROM inbound WHERE access_id IS NULL AND assign_id IS NOT NULL
    ORDER BY id LIMIT $1) i"""
    )
)

MEDIA_OF = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(message_id, place, {e.row}(id, name, type, size)))
FROM media WHERE message_id {e.in_ids()}"""
    )
)

OPT_OUT = statement(
    lambda e: (
        f"""
INSERT INTO suppression (number, account_id, reason, inbound_id, at)
SELECT j.value->>0, (j.value->>1)::bigint, 'stop', (j.value->>2)::bigint, $2
FROM {e.rows()} WHERE true ORDER BY 1, 2
ON CONFLICT (number, account_id) DO NOTHING"""
    )
)

_ids = msgspec.json.Decoder(list[int]).decode
_conversations = msgspec.json.Decoder(list[tuple[int, Conversation]]).decode
_subscribers = msgspec.json.Decoder(list[tuple[str, tuple[str, str]]]).decode
_unrouted = msgspec.json.Decoder(list[tuple[InboundEvent, int, str, int]]).decode
_media = msgspec.json.Decoder(list[tuple[int, int, MediaRef]]).decode


async def conversations(
    connection: Connection, pairs: Sequence[tuple[str, str]]
) -> list[Conversation | None]:
    """Find what phones reply to: for (reply number, phone) the newest message."""
    by_index = dict(_conversations(await connection.one(CONVERSATIONS, text(pairs))))
    return [by_index.get(index) for index in range(len(pairs))]


async def subscribers(
    connection: Connection, numbers: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Look numbers up in the number directory: name and address."""
    return dict(_subscribers(await connection.one(SUBSCRIBERS, text(numbers))))


async def store_inbound(
    connection: Connection, drafts: Sequence[InboundDraft], now: float
) -> list[InboundDraft]:
    """
    Store inbound messages and opt-outs; return those that were not stored before.

    A draft was stored before if one of its parts is done, or if it is an assigned
    message that is no longer unrouted.
    """
    drafts = await _not_stored(connection, drafts)
    await mark_done(connection, [id_ for draft in drafts for id_ in draft.held])
    new = [_row(draft) for draft in drafts if not draft.assigned]
    assigned_rows = [_row(draft) for draft in drafts if draft.assigned]
    if new:
        await connection.execute(INSERT_INBOUND, text(new))
    if assigned_rows:
        await connection.execute(ASSIGN, text(assigned_rows))
    await _opt_out(connection, drafts, now)
    return drafts


async def receive(
    connection: Connection, drafts: Sequence[InboundDraft], now: float
) -> StoredInbound:
    """
    Store inbound messages with their media and callbacks.

    Those that were stored before are skipped, as in ``store_inbound``.
    """
    drafts = await store_inbound(connection, drafts, now)
    for draft in drafts:
        await store_media(connection, draft.event.message_id, draft.media)
    writer = CallbackWriter(connection, now)
    await writer.begin(drafts)
    for draft in drafts:
        writer.add(draft)
    return await writer.close()


async def _not_stored(
    connection: Connection, drafts: Sequence[InboundDraft]
) -> list[InboundDraft]:
    held_ids = [part_id for draft in drafts for part_id in draft.held]
    still = await still_held(connection, held_ids)
    assigned_ids = [draft.event.message_id for draft in drafts if draft.assigned]
    unrouted = await _still_unrouted(connection, assigned_ids)
    left: list[InboundDraft] = []
    for draft in drafts:
        if not still.issuperset(draft.held):
            continue
        if draft.assigned and draft.event.message_id not in unrouted:
            continue
        still.difference_update(draft.held)  # a batch may have a message twice
        unrouted.discard(draft.event.message_id)
        left.append(draft)
    return left


async def _still_unrouted(connection: Connection, ids: Sequence[int]) -> set[int]:
    if not ids:
        return set()
    return set(_ids(await connection.one(STILL_UNROUTED, text(ids))))


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


async def assigned_unrouted(connection: Connection, limit: int) -> list[Unrouted]:
    """Find unrouted messages that were assigned to an access, oldest first."""
    rows = _unrouted(await connection.one(ASSIGNED, limit))
    messages = [Unrouted(*row) for row in rows]
    ids = text([message.event.message_id for message in messages])
    refs: dict[int, list[MediaRef]] = {}
    for message_id, _, ref in sorted(_media(await connection.one(MEDIA_OF, ids))):
        refs.setdefault(message_id, []).append(ref)
    for message in messages:
        message.event.media = tuple(refs.get(message.event.message_id, ()))
    return messages
