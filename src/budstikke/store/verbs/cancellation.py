"""Cancels messages that have not been sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.domain.history import HistoryKind, of_message
from budstikke.domain.ledger import Kind
from budstikke.domain.queries import CancelAnswer
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PartState
from budstikke.store.contract import CANCELLED_AT_ONCE, Entry
from budstikke.store.verbs.clock import LEASE_CALLBACKS
from budstikke.store.verbs.history import record_history
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.message_state import OF_ORDER
from budstikke.store.verbs.money import begun
from budstikke.store.verbs.settlement import settle_parts
from budstikke.store.verbs.statement import Statement, statement

if TYPE_CHECKING:
    from budstikke.domain.queries import CancelCommand
    from budstikke.store.verbs.connection import Connection

_ONE = "message m WHERE m.id = :message AND m.account_id = :account"
_ORDER = f"{OF_ORDER} WHERE m.account_id = :account"

COUNT_ONE = statement(f"SELECT count(*) FROM {_ONE}")
COUNT_ORDER = statement(f"SELECT count(*) FROM {_ORDER}")


def _parts(which: str) -> Statement:
    """
    Make the statement that finds the parts of messages without a part on its way.

    A node may claim one before they are locked: PostgreSQL reads the states again after
    it has waited for a lock.
    """
    return statement(
        lambda e: (
            f"""
SELECT p.id, p.state FROM (
    SELECT m.id FROM {which}
        AND m.state IN ('accepted', 'scheduled') AND NOT EXISTS (SELECT 1 FROM part q
            WHERE q.id BETWEEN m.id * 256 AND m.id * 256 + 255 AND q.state <> 'queued')
    LIMIT :limit) c
{e.join} part p ON p.id BETWEEN c.id * 256 AND c.id * 256 + 255
ORDER BY p.id {e.only(postgres="FOR UPDATE OF p")}"""
        )
    )


PARTS_ONE, PARTS_ORDER = _parts(_ONE), _parts(_ORDER)

# The messages of a bulk order that are not expanded yet, and their price.
REST = statement(
    lambda e: (
        f"""
SELECT b.total - b.done, b.cancelled, coalesce((SELECT sum(j.value::bigint)
    FROM {e.rows("coalesce(b.content::jsonb->'prices', '[]')")}
    WHERE j.key >= b.done), 0)::bigint
FROM bulk b JOIN access x ON x.id = b.access_id
WHERE b.id = :order AND x.account_id = :account AND b.done < b.total
{e.only(postgres="FOR UPDATE OF b")}"""
    )
)

CANCEL_BULK = statement("UPDATE bulk SET cancelled = true WHERE id = :order")

END_RECURRING = statement("""
UPDATE recurring SET next_at = NULL WHERE id = :order AND next_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM access x
        WHERE x.id = recurring.access_id AND x.account_id = :account)""")


async def cancel(
    connection: Connection, command: CancelCommand, account_id: int, now: float
) -> CancelAnswer:
    """Cancel a message, or an order; see ``Store.ask``."""
    values: dict[str, Any] = {
        "message": command.message_id,
        "order": command.order_id,
        "account": account_id,
        "limit": CANCELLED_AT_ONCE,
    }
    if command.order_id is None:
        count = await connection.value(COUNT_ONE, values)
        cancelled = await _cancel_messages(
            connection, PARTS_ONE, values, command.access_id, now
        )
        return CancelAnswer(count, cancelled)
    ended = await connection.execute(END_RECURRING, values) > 0
    rest, cancelled = await _cancel_rest(connection, values, command.access_id, now)
    cancelled += await _cancel_messages(
        connection, PARTS_ORDER, values, command.access_id, now
    )
    if cancelled >= CANCELLED_AT_ONCE:
        return CancelAnswer(0, cancelled, ended)
    count = rest + await connection.value(COUNT_ORDER, values)
    return CancelAnswer(count, cancelled, ended)


async def _cancel_messages(
    connection: Connection,
    which: Statement,
    values: dict[str, Any],
    access_id: int,
    now: float,
) -> int:
    """
    Cancel messages, whose callbacks are due at once; return how many.

    The history says which access cancelled them; 0: the gateway withdrew them.
    """
    rows = await connection.rows(which, values)
    away = {row[0] >> 8 for row in rows if row[1] != PartState.QUEUED}
    ids = [row[0] for row in rows if row[0] >> 8 not in away]
    updates = {id_: PartUpdate(id_, PartState.CANCELLED, 0, at=now) for id_ in ids}
    callbacks = [row.id for row in await settle_parts(connection, updates, now)]
    if callbacks:
        due = (text(callbacks), now, None, connection.bounds.callback(callbacks))
        await connection.execute(LEASE_CALLBACKS, *due)
    cancelled = sorted({id_ >> 8 for id_ in ids})
    if cancelled:
        await _record_cancellation(connection, cancelled, access_id, now)
    return len(cancelled)


async def _record_cancellation(
    connection: Connection, ids: list[int], access_id: int, now: float
) -> None:
    """Write who cancelled messages, or the rest of a bulk order."""
    kind = HistoryKind.CANCELLED if access_id else HistoryKind.WITHDRAWN
    history = [of_message(id_, kind, access_id, now) for id_ in ids]
    await record_history(connection, history, now)


async def _cancel_rest(
    connection: Connection, values: dict[str, Any], access_id: int, now: float
) -> tuple[int, int]:
    """
    Stop expanding a bulk order, and refund the rest.

    The history of the order, whose id no message has, says who cancelled the rest.
    Returns how many messages the rest has, and how many of them this cancelled.
    """
    row = await connection.row(REST, values)
    if row is None:
        return 0, 0
    count, cancelled, price = row
    if cancelled:
        return count, 0
    await connection.execute(CANCEL_BULK, values)
    await _record_cancellation(connection, [values["order"]], access_id, now)
    if price:
        account_id, order_id = values["account"], values["order"]
        book = await begun(connection, [account_id])
        back = Entry(Kind.REFUND, price, order_id=order_id, messages=count)
        book.enter(account_id, back)
        await book.close(now)
    return count, count
