"""
Commit: make an order that was checked durable, and offer it to its carriers.

Staged orders gather while a transaction is under way; the next one makes all of them
durable. Right before it each message gets its carrier and, if that has room, reserves
it; right after it the parts are offered, and the customers are answered.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from budstikke import metrics
from budstikke.domain.recipients import route_again
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.staging import order_traits, reply_originator
from budstikke.domain.states import PartState
from budstikke.flow.batching import Coalescer
from budstikke.flow.idempotency import replay, stored_key
from budstikke.flow.prepare import Prepared, order_result, prepare
from budstikke.flow.recurring_orders import OccurrenceTaken, repeats
from budstikke.flow.stage import Stager
from budstikke.store.contract import Charge, RecurringRow, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Accepted, Order, Part
    from budstikke.domain.recipients import Recipient
    from budstikke.domain.staging import TextProfile
    from budstikke.flow.send import Sender
    from budstikke.flow.stage import StagedMessage, StagedOrder
    from budstikke.store.contract import Store


class _Placed(NamedTuple):
    """
    A staged order whose messages have carriers.

    Attributes:
        staged: The order; its rows name the carriers.
        direct: Parts that are offered as soon as they are durable; each has its room
            reserved with its sender.
        queued: The senders that claim the other parts: once for each message.

    """

    staged: StagedOrder
    direct: list[tuple[Sender, Part]]
    queued: list[Sender]


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
        self._directory = directory
        self._clock = clock
        self.stager = Stager(lambda: profiles)
        self._commits: Coalescer[StagedOrder, Verdict | None]
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
        context, order = prepared.context, prepared.context.order
        order_id, first_id = self.reserve(prepared)
        if order.reply and not context.originator:
            context.originator = reply_originator(access, order_id)
        repetition = None
        if order.recurrence is not None:
            repetition = repeats(order, order_id, access, context.accepted_at)
        verdict: Verdict | None = None
        while verdict is None:
            staged = self._stage(prepared, access, first_id, order_id)
            staged.draft.repeats, staged.draft.occurrence = repetition, occurrence
            result = await whole_result(prepared, staged, order_id, first_id)
            if order.test or not (prepared.recipients or occurrence):
                return result
            if order.key:
                staged.draft.key = stored_key(order, result)
            verdict = await self.commit(staged)
        if verdict.taken:
            return await self.replay(order, access, occurrence)
        return await result_of(
            prepared, access, staged, verdict, result=result, first_id=first_id
        )

    def _stage(
        self, prepared: Prepared, access: Access, first_id: int, order_id: int
    ) -> StagedOrder:
        """Stage an order with what it costs, by the routes of the present directory."""
        recipients = prepared.recipients
        if prepared.directory is not self._directory():
            recipients = self._route_again(prepared, access)
        staged = self.stager.stage(
            prepared.context, access, recipients, first_id, order_id
        )
        staged.draft.charge = charge(access, order_id)
        return staged

    def _route_again(self, prepared: Prepared, access: Access) -> list[Recipient]:
        """Find routes anew: the directory changed while the order was prepared."""
        directory = self._directory()
        traits = order_traits(prepared.context, access, directory)
        recipients = prepared.recipients
        numbers = ((each.position, each.number, each.unit_price) for each in recipients)
        return route_again(numbers, access.account.id, directory, traits)

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
        return self.reserve_ids(len(prepared.recipients), lone=is_lone(prepared))

    def reserve_ids(self, messages: int, *, lone: bool) -> tuple[int, int]:
        """Likewise; ``lone``: the order is for one recipient."""
        if lone:
            first = self._store.reserve_ids(max(messages, 1))
            return first, first
        first = self._store.reserve_ids(messages + 1)
        return first, first + 1

    async def commit(self, staged: StagedOrder) -> Verdict | None:
        """
        Make a staged order durable, and offer its parts.

        ``None``: nothing of it is stored, since all carriers of one of its routes have
        left the directory meanwhile. Raises StoreUnavailable.
        """
        return await self._commits.put(staged)

    async def commit_all(
        self, orders: Sequence[StagedOrder]
    ) -> list[Verdict | BaseException | None]:
        """Do as ``commit`` for each; in the place of a verdict may be an exception."""
        return await self._commits.put_all(orders)

    async def _commit_batch(self, batch: list[StagedOrder]) -> list[Verdict | None]:
        placed = [self._place(staged) for staged in batch]
        there = [each for each in placed if each is not None]
        try:
            drafts = [each.staged.draft for each in there]
            stored = await self._store.accept(drafts, self._clock()) if drafts else []
        except BaseException:
            self._cancel([row for each in there for row in each.direct])
            self._wake_senders(there)
            raise
        ready: dict[Sender, list[Part]] = {}
        for each, verdict in zip(there, stored, strict=True):
            less = verdict.duplicates or verdict.no_credit or verdict.taken
            for sender, part in self._to_offer(each, verdict) if less else each.direct:
                ready.setdefault(sender, []).append(part)
        for sender, made in ready.items():
            sender.offer(made)
        if any(each.queued for each in there):
            self._wake_senders(there)
        verdicts = iter(stored)
        return [None if each is None else next(verdicts) for each in placed]

    def _place(self, staged: StagedOrder) -> _Placed | None:
        """
        Choose the carriers of an order's messages, and reserve room with them.

        ``None``: a message's carriers are all gone.
        """
        chosen = [self._choose(waiting) for waiting in staged.messages]
        placed = _Placed(staged, [], [])
        rows = iter(staged.draft.parts)
        for sender, waiting in zip(chosen, staged.messages, strict=True):
            if sender is None:
                self._cancel(placed.direct)
                self._wake_senders([placed])
                return None
            direct = staged.due and sender.reserve(len(waiting.parts))
            for part in waiting.parts:
                row = next(rows)
                row.carrier_id = sender.carrier_id
                row.state = PartState.SENDING if direct else PartState.QUEUED
                row.node_id = self._store.node_id if direct else None
                if direct:
                    placed.direct.append((sender, part))
            if staged.due and not direct:
                placed.queued.append(sender)
        return placed

    def _choose(self, waiting: StagedMessage) -> Sender | None:
        """Choose the first carrier that takes parts now, or the first if none does."""
        first: Sender | None = None
        if len(waiting.carriers) == 1:
            return self._senders.get(waiting.carriers[0])
        for carrier_id in waiting.carriers:
            sender = self._senders.get(carrier_id)
            if sender is None:
                continue
            if sender.takes():
                return sender
            first = first or sender
        return first

    def _wake_senders(self, batch: Sequence[_Placed]) -> None:
        """Have queued parts claimed, also by a sender that replaced one meanwhile."""
        for sender, count in Counter(s for each in batch for s in each.queued).items():
            sender.stored(count)
            self._senders.get(sender.carrier_id, sender).stored()

    def _to_offer(self, placed: _Placed, verdict: Verdict) -> list[tuple[Sender, Part]]:
        """List the parts to offer now; cancel reservations that are not needed."""
        if verdict.no_credit or verdict.taken:
            self._cancel(placed.direct)
            return []
        messages = placed.staged.draft.messages
        out = {messages[index].id for index in verdict.duplicates}
        self._cancel([row for row in placed.direct if row[1].message_id in out])
        return [row for row in placed.direct if row[1].message_id not in out]

    def _cancel(self, direct: Sequence[tuple[Sender, Part]]) -> None:
        for sender, _ in direct:
            sender.cancel(1)

    async def drain(self) -> None:
        """Wait until every staged order is durable and offered."""
        await self._commits.drain()


def is_lone(prepared: Prepared) -> bool:
    """Tell whether an order is for one recipient: its message has the order's id."""
    return len(prepared.written) + len(prepared.groups) <= 1


def charge(access: Access, order_id: int) -> Charge | None:
    """Make what an account pays for an order; ``None``: nothing."""
    account = access.account
    if not account.currency:
        return None
    return Charge(account.id, order_id, account.credit_limit)


async def whole_result(
    prepared: Prepared, staged: StagedOrder, order_id: int, first_id: int
) -> Accepted:
    """Answer an order of which everything is stored."""
    return await order_result(
        prepared,
        first_id,
        (),
        order_id=order_id,
        segments=staged.segments,
        price=staged.price,
    )


async def result_of(
    prepared: Prepared,
    access: Access,
    staged: StagedOrder,
    verdict: Verdict,
    *,
    result: Accepted,
    first_id: int,
) -> Accepted:
    """
    Answer an order by what the store made of it, and count its messages.

    ``result``: the answer if all of it is stored; ``first_id``: its first message's.
    Raises Refusal when none of it is stored.
    """
    if verdict.no_credit:
        raise Refusal(RefusalCode.NO_CREDIT)
    metrics.accepted(access.dialect, len(prepared.recipients) - len(verdict.duplicates))
    if not verdict.duplicates:
        return result
    return await _without_duplicates(prepared, staged, verdict, result, first_id)


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
