"""Cancel what has not been sent, inside SQLite transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.ledger import Kind
from budstikke.domain.queries import CancelAnswer
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PartState
from budstikke.store.contract import CANCELLED_AT_ONCE, Entry
from budstikke.store.engines.sqlite import sql
from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.money import begun

if TYPE_CHECKING:
    import sqlite3

    from budstikke.domain.queries import CancelCommand
    from budstikke.store.engines.sqlite.settling import Settling

_ONE = "m.id = :message AND m.account_id = :account"

# A single message has its order's id.
_ORDER = """m.id IN (SELECT id FROM message WHERE id = :order AND order_id = :order
        UNION ALL SELECT id FROM message WHERE order_id = :order AND order_id <> id)
    AND m.account_id = :account"""

_FOUND = "SELECT count(*) FROM message m WHERE "
FOUND_ONE, FOUND_ORDER = _FOUND + _ONE, _FOUND + _ORDER

# The parts of those messages of which no part is on its way.
_PARTS = """
SELECT json_group_array(p.id) FROM (
    SELECT m.id FROM message m WHERE {which}
        AND m.state IN ('accepted', 'scheduled') AND NOT EXISTS (SELECT 1 FROM part q
            WHERE q.id BETWEEN m.id * 256 AND m.id * 256 + 255 AND q.state <> 'queued')
    LIMIT :limit) c
CROSS JOIN part p ON p.id BETWEEN c.id * 256 AND c.id * 256 + 255"""
PARTS_ONE, PARTS_ORDER = _PARTS.format(which=_ONE), _PARTS.format(which=_ORDER)

# What is not yet made of a bulk order, and what was taken for it.
REST = """
SELECT b.total - b.done, b.cancelled, coalesce((SELECT sum(j.value)
    FROM json_each(b.content, '$.prices') j WHERE j.key >= b.done), 0)
FROM bulk b JOIN access x ON x.id = b.access_id
WHERE b.id = :order AND x.account_id = :account AND b.done < b.total"""

CANCEL_BULK = "UPDATE bulk SET cancelled = 1 WHERE id = :order"

END_RECURRING = """
UPDATE recurring SET next_at = NULL WHERE id = :order AND next_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM access x
        WHERE x.id = recurring.access_id AND x.account_id = :account)"""

_ids = msgspec.json.Decoder(list[int]).decode


def cancel(
    connection: sqlite3.Connection,
    settling: Settling,
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
        found = connection.execute(FOUND_ONE, values).fetchone()[0]
        cancelled = _cancel_made(connection, settling, PARTS_ONE, values, now)
        return CancelAnswer(found, cancelled)
    ended = connection.execute(END_RECURRING, values).rowcount > 0
    rest, cancelled = _cancel_rest(connection, values, now)
    cancelled += _cancel_made(connection, settling, PARTS_ORDER, values, now)
    if cancelled >= CANCELLED_AT_ONCE:
        return CancelAnswer(0, cancelled, ended)
    found = rest + connection.execute(FOUND_ORDER, values).fetchone()[0]
    return CancelAnswer(found, cancelled, ended)


def _cancel_made(
    connection: sqlite3.Connection,
    settling: Settling,
    which: str,
    values: dict[str, Any],
    now: float,
) -> int:
    """Cancel messages; returns how many. Who is told of it is told soon."""
    ids = _ids(connection.execute(which, values).fetchone()[0])
    updates = {id_: PartUpdate(id_, PartState.CANCELLED, 0, at=now) for id_ in ids}
    told = settling.parts(connection, updates, now)
    if told:
        due = text([row.id for row in told])
        connection.execute(sql.LEASE_CALLBACKS, (due, now, None))
    return len({id_ >> 8 for id_ in ids})


def _cancel_rest(
    connection: sqlite3.Connection, values: dict[str, Any], now: float
) -> tuple[int, int]:
    """Stop making a bulk order; returns how many there would be, and were till now."""
    row = connection.execute(REST, values).fetchone()
    if row is None:
        return 0, 0
    count, cancelled, price = row
    if cancelled:
        return count, 0
    connection.execute(CANCEL_BULK, values)
    if price:
        account_id, order_id = values["account"], values["order"]
        book = finish(begun(Connection(connection), [account_id]))
        back = Entry(Kind.REFUND, price, order_id=order_id, messages=count)
        book.enter(account_id, back)
        finish(book.close(now))
    return count, count
