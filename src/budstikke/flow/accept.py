"""
Accept: take responsibility for an order of any size.

An order takes these steps: prepare (check it, route and price its recipients), stage
(cut its texts, make its rows), commit them in one transaction, offer the parts to their
carriers, answer the customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.flow.bulk import at_a_time
from budstikke.flow.pace import AT_ONCE

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.directory import Access
    from budstikke.domain.message import Accepted, Order
    from budstikke.flow.bulk import BulkOrders
    from budstikke.flow.commit import Committer
    from budstikke.store.contract import RecurringRow, Store


def needs_no_lookup(order: Order) -> bool:
    """
    Tell whether an order is accepted by the directory alone, in one transaction.

    Its ids may then be given at the commit, too: nothing in its rows is made of them.
    """
    return not (
        order.key
        or order.groups
        or order.reply
        or order.reply_to is not None
        or order.recurrence is not None
        or order.test
    ) and len(order.recipients) <= at_a_time(order, range(len(order.recipients)))


class Acceptor:
    """
    The step that accepts orders.

    Args:
        committer: Commits orders that fit into one transaction.
        bulk: Stores larger ones.
        store: Knows the idempotency keys that were used.
        clock: Unix seconds.

    """

    def __init__(
        self,
        committer: Committer,
        bulk: BulkOrders,
        *,
        store: Store,
        clock: Callable[[], float],
    ) -> None:
        self._committer = committer
        self._bulk = bulk
        self._store = store
        self._clock = clock

    async def accept(
        self, order: Order, access: Access, occurrence: RecurringRow | None = None
    ) -> Accepted:
        """
        Make an order durable; ``occurrence``: it is one of this recurring order.

        Raises Refusal when nothing of it was accepted, StoreUnavailable when nothing
        can be stored, and OccurrenceTaken.
        """
        if order.key and await self._store.idempotent_answer(
            access.id, order.key, self._clock()
        ):
            return await self._committer.replay(order, access)
        prepared = await self._committer.prepare(order, access)
        recipients = prepared.recipients
        few = not recipients or len(prepared.written) <= AT_ONCE
        if few and (
            len(recipients) <= 1
            or len(recipients) <= at_a_time(order, [r.position for r in recipients])
        ):
            return await self._committer.commit_order(prepared, access, occurrence)
        return await self._bulk.store_whole(prepared, access, occurrence)
