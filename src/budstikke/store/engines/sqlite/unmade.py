"""Messages of bulk orders that are not yet made, or never will be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.queries import MessageAnswer
from budstikke.domain.states import MessageState

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

_COLUMNS = """
SELECT b.id, b.first_id, b.done, b.total, b.cancelled, b.accepted_at, b.content,
    b.recipients, a.currency, b.access_id
FROM bulk b JOIN access x ON x.id = b.access_id JOIN account a ON a.id = x.account_id
"""

# The bulk order with this message is the newest of those that begin before it.
OF_MESSAGE = (
    _COLUMNS
    + """
WHERE b.id = (SELECT id FROM bulk WHERE id < ?1 ORDER BY id DESC LIMIT 1)
    AND ?1 >= b.first_id + b.done AND ?1 < b.first_id + b.total
    AND (?2 IS NULL OR a.id = ?2)"""
)

OF_ORDER = (
    _COLUMNS + "WHERE b.id = ?1 AND b.done < b.total AND (?2 IS NULL OR a.id = ?2)"
)


class _Sent(msgspec.Struct, frozen=True):
    """What is read of an order."""

    ref: str | None = None
    send_at: float | None = None


class _Shared(msgspec.Struct, frozen=True):
    """What is read of ``domain.staging.Content``."""

    order: _Sent = _Sent()
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


_shared = msgspec.json.Decoder(_Shared).decode
_numbers = msgspec.json.Decoder(list[str]).decode


def unmade_message(
    connection: sqlite3.Connection, message_id: int, account_id: int | None
) -> list[MessageAnswer]:
    """Find a message that is to be made, within an account (``None``: any)."""
    row = _read(connection, OF_MESSAGE, message_id, account_id)
    return _answers(row, [message_id - row.first_id]) if row else []


def unmade_messages(
    connection: sqlite3.Connection, order_id: int, account_id: int | None
) -> list[MessageAnswer]:
    """Find the messages of an order that are to be made."""
    row = _read(connection, OF_ORDER, order_id, account_id)
    return _answers(row, range(row.done, row.total)) if row else []


def _read(
    connection: sqlite3.Connection, statement: str, id_: int, account_id: int | None
) -> _Row | None:
    row: tuple[Any, ...] | None
    row = connection.execute(statement, (id_, account_id)).fetchone()
    return _Row(*row) if row else None


def _answers(row: _Row, places: Iterable[int]) -> list[MessageAnswer]:
    shared, recipients = _shared(row.content), _numbers(row.recipients)
    if not recipients:  # its records were deleted
        return []
    send_at = shared.order.send_at
    state = MessageState.ACCEPTED if send_at is None else MessageState.SCHEDULED
    prices = shared.prices
    if row.cancelled:
        state, prices = MessageState.CANCELLED, []
    return [
        MessageAnswer(
            row.first_id + place,
            row.order_id,
            recipients[place],
            shared.order.ref,
            state,
            "",
            "",
            1,
            prices[place] if prices else 0,
            row.currency,
            row.accepted_at,
            send_at,
            None,
            access_id=row.access_id,
        )
        for place in places
    ]
