"""Delete what is old, a slice at a time, inside one SQLite transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.store.engines.sqlite.json_rows import one
from budstikke.store.engines.sqlite.node import keep_callback_id
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    import sqlite3

# Ids grow with time, so that a slice from the front is the oldest.
MESSAGES = """
SELECT json_group_array(json_array(id, accepted_at, expires_at >= ?3)) FROM (
    SELECT id, accepted_at, expires_at FROM message WHERE id > ?1 ORDER BY id LIMIT ?2)
"""

PARTS = """
DELETE FROM part WHERE id IN (SELECT p.id FROM json_each(?1) j
    JOIN part p ON p.id BETWEEN j.value * 256 AND j.value * 256 + 255)"""

MMS = "DELETE FROM mms WHERE message_id IN (SELECT value FROM json_each(?1))"

MEDIA = "DELETE FROM media WHERE message_id IN (SELECT value FROM json_each(?1))"

DELETE_MESSAGES = "DELETE FROM message WHERE id IN (SELECT value FROM json_each(?1))"

# What is still to be told of it may need the parts of an MMS.
INBOUND = """
SELECT json_group_array(json_array(i.id, i.came_at, EXISTS (SELECT 1 FROM callback c
    WHERE c.message_id = i.id AND c.state IN ('due', 'queued'))))
FROM (SELECT id, came_at FROM inbound WHERE id > ?1 ORDER BY id LIMIT ?2) i"""

DELETE_INBOUND = "DELETE FROM inbound WHERE id IN (SELECT value FROM json_each(?1))"

CALLBACKS = """
SELECT json_group_array(json_array(id, at, state IN ('due', 'queued'))) FROM (
    SELECT id, at, state FROM callback WHERE id > ?1 ORDER BY id LIMIT ?2)"""

ATTEMPTS = "DELETE FROM attempt WHERE callback_id IN (SELECT value FROM json_each(?1))"

DELETE_CALLBACKS = "DELETE FROM callback WHERE id IN (SELECT value FROM json_each(?1))"

PURGE_BULKS = """
DELETE FROM bulk WHERE id IN (
    SELECT id FROM (SELECT id, accepted_at, done >= total OR cancelled AS over FROM bulk
        ORDER BY id LIMIT ?2)
    WHERE accepted_at < ?1 AND over)"""

# Nobody sees an order any more whose first messages are deleted.
PURGE_RECURRING = """
DELETE FROM recurring WHERE id IN (
    SELECT id FROM recurring WHERE next_at IS NULL AND first_at < ?1
    ORDER BY first_at LIMIT ?2)"""

_Row = tuple[int, float, bool]
"""Of a slice: the id, from when it is, and whether it is kept all the same."""

_rows = msgspec.json.Decoder(list[_Row], strict=False).decode


class Slices(msgspec.Struct, frozen=True):
    """Where the next slices begin: ids; 0: at the front."""

    messages: int = 0
    inbound: int = 0
    callbacks: int = 0


def purge(
    connection: sqlite3.Connection, begin: Slices, before: float, limit: int
) -> tuple[Slices, int]:
    """
    Delete a slice of old messages, out and in, with all that was theirs.

    Returns where the next slices begin, and how many messages were deleted.
    """
    rows = _rows(one(connection, MESSAGES, begin.messages, limit, before))
    messages, gone = _next(rows, before, limit), _old(rows, before)
    deleted = 0
    if gone:
        for statement in (PARTS, MMS, MEDIA):
            connection.execute(statement, (text(gone),))
        deleted = connection.execute(DELETE_MESSAGES, (text(gone),)).rowcount
    rows = _rows(one(connection, INBOUND, begin.inbound, limit))
    inbound, gone = _next(rows, before, limit), _old(rows, before)
    if gone:
        connection.execute(MEDIA, (text(gone),))
        deleted += connection.execute(DELETE_INBOUND, (text(gone),)).rowcount
    rows = _rows(one(connection, CALLBACKS, begin.callbacks, limit))
    callbacks, gone = _next(rows, before, limit), _old(rows, before)
    if gone:
        keep_callback_id(connection)
        connection.execute(ATTEMPTS, (text(gone),))
        connection.execute(DELETE_CALLBACKS, (text(gone),))
    connection.execute(PURGE_BULKS, (before, limit))
    connection.execute(PURGE_RECURRING, (before, limit))
    return Slices(messages, inbound, callbacks), deleted


def _old(rows: list[_Row], before: float) -> list[int]:
    return [id_ for id_, at, kept in rows if at < before and not kept]


def _next(rows: list[_Row], before: float, limit: int) -> int:
    """Tell where the next slice begins: after one that ends before its time."""
    return rows[-1][0] if len(rows) == limit and rows[-1][1] < before else 0
