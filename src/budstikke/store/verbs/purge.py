"""Deletes old messages, callbacks and orders, slice by slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from budstikke.store.verbs.json_text import LAST_ID, text
from budstikke.store.verbs.statement import POSTGRES, statement, two

if TYPE_CHECKING:
    from budstikke.store.verbs.connection import Connection

# Ids grow with time, so that a slice from the front is the oldest.
MESSAGES = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(id, accepted_at, expires_at >= $3)) FROM (
    SELECT id, accepted_at, expires_at FROM message WHERE id > $1 AND id < $4
    ORDER BY id LIMIT $2) m"""
    )
)

# Two texts: each engine must be told to look parts up by their messages.
DELETE_PARTS = two(
    sqlite="""
DELETE FROM part WHERE id IN (SELECT p.id FROM json_each($1) j
    JOIN part p ON p.id BETWEEN j.value * 256 AND j.value * 256 + 255)""",
    postgres=f"""
DELETE FROM part p USING {POSTGRES.id_rows()}
WHERE p.id BETWEEN j.value * 256 AND j.value * 256 + 255""",
)

DELETE_HISTORY = two(
    sqlite="""
DELETE FROM part_history WHERE rowid IN (SELECT h.rowid FROM json_each($1) j
    JOIN part_history h ON h.part_id BETWEEN j.value * 256 AND j.value * 256 + 255)""",
    postgres=f"""
DELETE FROM part_history h USING {POSTGRES.id_rows()}
WHERE h.part_id BETWEEN j.value * 256 AND j.value * 256 + 255""",
)

DELETE_MMS = statement(lambda e: f"DELETE FROM mms WHERE message_id {e.in_ids()}")

DELETE_MEDIA = statement(lambda e: f"DELETE FROM media WHERE message_id {e.in_ids()}")

DELETE_MESSAGES = statement(lambda e: f"DELETE FROM message WHERE id {e.in_ids()}")

# A callback that is still due may need the media of its message.
INBOUND = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(i.id, i.came_at, EXISTS (SELECT 1 FROM callback c
    WHERE c.message_id = i.id AND c.state IN ('due', 'queued'))))
FROM (SELECT id, came_at FROM inbound WHERE id > $1 ORDER BY id LIMIT $2) i"""
    )
)

DELETE_INBOUND = statement(lambda e: f"DELETE FROM inbound WHERE id {e.in_ids()}")

# One that waits for its customer to bind a session goes, too.
CALLBACKS = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(id, at,
    state = 'queued' OR (state = 'due' AND due_at IS NOT NULL))) FROM (
    SELECT id, at, state, due_at FROM callback WHERE id > $1 AND id < $3
    ORDER BY id LIMIT $2) c"""
    )
)

# SQLite has no sequence of callbacks: ``meta`` keeps the last id.
KEEP_CALLBACK_ID = two(
    sqlite="""
INSERT OR REPLACE INTO meta (key, value)
SELECT 'callback_id', CAST(max(coalesce(max(id), 0), coalesce((SELECT CAST(value AS
    INTEGER) FROM meta WHERE key = 'callback_id'), 0)) AS TEXT) FROM callback""",
    postgres="",
)

DELETE_ATTEMPTS = statement(
    lambda e: f"DELETE FROM attempt WHERE callback_id {e.in_ids()}"
)

DELETE_CALLBACKS = statement(lambda e: f"DELETE FROM callback WHERE id {e.in_ids()}")

_OLD_BULKS = """
    SELECT id FROM (SELECT id, accepted_at, done >= total OR cancelled AS over FROM bulk
        ORDER BY id LIMIT $2) b
    WHERE accepted_at < $1 AND over"""

DELETE_BULKS = statement(f"DELETE FROM bulk WHERE id IN ({_OLD_BULKS})")

DELETE_HISTORY_OF_BULKS = statement(f"""
DELETE FROM part_history WHERE part_id IN (
    SELECT o.id * 256 FROM ({_OLD_BULKS}) o)""")

