"""Answer what customers ask, row by row: none of this is on the message path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.ask import (
    Answer,
    Ask,
    CancelAnswer,
    CancelAsk,
    GroupAsk,
    MessageAnswer,
    MessageAsk,
    MessagesAnswer,
    OrderAsk,
    ReferenceAsk,
)
from budstikke.domain.listing import Change, Look
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PartState
from budstikke.store.sqlite import keeping, listing
from budstikke.store.sqlite.groups import answer_group

if TYPE_CHECKING:
    import sqlite3

    from budstikke.store.sqlite.settling import Settling

VIEW = """
SELECT m.id, m.order_id, m.recipient, m.ref,
    iif(m.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255
        AND p.state IN ('queued', 'sending', 'unsure')), 'sent', m.state),
    m.reason, m.raw, m.segments, m.price, coalesce(a.currency, ''), m.accepted_at,
    m.send_at, m.final_at, m.deleted
FROM message m LEFT JOIN account a ON a.id = m.account_id
"""

BY_ID = VIEW + "WHERE m.id = ?1 AND (?2 IS NULL OR m.account_id = ?2)"

BY_ORDER = (
    VIEW
    + """
WHERE (m.id = ?1 AND m.order_id = ?1
    OR m.id IN (SELECT id FROM message WHERE order_id = ?1 AND order_id <> id))
    AND (?2 IS NULL OR m.account_id = ?2)
ORDER BY m.id"""
)

BY_REFERENCE = (
    VIEW
    + """
WHERE m.ref = ?1 AND m.recipient = ?2 AND m.account_id = ?3
ORDER BY m.id DESC LIMIT 1"""
)

# A message of a bulk order that is not yet made: accepted, by its place in the order.
IN_BULK = """
SELECT ?1, b.id, json_extract(b.recipients, '$[' || (?1 - b.first_id) || ']'), NULL,
    'accepted', '', '', 1, 0, '', b.accepted_at, NULL, NULL, 0
FROM bulk b JOIN access x ON x.id = b.access_id
WHERE b.done < b.total AND ?1 >= b.first_id + b.done AND ?1 < b.first_id + b.total
    AND (?2 IS NULL OR x.account_id = ?2)"""

CANCELLABLE = """
SELECT m.id FROM message m
WHERE m.account_id = ?1 AND m.state IN ('accepted', 'scheduled')
    AND (m.id = ?2 OR m.id IN (
        SELECT id FROM message WHERE order_id = ?3 AND order_id <> id) OR m.id = ?3)
    AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255 AND p.state <> 'queued')"""

FOUND = """
SELECT count(*) FROM message m WHERE m.account_id = ?1 AND (m.id = ?2 OR m.id IN (
    SELECT id FROM message WHERE order_id = ?3 AND order_id <> id) OR m.id = ?3)"""

PARTS_OF = "SELECT id FROM part WHERE id BETWEEN ?1 * 256 AND ?1 * 256 + 255"

END_RECURRING = """
UPDATE recurring SET next_at = NULL WHERE id = ?1 AND access_id IN (
    SELECT id FROM access WHERE account_id = ?2) AND next_at IS NOT NULL"""


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
        values: tuple[Any, ...] = (asked.message_id, account_id)
        rows = connection.execute(BY_ID, values).fetchall()
        rows = rows or connection.execute(IN_BULK, values).fetchall()
    elif isinstance(asked, OrderAsk):
        rows = connection.execute(BY_ORDER, (asked.order_id, account_id)).fetchall()
    else:
        assert isinstance(asked, ReferenceAsk)  # noqa: S101 - see is_read
        values = (asked.ref, asked.recipient, account_id)
        rows = connection.execute(BY_REFERENCE, values).fetchall()
    return MessagesAnswer(tuple(_answer(row) for row in rows))


def _answer(row: tuple[Any, ...]) -> MessageAnswer:
    names = MessageAnswer.__struct_fields__
    values = dict(zip(names, row, strict=True))
    return msgspec.convert(values, MessageAnswer, strict=False)


def change(
    connection: sqlite3.Connection,
    settling: Settling,
    asked: Ask,
    account_id: int,
    now: float,
) -> Answer:
    """Answer what changes something; raises Refusal."""
    if isinstance(asked, CancelAsk):
        return _cancel(connection, settling, asked, account_id, now)
    if isinstance(asked, Change):
        return keeping.change(connection, asked, account_id)
    assert isinstance(asked, GroupAsk)  # noqa: S101 - flow.ask answers the others
    return answer_group(connection, asked, account_id)


def _cancel(
    connection: sqlite3.Connection,
    settling: Settling,
    asked: CancelAsk,
    account_id: int,
    now: float,
) -> CancelAnswer:
    values = (account_id, asked.message_id, asked.order_id)
    found = connection.execute(FOUND, values).fetchone()[0]
    ids = [row[0] for row in connection.execute(CANCELLABLE, values).fetchall()]
    updates: dict[int, PartUpdate] = {}
    for message_id in ids:
        for (part_id,) in connection.execute(PARTS_OF, (message_id,)).fetchall():
            updates[part_id] = PartUpdate(part_id, PartState.CANCELLED, 0, at=now)
    settling.parts(connection, updates, now)  # told when their lease runs out
    ended = 0
    if asked.order_id is not None:
        order = (asked.order_id, account_id)
        ended = connection.execute(END_RECURRING, order).rowcount
    return CancelAnswer(found, len(ids), ended > 0)
