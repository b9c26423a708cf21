"""Cancel what has not been sent, inside PostgreSQL transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.domain.ledger import Kind
from budstikke.domain.queries import CancelAnswer
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PartState
from budstikke.store.contract import CANCELLED_AT_ONCE, Entry
from budstikke.store.engines.postgres import sql
from budstikke.store.engines.postgres.settling import settle_parts
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.message_state import OF_ORDER
from budstikke.store.verbs.money import begun

if TYPE_CHECKING:
    from budstikke.domain.queries import CancelCommand
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node

_ONE = "message m WHERE m.id = :message AND m.account_id = :account"
_ORDER = f"{OF_ORDER} WHERE m.account_id = :account"

_FOUND = "SELECT count(*) FROM "
FOUND_ONE, FOUND_ORDER = _FOUND + _ONE, _FOUND + _ORDER

# The parts of those messages of which no part is on its way. Somebody may claim one
# before they are ours: so their states are read again when they are.
_PARTS = """
SELECT p.id, p.state FROM (
    SELECT m.id FROM {which}
        AND m.state IN ('accepted', 'scheduled') AND NOT EXISTS (SELECT 1 FROM part q
            WHERE q.id BETWEEN m.id * 256 AND m.id * 256 + 255 AND q.state <> 'queued')
    LIMIT :limit) c
JOIN part p ON p.id BETWEEN c.id * 256 AND c.id * 256 + 255
ORDER BY p.id FOR UPDATE OF p"""
PARTS_ONE, PARTS_ORDER = _PARTS.format(which=_ONE), _PARTS.format(which=_ORDER)

# What is not yet made of a bulk order, and what was taken for it.
REST = """
SELECT b.total - b.done, b.cancelled, coalesce((SELECT sum(j.value::bigint)
    FROM jsonb_array_elements_text(coalesce(b.content::jsonb->'prices', '[]'::jsonb))
        WITH ORDINALITY AS j (value, place) WHERE j.place > b.done), 0)::bigint
FROM bulk b JOIN access x ON x.id = b.access_id
WHERE b.id = :order AND x.account_id = :account AND b.done < b.total
FOR UPDATE OF b"""

CANCEL_BULK = "UPDATE bulk SET cancelled = true WHERE id = :order"

END_RECURRING = """
UPDATE recurring SET next_at = NULL WHERE id = :order AND next_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM access x
        WHERE x.id = recurring.access_id AND x.account_id = :account)"""


async def cancel(
    connection: Connection,
    node: Node,
    asked: CancelCommand,
    account_id: int,
    now: float,
) -> CancelAnswer:
    """Cancel a message, or an order: see ``Store.ask``."""
    values: dict[str, Any] = {
        "message": asked.message_id,
        "order": asked.order_id,
        "account": account_id,
        "limit": CANCELLED_AT_ONCE,
    }
    if asked.order_id is None:
        found = (await connection.row(FOUND_ONE, values))[0]
        cancelled = await _cancel_made(connection, node, PARTS_ONE, values, now)
        return CancelAnswer(found, cancelled)
    ended = await connection.execute(END_RECURRING, values) > 0
    rest, cancelled = await _cancel_rest(connection, values, now)
    cancelled += await _cancel_made(connection, node, PARTS_ORDER, values, now)
    if cancelled >= CANCELLED_AT_ONCE:
        return CancelAnswer(0, cancelled, ended)
    found = rest + (await connection.row(FOUND_ORDER, values))[0]
    return CancelAnswer(found, cancelled, ended)


async def _cancel_made(
    connection: Connection,
    node: Node,
    which: str,
    values: dict[str, Any],
    now: float,
) -> int:
    """Cancel messages; returns how many. Who is told of it is told soon."""
    rows = await connection.rows(which, values)
    away = {row[0] >> 8 for row in rows if row[1] != PartState.QUEUED}
    ids = [row[0] for row in rows if row[0] >> 8 not in away]
    updates = {id_: PartUpdate(id_, PartState.CANCELLED, 0, at=now) for id_ in ids}
    told = await settle_parts(connection, node, updates, now)
    if told:
        due = text([row.id for row in told])
        await connection.execute(sql.LEASE_CALLBACKS, due, now, None)
    return len({id_ >> 8 for id_ in ids})


async def _cancel_rest(
    connection: Connection, values: dict[str, Any], now: float
) -> tuple[int, int]:
    """Stop making a bulk order; returns how many there would be, and were till now."""
    row = await connection.row(REST, values)
    if row is None:
        return 0, 0
    count, cancelled, price = row
    if cancelled:
        return count, 0
    await connection.execute(CANCEL_BULK, values)
    if price:
        account_id, order_id = values["account"], values["order"]
        book = await begun(connection, [account_id])
        back = Entry(Kind.REFUND, price, order_id=order_id, messages=count)
        book.enter(account_id, back)
        await book.close(now)
    return count, count
