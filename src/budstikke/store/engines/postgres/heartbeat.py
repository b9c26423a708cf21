"""Heartbeats of a node, in transactions like all others."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from budstikke.store.contract import Beat
from budstikke.store.engines.postgres.client import ACCEPT_WITHIN

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.client import Client
    from budstikke.store.engines.postgres.connection import Connection

# A row for each name, so that nodes do not wait for each other.
BEAT = """
INSERT INTO meta AS m (key, value) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
RETURNING extract(epoch FROM clock_timestamp())::float8,
    (SELECT c.value::float8 FROM meta c WHERE c.key = 'clock')"""

# Text that cannot be compressed takes as much room as its length.
TAKE_ROOM = """
INSERT INTO meta (key, value) SELECT $1, string_agg(md5(random()::text), '')
FROM generate_series(1, $2)
ON CONFLICT (key) DO UPDATE SET value = excluded.value"""

GIVE_ROOM = "DELETE FROM meta WHERE key = $1"

LINE = 32
"""Octets of an ``md5`` result."""

DAMAGE_KEPT = 30.0
"""Seconds without another bad page after which the database counts as whole."""


class Heartbeat:
    """
    The heartbeats of a node.

    Args:
        client: The connections.
        name: The node's.

    """

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name

    async def beat(self, now: float, room: int) -> Beat:
        """Write a heartbeat; the reserved room is released at once."""
        key = f"room {self._name}"

        async def write(connection: Connection) -> Beat:
            row = await connection.row(BEAT, f"beat {self._name}", repr(now))
            if room:
                await connection.execute(TAKE_ROOM, key, room // LINE)
            return Beat(row[1] or 0.0, row[0])

        found = await self._client.write(write, within=ACCEPT_WITHIN)
        if room:
            await self._client.write(
                lambda c: c.execute(GIVE_ROOM, key), within=ACCEPT_WITHIN
            )
        return found

    async def whole(self) -> bool:
        """Whether no bad page was met lately: only the server can read its files."""
        return time.monotonic() - self._client.pulse.damaged_at > DAMAGE_KEPT
