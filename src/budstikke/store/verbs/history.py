"""Writes the history of parts: what the next change of their rows would overwrite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.history import FIRST, LAST, HistoryKind, HistoryRow
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import columns, statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.store.verbs.connection import Connection

_COLUMNS = "part_id, number, at, kind, carrier_id, smsc_id, reason, raw, due_at, \
other_id, times"

# Columns of domain.history.HistoryRow, where ``at`` 0 stands for $2. A part's rows are
# numbered from 1. Who writes them holds the lock of the part, or of the message; a row
# that crosses another all the same is left out, since no settlement may fail for it.
INSERT_HISTORY = statement(
    lambda e: (
        f"""
INSERT INTO part_history ({_COLUMNS})
SELECT j.part_id, j.place + coalesce(
        (SELECT max(h.number) FROM part_history h WHERE h.part_id = j.part_id), 0),
    coalesce(nullif((j.value->>2)::float8, 0.0), $2), j.value->>1,
    {columns("ittt", 3)}, {columns("fi", 7)}, 1
FROM (SELECT j.value, (j.value->>0)::bigint AS part_id,
        row_number() OVER (PARTITION BY (j.value->>0)::bigint ORDER BY j.key) AS place
    FROM {e.rows()}) j
WHERE true ON CONFLICT (part_id, number) DO NOTHING"""
    )
)

# Likewise; a part has one row for all times that operators throttled it, and the batch
# has one row for each part. Its last column counts the times.
COUNT_THROTTLED = statement(
    lambda e: (
        f"""
INSERT INTO part_history ({_COLUMNS})
SELECT {columns("i")}, 0, {columns("f", 2)}, j.value->>1, {columns("ittt", 3)},
    {columns("fin", 7)}
FROM {e.rows()}
WHERE true ON CONFLICT (part_id, number) DO UPDATE SET
    times = part_history.times + excluded.times, until = excluded.at,
    carrier_id = excluded.carrier_id, raw = excluded.raw"""
    )
)

# Between the first and the last rows of each part; $2 and $3 are how many those are.
FORGET_MIDDLE = statement(
    lambda e: (
        f"""
DELETE FROM part_history AS h
WHERE h.part_id {e.in_ids()} AND h.number > $2::integer AND h.number <= (
    SELECT max(l.number) FROM part_history l WHERE l.part_id = h.part_id) - $3::integer
"""
    )
)


async def record_history(
    connection: Connection, rows: Sequence[HistoryRow], now: float
) -> None:
    """
    Write what happened to parts, in the transaction that changes them.

    A part keeps its first rows and its last rows, and one row for all throttling.
    """
    throttled = _count(row for row in rows if row.kind is HistoryKind.THROTTLED)
    if throttled:
        await connection.execute(COUNT_THROTTLED, text(throttled))
    others = [row for row in rows if row.kind is not HistoryKind.THROTTLED]
    if others:
        await connection.execute(INSERT_HISTORY, text(others), now)
        ids = text(sorted({row.part_id for row in others}))
        await connection.execute(FORGET_MIDDLE, ids, FIRST, LAST)


def _count(rows: Iterable[HistoryRow]) -> list[tuple[object, ...]]:
    """Count the throttling of each part: its last row, and how often."""
    times: dict[int, int] = {}
    last: dict[int, HistoryRow] = {}
    for row in rows:
        times[row.part_id] = times.get(row.part_id, 0) + 1
        last[row.part_id] = row
    return [
        (
            *(part_id, row.kind, row.at, row.carrier_id, row.smsc_id, row.reason),
            *(row.raw, row.due_at, row.other_id, times[part_id]),
        )
        for part_id, row in last.items()
    ]
