"""Queues of callbacks that are told one after another, in SQLite transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.store.contract import CallbackRow, PausedQueue, QueueHead
from budstikke.store.contract.leases import LEASE
from budstikke.store.engines.sqlite.json_rows import one
from budstikke.store.engines.sqlite.telling import write_results
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from budstikke.store.contract import QueueResult

# One that this node leases is its own until somebody else has it.
TAKE_QUEUE = """
UPDATE queue SET node_id = ?2, due_at = ?3 + ?4
WHERE id = ?1 AND state = 'due' AND (due_at <= ?3 OR node_id = ?2)
RETURNING access_id, tries"""

HEAD = """
SELECT json_group_array(json_array(id, access_id, json(event), tries)) FROM (
    SELECT id, access_id, event, tries FROM callback
    WHERE queue_id = ?1 AND state = 'queued' ORDER BY id LIMIT ?2)"""

IDLE = """
UPDATE queue SET state = 'idle', due_at = NULL, node_id = NULL, tries = 0
WHERE id = ?1"""

# Rows of the batch: [id, state, due_at, tries, at, why]
WORKED = """
UPDATE queue SET state = j.value->>1, tries = j.value->>3, why = j.value->>5,
    node_id = iif(j.value->>1 = 'due' AND j.value->>2 IS NULL, queue.node_id, NULL),
    due_at = iif(j.value->>1 = 'due', coalesce(j.value->>2, queue.due_at), NULL),
    paused_at = iif(j.value->>1 = 'paused', j.value->>4, NULL),
    alert = j.value->>1 = 'paused', token = NULL
FROM json_each(?1) j
WHERE queue.id = j.value->>0 AND queue.state = 'due' AND queue.node_id = ?2"""

_PAUSED = """
SELECT q.id, q.access_id, q.why, q.paused_at, (SELECT count(*) FROM callback c
    WHERE c.queue_id = q.id AND c.state = 'queued')
FROM queue q
"""
PAUSED = "SELECT count(*) FROM queue WHERE state = 'paused'"
UNALERTED = _PAUSED + "WHERE q.alert ORDER BY q.id LIMIT ?1"
PAUSED_BY = _PAUSED + "WHERE q.token = ?1 AND q.state = 'paused'"

# No lease: there is no other node.
ALERT = """
UPDATE queue SET token = ?2 WHERE id = ?1 AND state = 'paused' AND alert
RETURNING id"""

ALERTED = "UPDATE queue SET alert = 0 WHERE id = ?1 AND alert AND token = ?2"

_RESUME = """
UPDATE queue SET state = 'due', due_at = 0, node_id = NULL, tries = 0, why = '',
    paused_at = NULL, alert = 0, token = NULL
WHERE state = 'paused' AND {which}
RETURNING id"""
RESUME_BY_TOKEN = _RESUME.format(which="token = :token")
RESUME_BY_ID = _RESUME.format(
    which="""id = :queue AND (:account IS NULL OR EXISTS (SELECT 1 FROM access x
        WHERE x.id = queue.access_id AND x.account_id = :account))"""
)

_callbacks = msgspec.json.Decoder(list[CallbackRow]).decode


def take(
    connection: sqlite3.Connection, node_id: int, queue_id: int, limit: int, now: float
) -> QueueHead | None:
    """Lease a queue and read its first callbacks; an empty one is idle."""
    wanted = (queue_id, node_id, now, LEASE)
    row = connection.execute(TAKE_QUEUE, wanted).fetchone()
    if row is None:
        return None
    callbacks = _callbacks(one(connection, HEAD, queue_id, limit))
    if not callbacks:
        connection.execute(IDLE, (queue_id,))
        return None
    access_id, tries = row
    return QueueHead(queue_id, access_id, tries, callbacks)


def worked(
    connection: sqlite3.Connection, node_id: int, results: Sequence[QueueResult]
) -> None:
    """Write what came of working queues, and of their callbacks."""
    told = [result for queue in results for result in queue.told]
    if told:
        write_results(connection, told)
    last = {row.queue_id: row for row in results}
    rows = [
        (row.queue_id, row.state, row.due_at, row.tries, row.at, row.why)
        for row in last.values()
    ]
    connection.execute(WORKED, (text(rows), node_id))


def paused(connection: sqlite3.Connection) -> int:
    """Count paused queues."""
    (count,) = connection.execute(PAUSED).fetchone()
    return int(count)


def unalerted(connection: sqlite3.Connection, limit: int) -> list[PausedQueue]:
    """Find paused queues that nobody was told of yet."""
    return [PausedQueue(*row) for row in connection.execute(UNALERTED, (limit,))]


def alert(connection: sqlite3.Connection, queue_id: int, token: str) -> bool:
    """Take it on to tell of a pause by a link with this token."""
    return connection.execute(ALERT, (queue_id, token)).fetchone() is not None


def alerted(connection: sqlite3.Connection, queue_id: int, token: str) -> None:
    """Note that people were told."""
    connection.execute(ALERTED, (queue_id, token))


def paused_by(connection: sqlite3.Connection, token: str) -> PausedQueue | None:
    """Find the paused queue that a token resumes."""
    row = connection.execute(PAUSED_BY, (token,)).fetchone()
    return PausedQueue(*row) if row is not None else None


def resume(
    connection: sqlite3.Connection, queue_id: int, account_id: int | None, token: str
) -> int | None:
    """Let a paused queue go on."""
    values: dict[str, Any] = {"queue": queue_id, "account": account_id, "token": token}
    statement = RESUME_BY_TOKEN if token else RESUME_BY_ID
    row = connection.execute(statement, values).fetchone()
    return row[0] if row is not None else None
