"""
Answers queries of customers and administrators, off the message path.

``look_up`` answers those that only read, ``change`` carries out the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.callback_listing import EventsQuery
from budstikke.domain.listing import ListingCommand, ListingQuery
from budstikke.domain.queries import (
    Answer,
    CancelCommand,
    GroupCommand,
    MessageAnswer,
    MessageQuery,
    MessagesAnswer,
    OrderQuery,
    QueryOrCommand,
    ReferenceQuery,
)
from budstikke.store.contract import MessageView
from budstikke.store.verbs import account_data, listing
from budstikke.store.verbs.cancellation import cancel
from budstikke.store.verbs.groups import answer_group
from budstikke.store.verbs.json_text import text, within_id
from budstikke.store.verbs.message_state import OF_ORDER, message_state
from budstikke.store.verbs.pages import struct
from budstikke.store.verbs.statement import statement
from budstikke.store.verbs.unexpanded_bulk import (
    unexpanded_message,
    unexpanded_messages,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.store.verbs.connection import Connection
    from budstikke.store.verbs.statement import Statement


def _view(source: str, parts: str = "") -> str:
    """Write the columns of MessageAnswer, of messages ``m`` of a source."""
    return f"""
SELECT m.id, m.order_id, m.recipient, m.ref, {message_state(parts)}, m.reason, m.raw,
    m.segments, m.price, coalesce(a.currency, ''), m.accepted_at, m.send_at, m.final_at,
    m.deleted, m.access_id
FROM {source} LEFT JOIN account a ON a.id = m.account_id
"""


_OWN = "(:account::bigint IS NULL OR m.account_id = :account)"

# Any 64-bit id is allowed: beyond 54 bits the ids of its parts would be too large.
_ITS_PARTS = """AND p.id >= 256 *
            CASE WHEN :id < (1::bigint << 54) THEN :id ELSE 1::bigint << 54 END"""

BY_ID = statement(_view("message m", _ITS_PARTS) + f"WHERE m.id = :id AND {_OWN}")

BY_ORDER = statement(_view(OF_ORDER) + f"WHERE {_OWN} ORDER BY m.id")

BY_REFERENCE = statement(
    _view("message m")
    + """
WHERE m.ref = :ref AND m.recipient IN (:recipient, '') AND m.account_id = :account
ORDER BY m.deleted, m.id DESC LIMIT 1"""
)

# What ``MessageView`` has.
MESSAGES = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(m.id, m.access_id, m.recipient, m.ref, m.segments,
    {message_state("AND p.id >= $2::bigint * 256")}, m.reason, m.raw, m.accepted_at,
    m.final_at))
FROM {e.id_rows()} {e.join} message m ON m.id = j.value AND m.id >= $2"""
    )
)

REVISION = statement("SELECT value FROM meta WHERE key = 'revision'")

_views = msgspec.json.Decoder(list[MessageView]).decode


async def messages(connection: Connection, ids: Sequence[int]) -> list[MessageView]:
    """Look messages up, except unknown ids."""
    known = [within_id(id_) for id_ in ids]
    low = connection.bounds.message(known)
    return _views(await connection.one(MESSAGES, text(known), low))


async def revision(connection: Connection) -> int:
    """Read the revision of the directory."""
    return int(await connection.value(REVISION))


def is_read(query: QueryOrCommand) -> bool:
    """Whether a query changes nothing, so that a reader can answer it."""
    return isinstance(query, MessageQuery | OrderQuery | ReferenceQuery | ListingQuery)


async def look_up(
    connection: Connection, query: QueryOrCommand, account_id: int | None
) -> Answer:
    """
    Answer a query within an account (``None``: in all); ``is_read`` is true of it.

    Raises Refusal for an unknown group.
    """
    if isinstance(query, ListingQuery):
        assert account_id is not None  # noqa: S101 - flow.queries sees to it
        return await listing.look(connection, query, account_id)
    if isinstance(query, MessageQuery):
        values = {"account": account_id, "id": query.message_id}
        messages = await _find(connection, BY_ID, values) or await unexpanded_message(
            connection, query.message_id, account_id
        )
    elif isinstance(query, OrderQuery):
        messages = await _of_order(connection, query.order_id, account_id)
    else:
        assert isinstance(query, ReferenceQuery)  # noqa: S101 - see is_read
        wanted = {"ref": query.ref, "recipient": query.recipient}
        messages = await _find(
            connection, BY_REFERENCE, {**wanted, "account": account_id}
        )
    return MessagesAnswer(tuple(messages))


async def _of_order(
    connection: Connection, order_id: int, account_id: int | None
) -> list[MessageAnswer]:
    # Messages that are not made yet are read first: one that is made between the two
    # statements is in the second result, and must not be listed twice.
    rest = await unexpanded_messages(connection, order_id, account_id)
    values = {"order": order_id, "account": account_id}
    messages = await _find(connection, BY_ORDER, values)
    ids = {message.id for message in messages}
    return messages + [message for message in rest if message.id not in ids]


async def _find(
    connection: Connection, query: Statement, values: Mapping[str, Any]
) -> list[MessageAnswer]:
    rows = await connection.rows(query, values)
    return [struct(MessageAnswer, row) for row in rows]


def in_one_snapshot(query: QueryOrCommand) -> bool:
    """Whether all statements of a query must read one state of the database."""
    return isinstance(query, ListingQuery) and not isinstance(query, EventsQuery)


async def change(
    connection: Connection, query: QueryOrCommand, account_id: int, now: float
) -> Answer:
    """Carry out a command within an account; raises Refusal."""
    if isinstance(query, CancelCommand):
        return await cancel(connection, query, account_id, now)
    if isinstance(query, ListingCommand):
        return await account_data.change(connection, query, account_id, now)
    assert isinstance(query, GroupCommand)  # noqa: S101 - flow.queries answers the others
    return await answer_group(connection, query, account_id)
