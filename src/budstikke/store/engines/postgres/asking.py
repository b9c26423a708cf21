"""Answer what customers ask, row by row: none of this is on the message path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.callback_listing import EventsAsk
from budstikke.domain.listing import Change, Look
from budstikke.domain.queries import (
    Answer,
    Ask,
    CancelAsk,
    GroupAsk,
    MessageAnswer,
    MessageAsk,
    MessagesAnswer,
    OrderAsk,
    ReferenceAsk,
)
from budstikke.store.engines.postgres import keeping, listing
from budstikke.store.engines.postgres.cancelling import cancel
from budstikke.store.engines.postgres.sql import OF_ORDER, STATE, state
from budstikke.store.engines.postgres.unmade import unmade_message, unmade_messages
from budstikke.store.verbs.groups import answer_group

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node

_VIEW = """
SELECT m.id, m.order_id, m.recipient, m.ref, {state}, m.reason, m.raw, m.segments,
    m.price, coalesce(a.currency, ''), m.accepted_at, m.send_at, m.final_at, m.deleted,
    m.access_id
FROM {source} LEFT JOIN account a ON a.id = m.account_id
"""

_MINE = "(:account::bigint IS NULL OR m.account_id = :account)"

# The id is anything of 64 bits; that of a part would be greater still.
_ITS_PARTS = "p.id >= least(:id, 1::bigint << 54) * 256"

BY_ID = (
    _VIEW.format(source="message m", state=state(_ITS_PARTS))
    + f"WHERE m.id = :id AND {_MINE}"
)

BY_ORDER = _VIEW.format(source=OF_ORDER, state=STATE) + f"WHERE {_MINE} ORDER BY m.id"

BY_REFERENCE = (
    _VIEW.format(source="message m", state=STATE)
    + """
WHERE m.ref = :ref AND m.recipient IN (:recipient, '') AND m.account_id = :account
ORDER BY m.deleted, m.id DESC LIMIT 1"""
)


def is_read(asked: Ask) -> bool:
    """Tell whether a question changes nothing, so that a reader can answer it."""
    return isinstance(asked, MessageAsk | OrderAsk | ReferenceAsk | Look)


def in_one_snapshot(asked: Ask) -> bool:
    """Tell whether all statements of a look-up are to see one state of the database."""
    return isinstance(asked, Look) and not isinstance(asked, EventsAsk)


async def look_up(connection: Connection, asked: Ask, account_id: int | None) -> Answer:
    """Answer a look-up; raises Refusal for a group that is not there."""
    if isinstance(asked, Look):
        assert account_id is not None  # noqa: S101 - flow.ask sees to it
        return await listing.look(connection, asked, account_id)
    values: dict[str, Any] = {"account": account_id}
    if isinstance(asked, MessageAsk):
        found = await _find(connection, BY_ID, values | {"id": asked.message_id})
        found = found or await unmade_message(connection, asked.message_id, account_id)
    elif isinstance(asked, OrderAsk):
        # First those to be: one that is made meanwhile is there, and not twice.
        rest = await unmade_messages(connection, asked.order_id, account_id)
        found = await _find(connection, BY_ORDER, values | {"order": asked.order_id})
        made = {answer.id for answer in found}
        found += [answer for answer in rest if answer.id not in made]
    else:
        assert isinstance(asked, ReferenceAsk)  # noqa: S101 - see is_read
        values |= {"ref": asked.ref, "recipient": asked.recipient}
        found = await _find(connection, BY_REFERENCE, values)
    return MessagesAnswer(tuple(found))


async def _find(
    connection: Connection, statement: str, values: Mapping[str, Any]
) -> list[MessageAnswer]:
    names = MessageAnswer.__struct_fields__
    return [
        msgspec.convert(dict(zip(names, row, strict=True)), MessageAnswer, strict=False)
        for row in await connection.rows(statement, values)
    ]


async def change(
    connection: Connection,
    node: Node,
    asked: Ask,
    account_id: int,
    now: float,
) -> Answer:
    """Answer what changes something; raises Refusal."""
    if isinstance(asked, CancelAsk):
        return await cancel(connection, node, asked, account_id, now)
    if isinstance(asked, Change):
        return await keeping.change(connection, asked, account_id, now)
    assert isinstance(asked, GroupAsk)  # noqa: S101 - flow.ask answers the others
    return await answer_group(connection, asked, account_id)
