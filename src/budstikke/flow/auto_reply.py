"""
Sends auto-replies to phones in the account's name.

A keyword's auto-reply, the answer to STOP, the link to an MMS: each is a callback of
kind ``send`` that becomes an order. Its idempotency key comes from the callback, so
that it is one message however often it is attempted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.callback import SendEvent
from budstikke.domain.message import Order
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.directory import Directory
    from budstikke.flow.recurring_orders import TakesOrders
    from budstikke.store.contract import CallbackRow


class AutoReplier:
    """
    The step that sends auto-replies.

    Args:
        acceptor: Takes orders.
        directory: Returns the current directory.

    """

    def __init__(
        self, *, acceptor: TakesOrders, directory: Callable[[], Directory]
    ) -> None:
        self._acceptor = acceptor
        self._directory = directory
        self._stopping = False

    def stop(self) -> None:
        """Accept no more replies; they stay due for the next start or another node."""
        self._stopping = True

    async def reply(self, row: CallbackRow) -> None:
        """Accept the order of a ``send`` callback; raises Refusal, StoreUnavailable."""
        if self._stopping:
            raise StoreUnavailable("stopping")
        event = row.event
        assert isinstance(event, SendEvent)  # noqa: S101 - others do not come here
        access = self._directory().accesses.get(row.access_id)
        if access is None or access.blocked or access.account.blocked:
            raise Refusal(RefusalCode.ACCOUNT_BLOCKED)
        order = Order(
            recipients=(event.recipient,),
            text=event.text,
            originator=event.originator,
            report=False,
            key=f"answer-{row.id}",
            answering=True,
        )
        accepted = await self._acceptor.accept(order, access)
        for result in accepted.ids:
            if isinstance(result, RefusalCode):
                raise Refusal(result, value=event.recipient)