# A recurring order whose messages are all deleted is of no more use.
DELETE_RECURRING = statement("""
DELETE FROM recurring WHERE id IN (
    SELECT id FROM recurring WHERE next_at IS NULL AND first_at < $1
    ORDER BY first_at LIMIT $2)""")

_Row = tuple[int, float, bool]
"""Of a slice: the id, its time, and whether it stays all the same."""

_decode = msgspec.json.Decoder(list[_Row], strict=False).decode


class Slices(msgspec.Struct, frozen=True):
    """Where the next slices begin: ids; 0: at the front."""

    messages: int = 0
    inbound: int = 0
    callbacks: int = 0


Spans = Sequence[tuple[int, int | None]]
"""Ranges of ids, the second excluded, in which to delete old rows."""

BothSpans = tuple[Spans, Spans]
"""Those of messages, and those of callbacks."""

ALL: BothSpans = ([(0, None)], [(0, None)])
"""All messages, and all callbacks."""


async def purge(
    connection: Connection,
    begin: Slices,
    before: float,
    limit: int,
    spans: BothSpans,
) -> tuple[Slices, int]:
    """
    Delete a slice of old messages, outbound and inbound, with all that belongs to them.

    Returns where the next slices begin, and how many messages were deleted.

    Args:
        connection: In a transaction.
        begin: Where the slices begin.
        before: Rows from before this time are old, Unix seconds.
        limit: Rows of each kind.
        spans: Ranges of messages and of callbacks (``ALL`` without partitions); others
            are dropped as partitions.


    """
    after, end, following = _span(spans[0], begin.messages)
    rows = _rows(await connection.one(MESSAGES, after, limit, before, end))
    messages, gone = _next(rows, before, limit, following), _old(rows, before)
    deleted = 0
    if gone:
        for deletion in (DELETE_PARTS, DELETE_HISTORY, DELETE_MMS, DELETE_MEDIA):
            await connection.execute(deletion, text(gone))
        deleted = await connection.execute(DELETE_MESSAGES, text(gone))
    rows = _rows(await connection.one(INBOUND, begin.inbound, limit))
    inbound, gone = _next(rows, before, limit, 0), _old(rows, before)
    if gone:
        await connection.execute(DELETE_MEDIA, text(gone))
        deleted += await connection.execute(DELETE_INBOUND, text(gone))
    after, end, following = _span(spans[1], begin.callbacks)
    rows = _rows(await connection.one(CALLBACKS, after, limit, end))
    callbacks, gone = _next(rows, before, limit, following), _old(rows, before)
    if gone:
        await connection.execute(KEEP_CALLBACK_ID)
        await connection.execute(DELETE_ATTEMPTS, text(gone))
        await connection.execute(DELETE_CALLBACKS, text(gone))
    await connection.execute(DELETE_HISTORY_OF_BULKS, before, limit)
    await connection.execute(DELETE_BULKS, before, limit)
    await connection.execute(DELETE_RECURRING, before, limit)
    return Slices(messages, inbound, callbacks), deleted


def _rows(rows: str) -> list[_Row]:
    """Read a slice, in the order of its ids."""
    return sorted(_decode(rows))


def _span(spans: Spans, after: int) -> tuple[int, int, int]:
    """
    Find the first span with ids after this one.

    Returns after which id to begin, before which to end, and where the slice after the
    span's last one begins; 0: at the front.
    """
    for index, (low, high) in enumerate(spans):
        if high is None or high > after + 1:
            end = LAST_ID if high is None else high
            last = index == len(spans) - 1
            return max(after, low - 1), end, 0 if last else end - 1
    return 0, 0, 0


def _old(rows: list[_Row], before: float) -> list[int]:
    return [id_ for id_, at, kept in rows if at < before and not kept]


def _next(rows: list[_Row], before: float, limit: int, following: int) -> int:
    """Return where the next slice begins; a short slice is read again later."""
    full = len(rows) == limit and rows[-1][1] < before
    return rows[-1][0] if full else following
