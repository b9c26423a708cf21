"""
This process as a node: its lease, and what it takes over from dead nodes.

A node has a name. Its own connection holds a lock on it: a second process with the name
is refused, and a new one gets it once the server knows that the old one is gone. Other
nodes see its row: a node whose lease is over is dead, and the next node that wakes
takes over its work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.history import of_dead
from budstikke.store.verbs.history import record_history

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.connection import Connection

LEASE = 30.0
"""Seconds without a renewal after which a node counts as dead."""

RENEW = 10.0
"""Seconds between renewals."""

LONGEST_BLIND = 60.0
"""Seconds without a check of its own after which a node skips one take-over."""

NEW_NODE = """
INSERT INTO node (name, lease_until) VALUES ($1, $2) RETURNING id"""

RENEW_LEASE = """
INSERT INTO node (id, name, lease_until) VALUES ($1, $2, $3)
ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until"""

SAME_NAME = "SELECT id FROM node WHERE name = $1 AND id <> $2 FOR UPDATE"

DEAD = """
SELECT id FROM node WHERE lease_until < $1 AND id <> $2 FOR UPDATE SKIP LOCKED"""

# Of a node that is removed: a killed process's session may still commit after its name
# was taken over.
STRAYS = """
SELECT DISTINCT node_id FROM part WHERE state = 'sending'
    AND NOT EXISTS (SELECT 1 FROM node n WHERE n.id = part.node_id)"""

FORGET_BIND_LEASES = "DELETE FROM bind_lease WHERE node_id = ANY($1::bigint[])"

FORGET_NODES = "DELETE FROM node WHERE id = ANY($1::bigint[])"

# A dead node's parts: the operator may have them or not.
RECOVER_PARTS = """
UPDATE part SET state = 'unsure', node_id = NULL, claimed_at = at, at = $1,
    reason = 'unsure',
    raw = 'the gateway stopped while it was being sent',
    due_at = $1 + coalesce((SELECT a.unsure_after FROM message m
        JOIN access x ON x.id = m.access_id JOIN account a ON a.id = x.account_id
        WHERE m.id = part.id >> 8), 3600)
WHERE state = 'sending' AND node_id = ANY($2::bigint[])
RETURNING id, carrier_id, raw"""

RECOVER_CALLBACKS = """
UPDATE callback SET due_at = $1, node_id = NULL
WHERE state = 'due' AND node_id = ANY($2::bigint[])"""

RECOVER_QUEUES = """
UPDATE queue SET due_at = $1, node_id = NULL
WHERE state = 'due' AND node_id = ANY($2::bigint[])"""

RECOVER_ALERTS = """
UPDATE queue SET due_at = NULL, node_id = NULL
WHERE alert AND node_id = ANY($1::bigint[])"""


class Node:
    """
    A node.

    Args:
        name: Unique among the nodes.

    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.id = 0
        self._renewed = 0.0

    async def begin(self, connection: Connection, now: float) -> None:
        """Take this name, and take over from an earlier process with it."""
        self.id = await connection.value(NEW_NODE, self.name, now + LEASE)
        self._renewed = now
        await self._take_over(connection, SAME_NAME, self.name, now)

    def must_renew(self, now: float) -> bool:
        """Tell whether it is time to keep the lease, or the clock was set back."""
        return not 0 <= now - self._renewed < RENEW

    async def renew(self, connection: Connection, now: float) -> None:
        """
        Renew the lease, and take over from dead nodes.

        Not if this node has not checked for long, or its clock was set: then other
        leases are over by our clock only, and the next check decides. If the clock was
        set back, the lease is renewed at once.
        """
        if not self.must_renew(now):
            return
        since = now - self._renewed
        await connection.execute(RENEW_LEASE, self.id, self.name, now + LEASE)
        self._renewed = now
        if not 0 <= since <= LONGEST_BLIND:
            return
        strays = [row[0] for row in await connection.rows(STRAYS)]
        if strays:
            await _recover_parts(connection, strays, now)
        await self._take_over(connection, DEAD, now, now)

    async def _take_over(
        self, connection: Connection, which: str, value: str | float, now: float
    ) -> None:
        dead = [row[0] for row in await connection.rows(which, value, self.id)]
        if not dead:
            return
        await _recover_parts(connection, dead, now)
        await connection.execute(RECOVER_CALLBACKS, now, dead)
        await connection.execute(RECOVER_QUEUES, now, dead)
        await connection.execute(RECOVER_ALERTS, dead)
        await connection.execute(FORGET_BIND_LEASES, dead)
        await connection.execute(FORGET_NODES, dead)

    async def end(self, connection: Connection) -> None:
        """Mark this node as stopped; the next one takes its work."""
        await connection.execute(RENEW_LEASE, self.id, self.name, 0.0)


async def _recover_parts(
    connection: Connection, node_ids: list[int], now: float
) -> None:
    """Make the parts that dead nodes were sending unsure."""
    parts = await connection.rows(RECOVER_PARTS, now, node_ids)
    if parts:
        await record_history(connection, [of_dead(*row) for row in parts], now)
