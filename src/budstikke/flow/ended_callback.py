"""How a callback ends without an answer, and the auto-reply that waited for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.inbound import InboundEvent
from budstikke.domain.keyword_reply import filled
from budstikke.store.contract import CallbackResult

if TYPE_CHECKING:
    from budstikke.dialects.contract import Replies
    from budstikke.domain.callback import Event
    from budstikke.domain.number_inventory import NumberInventory
    from budstikke.store.contract import CallbackRow
    from budstikke.wire import WireResponse


def over(
    row: CallbackRow, state: str, why: str, now: float, inventory: NumberInventory
) -> CallbackResult:
    """End a callback: ``done`` or ``failed``, without an answer of the customer."""
    receipt = waiting_reply(row.event, inventory, None, None)
    return CallbackResult(row.id, state, None, row.tries + 1, why, now, receipt=receipt)


def waiting_reply(
    event: Event,
    inventory: NumberInventory,
    answer: WireResponse | None,
    replies: Replies | None,
) -> tuple[int, str] | None:
    """Return the auto-reply that waited for this; ``None``: none did."""
    if type(event) is not InboundEvent or not event.receipt_id:
        return None
    keyword = inventory.keywords.get(event.keyword_id)
    if keyword is None and event.keyword_id:
        return None  # its callback has a text for that case
    if keyword is not None and keyword.receipt:
        body = None if answer is None else answer.body
        return event.receipt_id, filled(keyword.receipt, body)
    text = "" if answer is None or replies is None else replies.reply(answer)
    return event.receipt_id, text
