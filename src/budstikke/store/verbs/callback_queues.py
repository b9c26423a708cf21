"""Queues of callbacks that are told one after another, in PostgreSQL transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.store.contract import CallbackRow, PausedQueue, QueueHead
from budstikke.store.contract.leases import ALERT_LEASE, LEASE
from budstikke.store.engines.postgres.sql import ROWS
from budstikke.store.engines.postgres.telling import write_results
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import QueueResult
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node

# One that this node leases is its own until somebody else has it.
TAKE_QUEUE = """
UPDATE queue SET node_id = $2, due_at = $3::float8 + $4
WHERE id = $1 AND state = 'due' AND (due_at <= $3 OR node_id = $2)
RETURNING access_id, tries"""

HEAD = """
SELECT json_agg(json_build_array(id, access_id, event::json, tries) ORDER BY id) FROM (
    SELECT id, access_id, event, tries FROM callback
    WHERE queue_id = $1 AND state = 'queued' AND id >= $3 ORDER BY id LIMIT $2) c"""

IDLE = """
UPDATE queue SET state = 'idle', due_at = NULL, node_id = NULL, tries = 0
WHERE id = $1"""

# Rows of the batch: [id, state, due_at, tries, at, why]
WORKED = f"""
UPDATE queue SET state = v->>1, tries = (v->>3)::integer, why = v->>5,
    node_id = CASE WHEN v->>1 = 'due' AND v->>2 IS NULL THEN queue.node_id END,
    due_at = CASE WHEN v->>1 = 'due' THEN coalesce((v->>2)::float8, queue.due_at) END,
    paused_at = CASE WHEN v->>1 = 'paused' THEN (v->>4)::float8 END,
    alert = v->>1 = 'paused', token = NULL
FROM {ROWS}
WHERE queue.id = (v->>0)::bigint AND queue.state = 'due' AND queue.node_id = $2"""

_PAUSED = """
SELECT q.id, q.access_id, q.why, q.paused_at, (SELECT count(*) FROM callback c
    WHERE c.queue_id = q.id AND c.state = 'queued')
FROM queue q
"""
PAUSED = "SELECT count(*) FROM queue WHERE state = 'paused'"
UNALERTED = (
    _PAUSED
    + """WHERE q.alert AND (q.node_id IS NULL OR q.node_id = $2 OR q.due_at <= $3)
ORDER BY q.id LIMIT $1"""
)
PAUSED_BY = _PAUSED + "WHERE q.token = $1 AND q.state = 'paused'"

# Of a queue that is paused the lease is that of whoever tells of it.
ALERT = """
UPDATE queue SET token = $2, node_id = $3, due_at = $4::float8 + $5
WHERE id = $1 AND state = 'paused' AND alert
    AND (node_id IS NULL OR node_id = $3 OR due_at <= $4)
RETURNING id"""

ALERTED = """
UPDATE queue SET alert = false, node_id = NULL, due_at = NULL
WHERE id = $1 AND alert AND token = $2"""

_RESUME = """
UPDATE queue SET state = 'due', due_at = 0, node_id = NULL, tries = 0, why = '',
    paused_at = NULL, alert = false, token = NULL
WHERE state = 'paused' AND {which}
RETURNING id"""
RESUME_BY_TOKEN = _RESUME.format(which="token = :token")
RESUME_BY_ID = _RESUME.format(
    which="""id = :queue AND (:account::bigint IS NULL OR EXISTS (SELECT 1 FROM access x
        WHERE x.id = queue.access_id AND x.account_id = :account))"""
)

_callbacks = msgspec.json.Decoder(list[CallbackRow]).decode


async def take(
    connection: Connection, node: Node, queue_id: int, limit: int, now: float
) -> QueueHead | None:
    """Lease a queue and read its first callbacks; an empty one is idle."""
    wanted = (queue_id, node.id, now, LEASE)
    row = await connection.row(TAKE_QUEUE, *wanted)
    if row is None:
        return None
    low = node.lows.open_callback
    callbacks = _callbacks(await connection.one(HEAD, queue_id, limit, low))
    if not callbacks:
        await connection.execute(IDLE, queue_id)
        return None
    access_id, tries = row
    return QueueHead(queue_id, access_id, tries, callbacks)


async def worked(
    connection: Connection, node: Node, results: Sequence[QueueResult]
) -> None:
    """Write what came of working queues, and of their callbacks."""
    told = [result for queue in results for result in queue.told]
    if told:
        await write_results(connection, node, told)
    last = {row.queue_id: row for row in results}
    rows = [
        (row.queue_id, row.state, row.due_at, row.tries, row.at, row.why)
        for row in last.values()
    ]
    await connection.execute(WORKED, text(rows), node.id)


async def paused(connection: Connection) -> int:
    """Count paused queues."""
    row = await connection.row(PAUSED)
    return int(row[0]) if row is not None else 0


async def unalerted(
    connection: Connection, node_id: int, limit: int, now: float
) -> list[PausedQueue]:
    """Find paused queues that nobody was told of, and no other node is telling of."""
    rows = await connection.rows(UNALERTED, limit, node_id, now)
    return [PausedQueue(*row) for row in rows]


async def alert(
    connection: Connection, node_id: int, queue_id: int, token: str, now: float
) -> bool:
    """Lease the alert of a pause to this node; the token is that of its link."""
    values = (queue_id, token, node_id, now, ALERT_LEASE)
    return await connection.value(ALERT, *values) is not None


async def alerted(connection: Connection, queue_id: int, token: str) -> None:
    """Note that people were told."""
    await connection.execute(ALERTED, queue_id, token)


async def paused_by(connection: Connection, token: str) -> PausedQueue | None:
    """Find the paused queue that a token resumes."""
    row = await connection.row(PAUSED_BY, token)
    return PausedQueue(*row) if row is not None else None


async def resume(
    connection: Connection, queue_id: int, account_id: int | None, token: str
) -> int | None:
    """Let a paused queue go on."""
    values: dict[str, Any] = {"queue": queue_id, "account": account_id, "token": token}
    statement = RESUME_BY_TOKEN if token else RESUME_BY_ID
    row = await connection.row(statement, values)
    return row[0] if row is not None else None
