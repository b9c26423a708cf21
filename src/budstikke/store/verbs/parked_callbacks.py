"""
Callbacks that wait for their customer to bind a session.

A callback that is ``due`` without a time is parked: ``wake`` does not see it. A node on
which a session of its access is bound leases it.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import msgspec

from budstikke.store.contract import CallbackRow
from budstikke.store.verbs.clock import lease_callbacks
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.verbs.connection import Connection

_IS_FREE = """state = 'due' AND node_id IS NULL
    AND (due_at IS NULL OR due_at <= $2) AND substr(event, 1, 7) <> '["send"'"""

PARKED_ACCESSES = statement(
    lambda e: (
        f"""
SELECT {e.list}(j.value) FROM {e.id_rows()}
WHERE EXISTS (SELECT 1 FROM callback c
    WHERE c.access_id = j.value AND c.id >= $3 AND {_IS_FREE})"""
    )
)

PARKED = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(id, access_id, {e.json("event")}, tries)) FROM (
    SELECT id, access_id, event, tries FROM callback
    WHERE access_id = $1 AND id >= $3 AND {_IS_FREE}
    ORDER BY id LIMIT $4 {e.skip_locked}) c"""
    )
)

_ids = msgspec.json.Decoder(list[int]).decode
_callbacks = msgspec.json.Decoder(list[CallbackRow]).decode


async def parked_accesses(
    connection: Connection, access_ids: Sequence[int], now: float
) -> list[int]:
    """Find those of these accesses that have callbacks which nobody has leased."""
    low = connection.bounds.open_callback
    return _ids(await connection.one(PARKED_ACCESSES, text(access_ids), now, low))


async def lease_parked(
    connection: Connection, access_id: int, limit: int, now: float
) -> list[CallbackRow]:
    """Lease the first callbacks of an access that nobody has leased."""
    values = (access_id, now, connection.bounds.open_callback, limit)
    rows = _callbacks(await connection.one(PARKED, *values))
    if rows:
        await lease_callbacks(connection, rows, now)
    rows.sort(key=attrgetter("id"))
    return rows
