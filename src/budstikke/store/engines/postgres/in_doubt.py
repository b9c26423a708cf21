"""
Commits whose outcome this node does not know.

If the server goes away during a commit, it has not said whether it committed. Most
verbs can run again. But a claim may have left parts ``sending`` for this node, which
does not know of them: they return to their queues, recognised by the time of the claim.
In the same way callbacks, and queues of callbacks, may be leased to this node without
its knowledge: they are due again, recognised by the time at which their lease ends.
The client finds out about an accept, unless the server stays away: then the customer is
refused, and an order that turns out to be stored is withdrawn.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from budstikke.domain.states import PartState
from budstikke.store.contract import BulkRow
from budstikke.store.engines.postgres.client import STATEMENT_TIMEOUT
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.orders import stored
from budstikke.store.verbs.withdrawal import orders_of, parts_of, withdraw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.message import Part
    from budstikke.store.contract import Draft
    from budstikke.store.engines.postgres.connection import Connection

log = logging.getLogger("budstikke.store")

KEEP = 2 * STATEMENT_TIMEOUT
"""Seconds after which no session can still commit it."""

PUT_BACK_CLAIMED = """
UPDATE part SET state = 'queued', node_id = NULL
WHERE node_id = $1 AND state = 'sending' AND carrier_id = $2 AND at = $3
    AND NOT id IN (SELECT x::bigint FROM jsonb_array_elements($4::text::jsonb) x)
RETURNING carrier_id"""

PUT_BACK_CALLBACKS = """
UPDATE callback SET due_at = $2, node_id = NULL
WHERE state = 'due' AND node_id = $1 AND due_at = $3 AND id >= $4"""

PUT_BACK_QUEUES = """
UPDATE queue SET due_at = $2, node_id = NULL
WHERE state = 'due' AND node_id = $1 AND due_at = $3"""


class InDoubt:
    """Orders, claims and leases whose commit got no answer."""

    def __init__(self) -> None:
        self._orders: list[Draft | BulkRow] = []
        self._withdrawn: list[Draft | BulkRow] = []  # once the transaction commits
        self._claims: list[tuple[int, float, str]] = []
        self._leases: set[float] = set()
        self._until = 0.0

    @property
    def any(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._orders or self._claims or self._leases)

    def of_orders(self, rows: Sequence[Draft | BulkRow], now: float) -> None:
        """Add orders that were refused, and that may be stored."""
        self._orders += rows
        self._until = now + KEEP

    def of_claim(self, carrier_id: int, at: float, got: Sequence[Part]) -> None:
        """Add a claim that may have claimed more parts than these."""
        ids = text([part.id for part in got])
        self._claims.append((carrier_id, at, ids))
        self._until = at + KEEP

    def of_leases(self, ends: set[float], now: float) -> None:
        """Add leases of callbacks and queues by their ends; empties ``ends``."""
        if ends:
            self._leases |= ends
            self._until = now + KEEP
            ends.clear()

    async def settle(self, connection: Connection, now: float) -> set[int]:
        """
        Withdraw orders; put back parts, callbacks and queues.

        Returns the carriers with such parts.
        """
        for end in self._leases:
            values = (connection.node_id, now, end)
            low = connection.bounds.open_callback
            await connection.execute(PUT_BACK_CALLBACKS, *values, low)
            await connection.execute(PUT_BACK_QUEUES, *values)
        found = await self._withdraw(connection, now) if self._orders else set()
        for claim in self._claims:
            rows = await connection.rows(PUT_BACK_CLAIMED, connection.node_id, *claim)
            found |= {row[0] for row in rows}
        return found

    async def _withdraw(self, connection: Connection, now: float) -> set[int]:
        there = await stored(connection, self._orders)
        self._withdrawn = [row for row in self._orders if _order_id(row) in there]
        if not self._withdrawn:
            return set()
        log.error("stored after they were refused: %d orders", len(self._withdrawn))
        parts, orders = parts_of(self._withdrawn), orders_of(self._withdrawn)
        await withdraw(connection, parts, orders, now)
        return {
            part.carrier_id
            for row in self._withdrawn
            if not isinstance(row, BulkRow)
            for part in row.parts
            if part.state is PartState.SENDING
        }

    def settled(self, now: float) -> None:
        """Drop what was settled, and what was searched for long enough."""
        done = {id(row) for row in self._withdrawn}
        self._orders = [row for row in self._orders if id(row) not in done]
        self._withdrawn = []
        if now > self._until:
            self._orders.clear()
            self._claims.clear()
            self._leases.clear()


def _order_id(row: Draft | BulkRow) -> int:
    if isinstance(row, BulkRow):
        return row.id
    return row.messages[0].order_id if row.messages else 0
