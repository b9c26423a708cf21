"""Answer what customers ask, row by row: none of this is on the message path."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

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
from budstikke.store.engines.sqlite import keeping, listing
from budstikke.store.engines.sqlite.cancelling import cancel
from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.engines.sqlite.unmade import unmade_message, unmade_messages
from budstikke.store.verbs.groups import answer_group

if TYPE_CHECKING:
    import sqlite3

    from budstikke.store.engines.sqlite.settling import Settling

_VIEW = """
SELECT m.id, m.order_id, m.recipient, m.ref,
    iif(m.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255
        AND p.state IN ('queued', 'sending', 'unsure')), 'sent', m.state),
    m.reason, m.raw, m.segments, m.price, coalesce(a.currency, ''), m.accepted_at,
    m.send_at, m.final_at, m.deleted, m.access_id
FROM message m LEFT JOIN account a ON a.id = m.account_id
"""

BY_ID = _VIEW + "WHERE m.id = ?1 AND (?2 IS NULL OR m.account_id = ?2)"

BY_ORDER = (
    _VIEW
    + """
WHERE (m.id = ?1 AND m.order_id = ?1
    OR m.id IN (SELECT id FROM message WHERE order_id = ?1 AND order_id <> id))
    AND (?2 IS NULL OR m.account_id = ?2)
ORDER BY m.id"""
)

BY_REFERENCE = (
    _VIEW
    + """
WHERE m.ref = ?1 AND m.recipient IN (?2, '') AND m.account_id = ?3
ORDER BY m.deleted, m.id DESC LIMIT 1"""
)


def is_read(asked: Ask) -> bool:
    """Tell whether a question changes nothing, so that a reader can answer it."""
    return isinstance(asked, MessageAsk | OrderAsk | ReferenceAsk | Look)


def look_up(
    connection: sqlite3.Connection, asked: Ask, account_id: int | None
) -> Answer:
    """Answer a look-up; raises Refusal for a group that is not there."""
    if isinstance(asked, Look):
        assert account_id is not None  # noqa: S101 - flow.ask sees to it
        return listing.look(connection, asked, account_id)
    if isinstance(asked, MessageAsk):
        found = _find(connection, BY_ID, asked.message_id, account_id)
        found = found or unmade_message(connection, asked.message_id, account_id)
    elif isinstance(asked, OrderAsk):
        # First those to be: one that is made meanwhile is there, and not twice.
        rest = unmade_messages(connection, asked.order_id, account_id)
        found = _find(connection, BY_ORDER, asked.order_id, account_id)
        made = {answer.id for answer in found}
        found += [answer for answer in rest if answer.id not in made]
    else:
        assert isinstance(asked, ReferenceAsk)  # noqa: S101 - see is_read
        wanted = (asked.ref, asked.recipient, account_id)
        found = _find(connection, BY_REFERENCE, *wanted)
    return MessagesAnswer(tuple(found))


def _find(
    connection: sqlite3.Connection, statement: str, *values: str | int | None
) -> list[MessageAnswer]:
    names = MessageAnswer.__struct_fields__
    return [
        msgspec.convert(dict(zip(names, row, strict=True)), MessageAnswer, strict=False)
        for row in connection.execute(statement, values)
    ]


def change(
    connection: sqlite3.Connection,
    settling: Settling,
    asked: Ask,
    account_id: int,
    now: float,
) -> Answer:
    """Answer what changes something; raises Refusal."""
    if isinstance(asked, CancelAsk):
        return cancel(connection, settling, asked, account_id, now)
    if isinstance(asked, Change):
        return keeping.change(connection, asked, account_id, now)
    assert isinstance(asked, GroupAsk)  # noqa: S101 - flow.ask answers the others
    return finish(answer_group(Connection(connection), asked, account_id))
