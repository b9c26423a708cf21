"""What each node says of its carriers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract.nodes import CarrierStatus
    from budstikke.store.verbs.connection import Connection

KEEP = 86_400.0
"""Seconds that the last word of a node that is gone is kept."""

# Rows of the batch: [carrier, JSON text]. "WHERE true" tells SQLite that ON is no join.
PUT = statement(
    lambda e: (
        f"""
INSERT INTO carrier_status (carrier_id, node_id, at, status)
SELECT (j.value->>0)::bigint, $2, $3::float8, j.value->>1 FROM {e.rows()} WHERE true
ON CONFLICT (carrier_id, node_id)
    DO UPDATE SET at = excluded.at, status = excluded.status"""
    )
)

FORGET = statement("DELETE FROM carrier_status WHERE at < $1")


async def put_carrier_status(
    connection: Connection, statuses: Sequence[CarrierStatus], now: float
) -> None:
    """Replace what this node has said of these carriers; ``now`` is Unix seconds."""
    rows = [(each.carrier_id, msgspec.json.encode(each).decode()) for each in statuses]
    await connection.execute(FORGET, now - KEEP)
    await connection.execute(PUT, text(rows), connection.node_id, now)
