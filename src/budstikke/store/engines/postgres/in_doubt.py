"""
What this node may be sending without knowing it.

The server goes away and does not say whether it has committed. Most verbs may simply be
tried again. A claim, or an accept, would leave parts that are being sent by us, as the
database has it, and by nobody in truth. They are put back into the queue: nobody was
ever given them. The time at which they were taken tells them from what we do send.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.states import PartState
from budstikke.store.engines.postgres.client import STATEMENT_TIMEOUT
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.message import Part
    from budstikke.store.contract import Draft
    from budstikke.store.engines.postgres.connection import Connection

KEEP = 2 * STATEMENT_TIMEOUT
"""Seconds after which no session can be left that commits it after all."""

# Rows are [id, at].
PUT_BACK = """
UPDATE part SET state = 'queued', node_id = NULL
FROM jsonb_array_elements($1::text::jsonb) v
WHERE part.id = (v->>0)::bigint AND part.at = (v->>1)::float8
    AND part.state = 'sending' AND part.node_id = $2
RETURNING part.carrier_id"""

PUT_BACK_CLAIMED = """
UPDATE part SET state = 'queued', node_id = NULL
WHERE node_id = $1 AND state = 'sending' AND carrier_id = $2 AND at = $3
    AND NOT id IN (SELECT x::bigint FROM jsonb_array_elements($4::text::jsonb) x)
RETURNING carrier_id"""


class InDoubt:
    """Parts that may be ours without our knowing."""

    def __init__(self) -> None:
        self._parts: list[tuple[int, float]] = []
        self._claims: list[tuple[int, float, str]] = []
        self._until = 0.0

    def of_drafts(self, drafts: Sequence[Draft], now: float) -> None:
        """Doubt whether these were stored."""
        self._parts += [
            (part.id, part.at)
            for draft in drafts
            for part in draft.parts
            if part.state is PartState.SENDING
        ]
        self._until = now + KEEP

    def of_claim(self, carrier_id: int, at: float, got: Sequence[Part]) -> None:
        """Doubt whether no more than these was claimed."""
        ids = text([part.id for part in got])
        self._claims.append((carrier_id, at, ids))
        self._until = at + KEEP

    async def settle(self, connection: Connection, node_id: int) -> set[int]:
        """Put back what is found; returns whose queues it is in."""
        found: set[int] = set()
        if self._parts:
            rows = await connection.rows(PUT_BACK, text(self._parts), node_id)
            found |= {row[0] for row in rows}
        for claim in self._claims:
            rows = await connection.rows(PUT_BACK_CLAIMED, node_id, *claim)
            found |= {row[0] for row in rows}
        return found

    def forget(self, now: float) -> None:
        """Forget what has been looked for long enough."""
        if now > self._until:
            self._parts.clear()
            self._claims.clear()
