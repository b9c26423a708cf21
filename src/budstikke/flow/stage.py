"""
Stage: an order that was checked becomes rows, in memory.

Staging needs neither the store nor the carriers. The commit (``flow.commit``), which
has the carriers, decides which carrier of its route a message gets, and whether it goes
at once. Until then a staged order may cross to another process: it has only plain
values.
"""

from __future__ import annotations

from random import random
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.message import Part
from budstikke.domain.routing import in_order
from budstikke.domain.staging import (
    OrderContext,
    OutgoingMessage,
    TextProfile,
    stage,
)
from budstikke.domain.states import MessageState, PartState
from budstikke.store.contract import Draft, MessageRow, PartRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.domain.directory import Access
    from budstikke.domain.recipients import Recipient


NO_CARRIER = 0
"""The carrier id in a part's row until the commit chooses the carrier."""


class StagedMessage(msgspec.Struct, array_like=True):
    """A message of a staged order: the carriers to try, in order; its parts."""

    carriers: tuple[int, ...]
    parts: list[Part]


class StagedOrder(msgspec.Struct, array_like=True):
    """
    An order as rows, before its messages have carriers.

    Attributes:
        draft: Its rows. Those of parts name no carrier yet.
        messages: The messages, in the order of the draft's.
        due: Its parts go now: neither later nor, being a test, never.
        segments: Of all messages.
        price: Of all messages, micros.

    """

    draft: Draft
    messages: list[StagedMessage]
    due: bool
    segments: int = 0
    price: int = 0


class Stager:
    """
    Makes the rows of orders.

    Args:
        profiles: How each carrier is sent long texts, by carrier id.
        draw: Returns a random number from 0 to 1, for carriers that share messages.

    """

    def __init__(
        self,
        profiles: Callable[[], Mapping[int, TextProfile]],
        draw: Callable[[], float] = random,
    ) -> None:
        self.profiles = profiles
        self._draw = draw

    def stage(
        self,
        context: OrderContext,
        access: Access,
        recipients: Sequence[Recipient],
        first_id: int,
        order_id: int,
    ) -> StagedOrder:
        """Make an order's rows; raises Refusal for a text that cannot be sent."""
        order = context.order
        due = order.send_at is None and not order.test
        staged = StagedOrder(Draft([], []), [], due)
        profiles = self.profiles()
        for message in stage(context, access.id, recipients, first_id, profiles):
            row = _message_row(context, access, order_id, message)
            staged.draft.messages.append(row)
            staged.draft.parts += _part_rows(context, message)
            route = message.route
            carriers = route.carriers
            if route.weights or route.least_cost:
                number = message.recipient
                carriers = in_order(route, carriers, number, self._draw())
            staged.messages.append(StagedMessage(carriers, message.parts))
            staged.segments += row.segments
            staged.price += message.price
        return staged


def joined(staged: StagedOrder, more: StagedOrder) -> StagedOrder:
    """Add further messages of an order to those that are staged already."""
    staged.draft.messages += more.draft.messages
    staged.draft.parts += more.draft.parts
    staged.messages += more.messages
    staged.segments += more.segments
    staged.price += more.price
    return staged


def renumber(staged: StagedOrder, order_id: int, first_id: int) -> None:
    """Give an order that was staged with ids from 0 its final ids."""
    draft, parts_before = staged.draft, first_id << 8
    for message in draft.messages:
        message.id += first_id
        message.order_id = order_id
    for row in draft.parts:
        row.id += parts_before
    for waiting in staged.messages:
        for part in waiting.parts:
            part.id += parts_before
    if draft.charge is not None:
        draft.charge.order_id = order_id


def _message_row(
    context: OrderContext, access: Access, order_id: int, message: OutgoingMessage
) -> MessageRow:
    order, account, rendered = context.order, access.account, message.rendered
    split = rendered.split
    key, until = message.duplicate_key, None
    if key is not None:
        until = context.accepted_at + order.duplicate_lock
    return MessageRow(
        message.id,
        order_id,
        access.id,
        message.recipient,
        rendered.originator,
        order.ref,
        split.encoding,
        split.segments,
        len(split.parts),
        int(order.flash),
        order.protocol_id,
        order.priority,
        context.notify_on,
        key,
        until,
        context.accepted_at,
        context.expires_at,
        MessageState.ACCEPTED if order.send_at is None else MessageState.SCHEDULED,
        account.id,
        message.price,
        account.refund.value,
        max(order.price, 0),
        order.send_at,
        order.callback_url or None,
    )


def _part_rows(context: OrderContext, message: OutgoingMessage) -> list[PartRow]:
    """Make the rows of a message's parts, which no carrier has yet."""
    locking, shift = message.rendered.split.tables
    return [
        PartRow(
            part.id,
            NO_CARRIER,
            PartState.QUEUED,
            part.text,
            (locking << 8) + shift,
            part.priority,
            context.order.send_at,
            None,
            context.accepted_at,
        )
        for part in message.parts
    ]
