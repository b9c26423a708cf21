"""
Commit: stage an order that was checked, make it durable, and offer it to its carriers.

An order is staged in memory; one transaction makes it durable, together with all that
came in the meantime; then its parts are offered, and the customer is answered.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from budstikke import metrics
from budstikke.domain.message import Part
from budstikke.domain.recipients import route_again
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.staging import (
    OrderContext,
    OutgoingMessage,
    TextProfile,
    common,
    duplicate_key,
    parts,
    reply_originator,
    stage,
)
from budstikke.domain.states import MessageState, PartState
from budstikke.flow.batching import Coalescer, given_up
from budstikke.flow.idempotency import replay, stored_key
from budstikke.flow.prepare import Prepared, order_result, prepare
from budstikke.flow.recurring_orders import OccurrenceTaken, repeats
from budstikke.flow.send import Sender
from budstikke.store.contract import (
    Charge,
    Draft,
    MessageRow,
    PartRow,
    RecurringRow,
    Verdict,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.domain.directory import Access, Directory, Route
    from budstikke.domain.message import Accepted, Order
    from budstikke.domain.recipients import Recipient
    from budstikke.store.contract import Store


class StagedOrder(msgspec.Struct):
    """
    An order as rows, and the senders that wait for it.

    Attributes:
        direct: Parts that are offered as soon as they are durable; each has its room
            reserved with its sender.
        queued: The senders that claim the other parts: once for each message.

    """

    draft: Draft
    direct: list[tuple[Sender, Part]]
    queued: list[Sender]
    segments: int = 0
    price: int = 0


class Committer:
    """
    Stages orders, commits them, and offers their parts.

    Args:
        store: Makes them durable.
        senders: By carrier id.
        profiles: How each carrier is sent long texts, by carrier id.
        directory: Gives the directory as it is now.
        clock: Unix seconds.

    """

    def __init__(
        self,
        *,
        store: Store,
        senders: Mapping[int, Sender],
        profiles: Mapping[int, TextProfile],
        directory: Callable[[], Directory],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._senders = senders
        self._profiles = profiles
        self._directory = directory
        self._clock = clock
        self._commits: Coalescer[StagedOrder, Verdict]
        self._commits = Coalescer(self._commit_batch, ahead=2)

    async def prepare(self, order: Order, access: Access) -> Prepared:
        """Check an order and find its recipients; raises Refusal."""
        return await prepare(
            order,
            access,
            store=self._store,
            directory=self._directory(),
            now=self._clock(),
        )

    async def commit_order(
        self,
        prepared: Prepared,
        access: Access,
        occurrence: RecurringRow | None = None,
    ) -> Accepted:
        """
        Stage a prepared order and make it durable, in one transaction.

        ``occurrence``: it is one of this recurring order. Raises Refusal when nothing
        of it was accepted, StoreUnavailable when nothing can be stored, and
        OccurrenceTaken.
        """
        context, recipients = prepared.context, prepared.recipients
        order, account = context.order, access.account
        order_id, first_id = self.reserve(prepared)
        if order.reply and not context.originator:
            context.originator = reply_originator(access, order_id)
        repetition = repeats(order, order_id, access, context.accepted_at)
        if prepared.directory is not self._directory():
            recipients = self._route_again(recipients, account.id)
        staged = self.stage(context, access, recipients, first_id, order_id)
        staged.draft.repeats, staged.draft.occurrence = repetition, occurrence
        if account.currency:
            staged.draft.charge = Charge(account.id, order_id, account.credit_limit)
        result = await order_result(
            prepared,
            first_id,
            (),
            order_id=order_id,
            segments=staged.segments,
            price=staged.price,
        )
        if order.test or not (recipients or occurrence):
            return result
        if order.key:
            staged.draft.key = stored_key(order, result)
        verdict = await self.commit(staged)
        if verdict.taken:
            return await self.replay(order, access, occurrence)
        if verdict.no_credit:
            raise Refusal(RefusalCode.NO_CREDIT)
        metrics.accepted(access.dialect, len(recipients) - len(verdict.duplicates))
        if verdict.duplicates:
            return await _without_duplicates(
                prepared, staged, verdict, result, first_id
            )
        return result

    def _route_again(
        self, recipients: Sequence[Recipient], account_id: int
    ) -> list[Recipient]:
        """Find routes anew: the directory changed while the order was prepared."""
        numbers = ((each.position, each.number, each.unit_price) for each in recipients)
        return route_again(numbers, account_id, self._directory())

    async def replay(
        self, order: Order, access: Access, occurrence: RecurringRow | None = None
    ) -> Accepted:
        """
        Answer an order whose idempotency key was used before, as it was answered then.

        Raises Refusal with ``BAD_FIELD`` ``key`` when it is another order, and
        OccurrenceTaken when it was an occurrence that had been taken.
        """
        if occurrence is not None:
            raise OccurrenceTaken
        stored = await self._store.idempotent_answer(
            access.id, order.key, self._clock()
        )
        return replay(order, stored)

    def reserve(self, prepared: Prepared) -> tuple[int, int]:
        """Reserve ids for the order and its first message; a lone message shares it."""
        count = len(prepared.recipients)
        if len(prepared.written) + len(prepared.groups) <= 1:
            first = self._store.reserve_ids(max(count, 1))
            return first, first
        first = self._store.reserve_ids(count + 1)
        return first, first + 1

    def stage(
        self,
        context: OrderContext,
        access: Access,
        recipients: Sequence[Recipient],
        first_id: int,
        order_id: int,
    ) -> StagedOrder:
        """
        Make an order's rows, and reserve room for its parts with their senders.

        Raises Refusal for a text that cannot be sent.
        """
        staged = StagedOrder(Draft([], []), [], [])
        for message in stage(context, recipients, first_id, self.profile):
            row = _message_row(context, access, order_id, message)
            staged.draft.messages.append(row)
            self._stage_parts(staged, context, access, message)
            staged.segments += row.segments
            staged.price += message.price
        return staged

    def _stage_parts(
        self,
        staged: StagedOrder,
        context: OrderContext,
        access: Access,
        message: OutgoingMessage,
    ) -> None:
        order = context.order
        sender = self._choose(message.route)
        made = parts(message, context, access.id)
        due = order.send_at is None and not order.test
        direct = due and sender.reserve(len(made))
        state = PartState.SENDING if direct else PartState.QUEUED
        node_id = self._store.node_id if direct else None
        carrier_id = sender.carrier_id
        locking, shift = message.rendered.split.tables
        for part in made:
            staged.draft.parts.append(
                PartRow(
                    part.id,
                    carrier_id,
                    state,
                    part.text,
                    (locking << 8) + shift,
                    part.priority,
                    order.send_at,
                    node_id,
                    context.accepted_at,
                )
            )
            if direct:
                staged.direct.append((sender, part))
        if due and not direct:
            staged.queued.append(sender)

    def profile(self, route: Route) -> TextProfile:
        """Tell how long texts are split on a route."""
        profiles = self._profiles
        if len(route.carriers) == 1:
            return profiles.get(route.carriers[0]) or TextProfile()
        return common(profiles[key] for key in route.carriers if key in profiles)

    def _choose(self, route: Route) -> Sender:
        """Choose the first carrier that is up, or the first if none is."""
        senders = [self._senders[carrier_id] for carrier_id in route.carriers]
        for sender in senders:
            if sender.up():
                return sender
        return senders[0]

    async def commit(self, staged: StagedOrder) -> Verdict:
        """Make a staged order durable, and offer its parts."""
        return await self._commits.put(staged)

    async def _commit_batch(self, batch: list[StagedOrder]) -> list[Verdict]:
        try:
            drafts = [staged.draft for staged in batch]
            verdicts = await self._store.accept(drafts, self._clock())
        except BaseException as error:
            if given_up(batch, error):
                self._cancel([row for staged in batch for row in staged.direct])
                self._wake_senders(batch)
            raise
        ready: dict[Sender, list[Part]] = {}
        for staged, verdict in zip(batch, verdicts, strict=True):
            for sender, part in self._to_offer(staged, verdict):
                ready.setdefault(sender, []).append(part)
        for sender, made in ready.items():
            sender.offer(made)
        self._wake_senders(batch)
        return verdicts

    def _wake_senders(self, batch: list[StagedOrder]) -> None:
        """Have queued parts claimed, also by a sender that replaced one meanwhile."""
        for sender, count in Counter(
            s for staged in batch for s in staged.queued
        ).items():
            sender.stored(count)
            self._senders.get(sender.carrier_id, sender).stored()

    def _to_offer(
        self, staged: StagedOrder, verdict: Verdict
    ) -> list[tuple[Sender, Part]]:
        """List the parts to offer now; cancel reservations that are not needed."""
        if verdict.no_credit or verdict.taken:
            self._cancel(staged.direct)
            return []
        if not verdict.duplicates:
            return staged.direct
        out = {staged.draft.messages[index].id for index in verdict.duplicates}
        self._cancel([row for row in staged.direct if row[1].message_id in out])
        return [row for row in staged.direct if row[1].message_id not in out]

    def _cancel(self, direct: Sequence[tuple[Sender, Part]]) -> None:
        for sender, _ in direct:
            sender.cancel(1)

    async def drain(self) -> None:
        """Wait until every staged order is durable and offered."""
        await self._commits.drain()


async def _without_duplicates(
    prepared: Prepared,
    staged: StagedOrder,
    verdict: Verdict,
    result: Accepted,
    first_id: int,
) -> Accepted:
    """Answer without what the duplicate lock held; raises Refusal if it held all."""
    held = verdict.duplicates
    if len(held) == len(prepared.recipients):
        none = await order_result(prepared, 0, held, order_id=0, segments=0)
        raise Refusal(
            RefusalCode.DUPLICATE, invalid=none.invalid, duplicate=none.duplicate
        )
    rows = [staged.draft.messages[index] for index in held]
    return await order_result(
        prepared,
        first_id,
        held,
        order_id=result.order_id,
        segments=result.segments - sum(row.segments for row in rows),
        price=result.price - sum(row.price for row in rows),
    )


def _message_row(
    context: OrderContext, access: Access, order_id: int, message: OutgoingMessage
) -> MessageRow:
    order, account, rendered = context.order, access.account, message.rendered
    split = rendered.split
    key, until = None, None
    if order.duplicate_lock and not (order.key or order.answering):
        key = duplicate_key(
            access.id, rendered.originator, message.recipient, message.text
        )
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
