"""
Withdraws orders that were stored although their customers were refused.

An order that is repeated under a name (an idempotency key, an occurrence, a slice)
stays and goes into the queue: the repeat will find it. All others would be sent twice
when their customers repeat them, so they are cancelled and refunded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.queries import CancelCommand
from budstikke.domain.states import PartState
from budstikke.store.contract import CANCELLED_AT_ONCE, BulkRow
from budstikke.store.verbs.cancellation import cancel
from budstikke.store.verbs.claim import release
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import Draft
    from budstikke.store.verbs.connection import Connection

# Of an order: by one of its messages, or of a bulk order without messages by its
# access.
ACCOUNT = statement("""
SELECT coalesce((SELECT account_id FROM message WHERE id = $1 AND order_id = $1),
    (SELECT account_id FROM message WHERE order_id = $1 AND order_id <> id LIMIT 1),
    (SELECT account_id FROM access WHERE id = $2))""")

Order = tuple[int, int]
"""An order's id, and its access's."""


def orders_of(rows: Sequence[Draft | BulkRow]) -> list[Order]:
    """List the orders that no name identifies when they are repeated."""
    found: list[Order] = []
    for row in rows:
        if row.key or row.occurrence:
            continue
        if isinstance(row, BulkRow):
            found.append((row.id, row.access_id))
        elif row.messages and not row.progress:
            first = row.messages[0]
            found.append((first.order_id, first.access_id))
    return found


def parts_of(rows: Sequence[Draft | BulkRow]) -> list[int]:
    """List the parts that were to be sent at once."""
    return [
        part.id
        for row in rows
        if not isinstance(row, BulkRow)
        for part in row.parts
        if part.state is PartState.SENDING
    ]


async def withdraw(
    connection: Connection, part_ids: Sequence[int], orders: Sequence[Order], now: float
) -> None:
    """Queue parts that no sender has, and cancel orders."""
    await release(connection, part_ids)
    for order_id, access_id in orders:
        account_id = await connection.value(ACCOUNT, order_id, access_id)
        command, cancelled = CancelCommand(order_id=order_id), CANCELLED_AT_ONCE
        while cancelled >= CANCELLED_AT_ONCE:
            cancelled = (await cancel(connection, command, account_id, now)).cancelled
