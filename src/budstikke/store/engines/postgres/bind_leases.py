"""Bind leases: a carrier may limit how many nodes bind to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.contract.nodes import LINK_LEASE
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.engines.postgres.client import Client
    from budstikke.store.engines.postgres.connection import Connection

# Nodes that take a lease wait for each other, so that each sees all leases. A lease
# need not survive a loss of power, so no commit waits for the disk.
ALONE = """
SELECT pg_advisory_xact_lock(1651729509), set_config('synchronous_commit', 'off', true)
"""

# Rows are [carrier, most, up]. A node that holds a lease keeps it.
HOLD = """
INSERT INTO bind_lease (carrier_id, node_id, lease_until, up)
SELECT (v->>0)::bigint, $2, $3::float8 + $4, (v->>2)::boolean
FROM jsonb_array_elements($1::text::jsonb) v
WHERE (v->>1)::integer = 0 OR (v->>1)::integer > (
    SELECT count(*) FROM bind_lease l WHERE l.carrier_id = (v->>0)::bigint
        AND l.node_id <> $2 AND l.lease_until > $3)
ON CONFLICT (carrier_id, node_id)
    DO UPDATE SET lease_until = excluded.lease_until, up = excluded.up
RETURNING carrier_id"""

LET_GO = """
DELETE FROM bind_lease WHERE node_id = $1
    AND carrier_id IN (SELECT x::bigint FROM jsonb_array_elements($2::text::jsonb) x)"""

FORGET = "DELETE FROM bind_lease WHERE lease_until <= $1"

BOUND_ELSEWHERE = """
SELECT DISTINCT carrier_id FROM bind_lease
WHERE up AND node_id <> $1 AND lease_until > $2"""


class BindLeases:
    """A node's bind leases; see ``store.contract.NodeStore``."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def bind(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        """Take or renew bind leases."""
        if not carriers:
            return set()
        rows = text(carriers)

        async def write(connection: Connection) -> set[int]:
            await connection.value(ALONE)
            await connection.execute(FORGET, now)
            values = (rows, self._client.node_id, now, LINK_LEASE)
            return {row[0] for row in await connection.rows(HOLD, *values)}

        return await self._client.write(write)

    async def unbind(self, carrier_ids: Sequence[int]) -> None:
        """Release bind leases."""
        ids = text(list(carrier_ids))
        await self._client.read(lambda c: c.execute(LET_GO, self._client.node_id, ids))

    async def bound_elsewhere(self, now: float) -> set[int]:
        """Find the carriers to which another node has a bind that is up."""
        rows = await self._client.read(
            lambda c: c.rows(BOUND_ELSEWHERE, self._client.node_id, now)
        )
        return {row[0] for row in rows}
