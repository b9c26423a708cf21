"""Stored orders: bulk orders, recurring orders, and answers to idempotency keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.store.contract import BulkRow, Draft, RecurringRow
from budstikke.store.verbs.json_text import text, within_id
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.verbs.connection import Connection

STORED = statement(
    lambda e: (
        f"""
SELECT order_id FROM message WHERE id {e.in_ids()}
UNION SELECT id FROM bulk WHERE id {e.in_ids("$2")}"""
    )
)

OPEN_BULKS = statement("""
UPDATE bulk SET node_id = $1
WHERE done < total AND NOT cancelled
    AND (node_id = $1 OR NOT EXISTS (SELECT 1 FROM node n WHERE n.id = bulk.node_id))
RETURNING id, access_id, accepted_at, first_id, total, done, content, recipients""")

ORIGINATOR = statement("""
SELECT originator FROM message WHERE id = $1 AND access_id = $2""")

ANSWERED = statement("""
SELECT digest, answer FROM idempotency
WHERE access_id = $1 AND key = $2 AND kept_until > $3""")

DUE = statement("""
SELECT id, access_id, "order", first_at, done, next_at FROM recurring
WHERE next_at <= $1 ORDER BY next_at LIMIT $2""")


async def stored(connection: Connection, rows: Sequence[Draft | BulkRow]) -> set[int]:
    """Return the ids of those orders of which anything is stored."""
    bulk_ids = [row.id for row in rows if isinstance(row, BulkRow)]
    drafts = [row for row in rows if isinstance(row, Draft)]
    ids = [message.id for draft in drafts for message in draft.messages]
    found = await connection.rows(STORED, text(ids), text(bulk_ids))
    return {row[0] for row in found}


async def open_bulks(connection: Connection) -> list[BulkRow]:
    """Take bulk orders to expand that no other node expands."""
    rows = await connection.rows(OPEN_BULKS, connection.node_id)
    return sorted(map(_bulk, rows), key=lambda bulk: bulk.id)


def _bulk(row: Any) -> BulkRow:
    return BulkRow(
        id=row[0],
        access_id=row[1],
        accepted_at=row[2],
        first_id=row[3],
        total=row[4],
        done=row[5],
        content=row[6].encode(),
        recipients=row[7].encode(),
    )


async def originator_of(
    connection: Connection, access_id: int, message_id: int
) -> str | None:
    """Return the sender of an access's message."""
    values = (within_id(message_id), access_id)
    found: str | None = await connection.value(ORIGINATOR, *values)
    return found


async def idempotent_answer(
    connection: Connection, access_id: int, key: str, now: float
) -> tuple[str, bytes] | None:
    """Return an idempotency key's (digest of the request, answer)."""
    row = await connection.row(ANSWERED, access_id, key, now)
    return (row[0], row[1].encode()) if row else None


async def due_recurring(
    connection: Connection, now: float, limit: int
) -> list[RecurringRow]:
    """Find recurring orders that are due."""
    return [
        RecurringRow(id_, access_id, order.encode(), first_at, done, next_at)
        for id_, access_id, order, first_at, done, next_at in await connection.rows(
            DUE, now, limit
        )
    ]
