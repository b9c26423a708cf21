"""Queues of callbacks, which go one after another."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from budstikke.store.contract import CallbackRow, PausedQueue, QueueHead
from budstikke.store.contract.leases import ALERT_LEASE
from budstikke.store.verbs.callbacks import record_callbacks
from budstikke.store.verbs.json_text import text, within_id
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import QueueResult
    from budstikke.store.verbs.connection import Connection

# A queue that this node leases stays leased to it until another node takes it.
TAKE_QUEUE = statement("""
UPDATE queue SET node_id = $2, due_at = $4::float8
WHERE id = $1 AND state = 'due' AND (due_at <= $3 OR node_id = $2)
RETURNING access_id, tries""")

HEAD = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(id, access_id, {e.json("event")}, tries)) FROM (
    SELECT id, access_id, event, tries FROM callback
    WHERE queue_id = $1 AND state = 'queued' AND id >= $3 ORDER BY id LIMIT $2) c"""
    )
)

IDLE = statement("""
UPDATE queue SET state = 'idle', due_at = NULL, node_id = NULL, tries = 0
WHERE id = $1""")

# Rows of the batch: [id, state, due_at, tries, at, why]
RECORD = statement(
    lambda e: (
        f"""
UPDATE queue SET state = j.value->>1, tries = (j.value->>3)::integer,
    why = j.value->>5,
    node_id = CASE WHEN j.value->>1 = 'due' AND j.value->>2 IS NULL
        THEN queue.node_id END,
    due_at = CASE WHEN j.value->>1 = 'due'
        THEN coalesce((j.value->>2)::float8, queue.due_at) END,
    paused_at = CASE WHEN j.value->>1 = 'paused' THEN (j.value->>4)::float8 END,
    alert = (j.value->>1 = 'paused'), token = NULL
FROM {e.rows()}
WHERE queue.id = (j.value->>0)::bigint AND queue.state = 'due' AND queue.node_id = $2"""
    )
)

_PAUSED = """
SELECT q.id, q.access_id, q.why, q.paused_at, (SELECT count(*) FROM callback c
    WHERE c.queue_id = q.id AND c.state = 'queued')
FROM queue q
"""

PAUSED = statement("SELECT count(*) FROM queue WHERE state = 'paused'")

UNALERTED = statement(
    _PAUSED
    + """WHERE q.alert AND (q.node_id IS NULL OR q.node_id = $2 OR q.due_at <= $3)
ORDER BY q.id LIMIT $1"""
)

PAUSED_BY = statement(_PAUSED + "WHERE q.token = $1 AND q.state = 'paused'")

# A paused queue is leased by the node that sends the alert.
TAKE_ALERT = statement("""
UPDATE queue SET token = $2, node_id = $3, due_at = $4::float8 + $5
WHERE id = $1 AND state = 'paused' AND alert
    AND (node_id IS NULL OR node_id = $3 OR due_at <= $4)
RETURNING id""")

RECORD_ALERT = statement("""
UPDATE queue SET alert = false, node_id = NULL, due_at = NULL
WHERE id = $1 AND alert AND token = $2""")

_RESUME = """
UPDATE queue SET state = 'due', due_at = 0, node_id = NULL, tries = 0, why = '',
    paused_at = NULL, alert = false, token = NULL
WHERE state = 'paused' AND {which}
RETURNING id"""

RESUME_BY_TOKEN = statement(_RESUME.format(which="token = :token"))

RESUME_BY_ID = statement(
    _RESUME.format(
        which="""id = :queue AND (:account::bigint IS NULL OR EXISTS (
        SELECT 1 FROM access x WHERE x.id = queue.access_id AND x.account_id = :account
        ))"""
    )
)

_callbacks = msgspec.json.Decoder(list[CallbackRow]).decode


async def take_queue(
    connection: Connection, queue_id: int, limit: int, now: float
) -> QueueHead | None:
    """Lease a queue and read its first callbacks; an empty one becomes idle."""
    wanted = (queue_id, connection.node_id, now, connection.lease_until(now))
    row = await connection.row(TAKE_QUEUE, *wanted)
    if row is None:
        return None
    low = connection.bounds.open_callback
    callbacks = _callbacks(await connection.one(HEAD, queue_id, limit, low))
    if not callbacks:
        await connection.execute(IDLE, queue_id)
        return None
    callbacks.sort(key=attrgetter("id"))
    access_id, tries = row
    return QueueHead(queue_id, access_id, tries, callbacks)


async def record_queues(connection: Connection, results: Sequence[QueueResult]) -> None:
    """Write the results of working on queues, and of their callbacks."""
    callbacks = [result for queue in results for result in queue.callbacks]
    if callbacks:
        await record_callbacks(connection, callbacks)
    last = {row.queue_id: row for row in results}
    rows = [
        (row.queue_id, row.state, row.due_at, row.tries, row.at, row.why)
        for row in last.values()
    ]
    await connection.execute(RECORD, text(rows), connection.node_id)


async def count_paused_queues(connection: Connection) -> int:
    """Count paused queues."""
    return int(await connection.value(PAUSED))


async def unalerted_pauses(
    connection: Connection, limit: int, now: float
) -> list[PausedQueue]:
    """Find paused queues without an alert that no other node is sending."""
    rows = await connection.rows(UNALERTED, limit, connection.node_id, now)
    return [PausedQueue(*row) for row in rows]


async def claim_pause_alert(
    connection: Connection, queue_id: int, token: str, now: float
) -> bool:
    """Claim the alert of a paused queue, with the SHA-256 of its link's token."""
    values = (queue_id, token, connection.node_id, now, ALERT_LEASE)
    return await connection.value(TAKE_ALERT, *values) is not None


async def record_pause_alert(connection: Connection, queue_id: int, token: str) -> None:
    """Note that the alert with this token was sent."""
    await connection.execute(RECORD_ALERT, queue_id, token)


async def paused_queue_of(connection: Connection, token: str) -> PausedQueue | None:
    """Find the paused queue that a token resumes."""
    row = await connection.row(PAUSED_BY, token)
    return PausedQueue(*row) if row is not None else None


async def resume_queue(
    connection: Connection, queue_id: int, account_id: int | None, token: str
) -> int | None:
    """Resume a paused queue, by its token if there is one, or by its id."""
    values = {
        "queue": within_id(queue_id),
        "account": account_id,
        "token": token,
    }
    how = RESUME_BY_TOKEN if token else RESUME_BY_ID
    id_: int | None = await connection.value(how, values)
    return id_
