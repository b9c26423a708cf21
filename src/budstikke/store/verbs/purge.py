"""Delete what is old, a slice at a time, inside one PostgreSQL transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from budstikke.store.engines.postgres.sql import IDS
from budstikke.store.verbs.json_text import LAST_ID, text

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.connection import Connection

# Ids grow with time, near enough, so that a slice from the front is the oldest.
MESSAGES = """
SELECT json_agg(json_build_array(id, accepted_at, expires_at >= $3) ORDER BY id) FROM (
    SELECT id, accepted_at, expires_at FROM message WHERE id > $1 AND id < $4
    ORDER BY id LIMIT $2) m"""

PARTS = f"""
DELETE FROM part p USING unnest({IDS}) AS j (v)
WHERE p.id BETWEEN j.v * 256 AND j.v * 256 + 255"""

MMS = f"DELETE FROM mms WHERE message_id = ANY({IDS})"

MEDIA = f"DELETE FROM media WHERE message_id = ANY({IDS})"

DELETE_MESSAGES = f"DELETE FROM message WHERE id = ANY({IDS})"

# What is still to be told of it may need the parts of an MMS.
INBOUND = """
SELECT json_agg(json_build_array(i.id, i.came_at, EXISTS (SELECT 1 FROM callback c
    WHERE c.message_id = i.id AND c.state IN ('due', 'queued'))) ORDER BY i.id)
FROM (SELECT id, came_at FROM inbound WHERE id > $1 ORDER BY id LIMIT $2) i"""

DELETE_INBOUND = f"DELETE FROM inbound WHERE id = ANY({IDS})"

CALLBACKS = """
SELECT json_agg(json_build_array(id, at, state IN ('due', 'queued')) ORDER BY id) FROM (
    SELECT id, at, state FROM callback WHERE id > $1 AND id < $3
    ORDER BY id LIMIT $2) c"""

ATTEMPTS = f"DELETE FROM attempt WHERE callback_id = ANY({IDS})"

DELETE_CALLBACKS = f"DELETE FROM callback WHERE id = ANY({IDS})"

PURGE_BULKS = """
DELETE FROM bulk WHERE id IN (
    SELECT id FROM (SELECT id, accepted_at, done >= total OR cancelled AS over FROM bulk
        ORDER BY id LIMIT $2) b
    WHERE accepted_at < $1 AND over)"""

# Nobody sees an order any more whose first messages are deleted.
PURGE_RECURRING = """
DELETE FROM recurring WHERE id IN (
    SELECT id FROM recurring WHERE next_at IS NULL AND first_at < $1
    ORDER BY first_at LIMIT $2)"""

_Row = tuple[int, float, bool]
"""Of a slice: the id, from when it is, and whether it is kept all the same."""

_rows = msgspec.json.Decoder(list[_Row], strict=False).decode


class Slices(msgspec.Struct, frozen=True):
    """Where the next slices begin: ids; 0: at the front."""

    messages: int = 0
    inbound: int = 0
    callbacks: int = 0


Spans = Sequence[tuple[int, int | None]]
"""Ranges of ids, the second one not included, whose old rows are deleted."""


async def purge(
    connection: Connection,
    begin: Slices,
    before: float,
    limit: int,
    spans: tuple[Spans, Spans] = ([(0, None)], [(0, None)]),
) -> tuple[Slices, int]:
    """
    Delete a slice of old messages, out and in, with all that was theirs.

    Args:
        connection: In a transaction.
        begin: Where the slices begin.
        before: What is older is deleted, Unix seconds.
        limit: Rows of each kind.
        spans: Where messages, and callbacks, are deleted; other ranges are dropped
            whole some day.

    Returns where the next slices begin, and how many messages were deleted.

    """
    after, end, following = _span(spans[0], begin.messages)
    rows = _rows(await connection.one(MESSAGES, after, limit, before, end))
    messages, gone = _next(rows, before, limit, following), _old(rows, before)
    deleted = 0
    if gone:
        for statement in (PARTS, MMS, MEDIA):
            await connection.execute(statement, text(gone))
        deleted = await connection.execute(DELETE_MESSAGES, text(gone))
    rows = _rows(await connection.one(INBOUND, begin.inbound, limit))
    inbound, gone = _next(rows, before, limit, 0), _old(rows, before)
    if gone:
        await connection.execute(MEDIA, text(gone))
        deleted += await connection.execute(DELETE_INBOUND, text(gone))
    after, end, following = _span(spans[1], begin.callbacks)
    rows = _rows(await connection.one(CALLBACKS, after, limit, end))
    callbacks, gone = _next(rows, before, limit, following), _old(rows, before)
    if gone:
        await connection.execute(ATTEMPTS, text(gone))
        await connection.execute(DELETE_CALLBACKS, text(gone))
    await connection.execute(PURGE_BULKS, before, limit)
    await connection.execute(PURGE_RECURRING, before, limit)
    return Slices(messages, inbound, callbacks), deleted


def _span(spans: Spans, after: int) -> tuple[int, int, int]:
    """
    Find the first span that has ids after this one.

    Returns after which id to begin, before which to end, and where the slice after the
    span's last one begins; 0: at the front.
    """
    for place, (low, high) in enumerate(spans):
        if high is None or high > after + 1:
            end = LAST_ID if high is None else high
            last = place == len(spans) - 1
            return max(after, low - 1), end, 0 if last else end - 1
    return 0, 0, 0


def _old(rows: list[_Row], before: float) -> list[int]:
    return [id_ for id_, at, kept in rows if at < before and not kept]


def _next(rows: list[_Row], before: float, limit: int, following: int) -> int:
    """Tell where the next slice begins: not behind one that ends before its time."""
    full = len(rows) == limit and rows[-1][1] < before
    return rows[-1][0] if full else following
