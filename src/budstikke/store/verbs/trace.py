"""Reads all rows of a message, in one snapshot: see ``domain.trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import msgspec

from budstikke.domain.trace import (
    AttemptEntry,
    CallbackEntry,
    HistoryEntry,
    LedgerRow,
    MessageRow,
    PartRow,
    Trace,
    TraceAnswer,
    TraceQuery,
)
from budstikke.store.verbs.message_state import message_state
from budstikke.store.verbs.pages import struct
from budstikke.store.verbs.statement import statement
from budstikke.store.verbs.unexpanded_bulk import unexpanded_message

if TYPE_CHECKING:
    from budstikke.domain.queries import MessageAnswer
    from budstikke.store.verbs.connection import Connection
    from budstikke.store.verbs.statement import Statement

READ_AT_MOST = 1000
"""Rows of each table."""

MESSAGE = statement(
    lambda e: (
        f"""
SELECT m.id, m.order_id, m.account_id, coalesce(a.name, ''),
    coalesce(x.dialect || ':' || x.identifier, ''), coalesce(a.privacy, 'masked'),
    coalesce(a.currency, ''), m.recipient, m.originator, m.ref, m.encoding, m.segments,
    m.parts, m.price, m.accepted_at, m.send_at, m.expires_at, {message_state()},
    m.reason, m.raw, m.final_at, m.deleted,
    CASE WHEN m.deleted = 0 THEN (SELECT {e.concatenation("text")} FROM (
        SELECT text FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255 ORDER BY p.id) t) END,
    CASE WHEN m.encoding = 'mms' THEN 'mms' WHEN m.premium > 0 THEN 'premium'
        WHEN m.flash <> 0 THEN 'flash' ELSE 'sms' END, s.read_at, s.fallback_id
FROM message m LEFT JOIN access x ON x.id = m.access_id
LEFT JOIN account a ON a.id = x.account_id LEFT JOIN mms s ON s.message_id = m.id
WHERE m.id = :id AND (:account::bigint IS NULL OR m.account_id = :account)"""
    )
)

PARTS = statement("""
SELECT p.id, coalesce(c.name, 'carrier ' || p.carrier_id), p.state, p.smsc_id,
    p.reason, p.raw, p.tries, p.at, p.due_at, p.claimed_at, p.sent_at
FROM part p LEFT JOIN carrier c ON c.id = p.carrier_id
WHERE p.id BETWEEN :id::bigint * 256 AND :id::bigint * 256 + 255 ORDER BY p.id""")

HISTORY = statement("""
SELECT h.part_id, h.kind, h.at, c.name, h.smsc_id, h.reason, h.raw, h.due_at,
    CASE WHEN h.kind = 'moved' THEN n.name ELSE x.dialect || ':' || x.identifier END,
    h.times, h.until
FROM part_history h LEFT JOIN carrier c ON c.id = h.carrier_id
LEFT JOIN carrier n ON n.id = h.other_id LEFT JOIN access x ON x.id = h.other_id
WHERE h.part_id BETWEEN :id::bigint * 256 AND :id::bigint * 256 + 255
ORDER BY h.at, h.part_id, h.number LIMIT :limit""")

# An event is a JSON array: its kind first, the message's state as the fifth column.
CALLBACKS = statement("""
SELECT c.id, CASE WHEN c.event::jsonb->>0 = 'status' THEN c.event::jsonb->>4
    ELSE c.event::jsonb->>0 END, c.state, c.tries, c.due_at, c.status, c.took, c.answer,
    c.at
FROM callback c WHERE c.message_id = :id ORDER BY c.id LIMIT :limit""")

ATTEMPTS = statement("""
SELECT t.callback_id, t.at, t.took, t.status, t.answer FROM attempt t
WHERE t.callback_id IN (SELECT c.id FROM callback c WHERE c.message_id = :id)
ORDER BY t.id LIMIT :limit""")

REFUNDS = statement("""
SELECT at, amount FROM ledger WHERE message_id = :id AND kind = 'refund'
ORDER BY id LIMIT :limit""")

Row = TypeVar("Row", bound=msgspec.Struct)


async def answer_trace(
    connection: Connection, query: TraceQuery, account: int
) -> TraceAnswer:
    """Answer a customer's query, within the account."""
    return TraceAnswer(await read_trace(connection, query.message_id, account))


async def read_trace(
    connection: Connection, message_id: int, account: int | None
) -> Trace | None:
    """Read all rows of a message, within an account (``None``: in all)."""
    values = {"id": message_id, "account": account}
    row = await connection.row(MESSAGE, values)
    if row is None:
        made_later = await unexpanded_message(connection, message_id, account)
        return await _of_bulk(connection, made_later[0]) if made_later else None

    async def read(kind: type[Row], rows: Statement) -> tuple[Row, ...]:
        return await _read(connection, kind, rows, message_id)

    return Trace(
        struct(MessageRow, row),
        await read(PartRow, PARTS),
        await read(HistoryEntry, HISTORY),
        await read(CallbackEntry, CALLBACKS),
        await read(AttemptEntry, ATTEMPTS),
        await read(LedgerRow, REFUNDS),
    )


async def _read(
    connection: Connection, kind: type[Row], rows: Statement, id_: int
) -> tuple[Row, ...]:
    values = {"id": id_, "limit": READ_AT_MOST}
    return tuple(struct(kind, each) for each in await connection.rows(rows, values))


async def _of_bulk(connection: Connection, message: MessageAnswer) -> Trace:
    """Read what there is of a message of a bulk order that is not expanded yet."""
    history = await _read(connection, HistoryEntry, HISTORY, message.order_id)
    return Trace(_unexpanded(message), history=history)


def _unexpanded(message: MessageAnswer) -> MessageRow:
    """Make the row of a message of a bulk order that is not expanded yet."""
    return MessageRow(
        id=message.id,
        order_id=message.order_id,
        account_id=0,
        account="",
        access="",
        privacy="masked",
        currency=message.currency,
        recipient=message.recipient,
        originator="",
        ref=message.ref,
        encoding="",
        segments=message.segments,
        parts=0,
        price=message.price,
        accepted_at=message.accepted_at,
        send_at=message.send_at,
        expires_at=0.0,
        state=message.state,
        reason=message.reason,
        raw=message.raw,
        final_at=message.final_at,
        deleted=message.deleted,
    )
