"""Messages of bulk orders that are not expanded yet, or were cancelled before that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.queries import MessageAnswer
from budstikke.domain.states import MessageState
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from budstikke.store.verbs.connection import Connection
    from budstikke.store.verbs.statement import Statement

_COLUMNS = """
SELECT b.id, b.first_id, b.done, b.total, b.cancelled, b.accepted_at, b.content,
    b.recipients, a.currency, b.access_id
FROM bulk b JOIN access x ON x.id = b.access_id JOIN account a ON a.id = x.account_id
"""

# The bulk order of a message is the newest one with a lower id.
OF_MESSAGE = statement(
    _COLUMNS
    + """
WHERE b.id = (SELECT id FROM bulk WHERE id < $1 ORDER BY id DESC LIMIT 1)
    AND $1 >= b.first_id + b.done AND $1 < b.first_id + b.total
    AND ($2::bigint IS NULL OR a.id = $2)"""
)

OF_ORDER = statement(
    _COLUMNS
    + "WHERE b.id = $1 AND b.done < b.total AND ($2::bigint IS NULL OR a.id = $2)"
)


class _Order(msgspec.Struct, frozen=True):
    """The columns of an order that are read."""

    ref: str | None = None
    send_at: float | None = None


class _Content(msgspec.Struct, frozen=True):
    """The fields of ``domain.staging.OrderContext`` that are read."""

    order: _Order = _Order()
    prices: list[int] = []


class _Row(msgspec.Struct):
    order_id: int
    first_id: int
    done: int
    total: int
    cancelled: bool
    accepted_at: float
    content: str
    recipients: str
    currency: str
    access_id: int


_content = msgspec.json.Decoder(_Content).decode
_numbers = msgspec.json.Decoder(list[str]).decode


async def unexpanded_message(
    connection: Connection, message_id: int, account_id: int | None
) -> list[MessageAnswer]:
    """Find a message that is not made yet, within an account (``None``: in all)."""
    row = await _read(connection, OF_MESSAGE, message_id, account_id)
    return _answers(row, [message_id - row.first_id]) if row else []


async def unexpanded_messages(
    connection: Connection, order_id: int, account_id: int | None
) -> list[MessageAnswer]:
    """Find the messages of an order that are not made yet, within an account."""
    row = await _read(connection, OF_ORDER, order_id, account_id)
    return _answers(row, range(row.done, row.total)) if row else []


async def _read(
    connection: Connection, query: Statement, id_: int, account_id: int | None
) -> _Row | None:
    row: tuple[Any, ...] | None
    row = await connection.row(query, id_, account_id)
    return _Row(*row) if row else None


def _answers(row: _Row, indexes: Iterable[int]) -> list[MessageAnswer]:
    content, recipients = _content(row.content), _numbers(row.recipients)
    if not recipients:  # they were erased
        return []
    send_at = content.order.send_at
    state = MessageState.ACCEPTED if send_at is None else MessageState.SCHEDULED
    prices = content.prices
    if row.cancelled:
        state, prices = MessageState.CANCELLED, []
    return [
        MessageAnswer(
            row.first_id + index,
            row.order_id,
            recipients[index],
            content.order.ref,
            state,
            "",
            "",
            1,
            prices[index] if prices else 0,
            row.currency,
            row.accepted_at,
            send_at,
            None,
            access_id=row.access_id,
        )
        for index in indexes
    ]
