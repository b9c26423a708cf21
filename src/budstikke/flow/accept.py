"""
Accept: take responsibility for an order's messages.

Everything is checked and laid out in memory; one transaction makes it durable,
together with whatever else came meanwhile; only then is the customer answered.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from budstikke import metrics
from budstikke.domain.directory import Route
from budstikke.domain.message import Accepted, Order, Part
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.staging import (
    OrderContext,
    Rendered,
    TextProfile,
    common,
    duplicate_key,
    parts,
    render_text,
    reply_originator,
    unit_price,
)
from budstikke.domain.states import MessageState, PartState
from budstikke.flow.batching import Coalescer, given_up
from budstikke.flow.idempotency import replay, stored_key
from budstikke.flow.prepare import Prepared, answer, prepare
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

    from budstikke.domain.directory import Access, Directory
    from budstikke.store.contract import Store


class StagedOrder(msgspec.Struct):
    """A draft, and what its senders wait for."""

    draft: Draft
    direct: list[tuple[Sender, Part]]
    """Those that are sent as soon as they are durable, with whom room was taken."""
    queued: list[Sender]  # they claim the others; once for each message
    segments: int = 0
    price: int = 0


class OutgoingMessage(msgspec.Struct):
    """One message to be: its id, whom it goes to, its text as the customer wrote it."""

    id: int
    recipient: str
    text: str
    route: Route
    drawn: Rendered
    price: int


class Acceptor:
    """
    The step that accepts.

    Args:
        store: Where it becomes durable.
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
        self._lane: Coalescer[StagedOrder, Verdict] = Coalescer(self._commit, ahead=2)

    async def prepare(self, order: Order, access: Access) -> Prepared:
        """Check an order and find whom it goes to; raises Refusal."""
        return await prepare(
            order,
            access,
            store=self._store,
            directory=self._directory(),
            now=self._clock(),
        )

    async def accept(
        self,
        prepared: Prepared,
        access: Access,
        turn: RecurringRow | None = None,
    ) -> Accepted:
        """
        Make a prepared order durable, in one transaction.

        ``turn``: it is a time of this recurring order. Raises Refusal when nothing of
        it was accepted, StoreUnavailable when nothing can be stored, and
        OccurrenceTaken.
        """
        order, good = prepared.shared.order, prepared.numbers.good
        order_id, first_id = self.reserve(prepared)
        if order.reply and not prepared.shared.originator:
            prepared.shared.originator = reply_originator(access, order_id)
        again = repeats(order, order_id, access, prepared.shared.accepted_at)
        laid = self.lay(prepared.shared, access, good, first_id, order_id)
        laid.draft.repeats, laid.draft.turn = again, turn
        if access.account.currency:
            account = access.account
            laid.draft.charge = Charge(account.id, order_id, account.credit_limit)
        result = await answer(
            order,
            prepared,
            first_id,
            (),
            order_id=order_id,
            segments=laid.segments,
            price=laid.price,
        )
        if order.test or not (good or turn):
            return result
        if order.key:
            laid.draft.key = stored_key(order, result)
        verdict = await self._lane.put(laid)
        if verdict.taken:
            return await self.again(order, access, turn)
        if verdict.no_credit:
            raise Refusal(RefusalCode.NO_CREDIT)
        metrics.accepted(access.dialect, len(good) - len(verdict.duplicates))
        if verdict.duplicates:
            result = await self._without_duplicates(
                prepared, laid, verdict, result, first_id
            )
        return result

    async def _without_duplicates(
        self,
        prepared: Prepared,
        laid: StagedOrder,
        verdict: Verdict,
        result: Accepted,
        first_id: int,
    ) -> Accepted:
        """Answer anew: the duplicate lock held some; raises Refusal for all."""
        held = verdict.duplicates
        order = prepared.shared.order
        if len(held) == len(prepared.numbers.good):
            none = await answer(order, prepared, 0, held, order_id=0, segments=0)
            raise Refusal(
                RefusalCode.DUPLICATE, invalid=none.invalid, duplicate=none.duplicate
            )
        rows = [laid.draft.messages[place] for place in held]
        segments = result.segments - sum(row.segments for row in rows)
        price = result.price - sum(row.price for row in rows)
        return await answer(
            order,
            prepared,
            first_id,
            held,
            order_id=result.order_id,
            segments=segments,
            price=price,
        )

    async def again(
        self, order: Order, access: Access, turn: RecurringRow | None = None
    ) -> Accepted:
        """
        Answer an order whose idempotency key was used, as the first time.

        Raises Refusal with ``BAD_FIELD`` ``key`` when it is not the same order, and
        OccurrenceTaken when it is its turn that was taken.
        """
        if turn is not None:
            raise OccurrenceTaken
        stored = await self._store.answered(access.id, order.key, self._clock())
        return replay(order, stored)

    def reserve(self, prepared: Prepared) -> tuple[int, int]:
        """Take ids for an order and its messages; a single message names both."""
        count = len(prepared.numbers.good)
        if len(prepared.written) + len(prepared.groups) <= 1:
            first = self._store.reserve_ids(max(count, 1))
            return first, first
        first = self._store.reserve_ids(count + 1)
        return first, first + 1

    def lay(
        self,
        shared: OrderContext,
        access: Access,
        recipients: Sequence[tuple[int, str]],
        first_id: int,
        order_id: int,
    ) -> StagedOrder:
        """
        Lay out messages and parts, and take room for them on their links.

        Raises Refusal for a text that cannot be sent or a recipient without a route.
        """
        laid = StagedOrder(Draft([], []), [], [])
        ones = self._draw(shared, access, recipients, first_id)
        for one in ones:
            laid.draft.messages.append(_message(shared, access, order_id, one))
            self._lay_parts(laid, shared, access, one)
            laid.segments += one.drawn.split.segments
            laid.price += one.price
        return laid

    def _draw(
        self,
        shared: OrderContext,
        access: Access,
        recipients: Sequence[tuple[int, str]],
        first_id: int,
    ) -> list[OutgoingMessage]:
        order, texts = shared.order, shared.order.texts
        directory, account_id = self._directory(), access.account.id
        known: dict[tuple[str, str, int | None, int], Rendered] = {}
        ones: list[OutgoingMessage] = []
        for message_id, (index, recipient) in enumerate(recipients, first_id):
            text = texts[index] if texts else order.text
            route = directory.route(account_id, recipient)
            unit: int | None = 0
            if not shared.prices:
                unit = unit_price(access, recipient, shared.accepted_at)
            if route is None or unit is None:
                raise Refusal(RefusalCode.NO_ROUTE, value=recipient)
            key = (text, route.prefix, route.account_id, unit)
            drawn = known.get(key)
            if drawn is None:
                drawn = render_text(shared, text, route, self.profile(route), unit)
                known[key] = drawn
            price = shared.prices[index] if shared.prices else drawn.price
            ones.append(
                OutgoingMessage(message_id, recipient, text, route, drawn, price)
            )
        return ones

    def _lay_parts(
        self,
        laid: StagedOrder,
        shared: OrderContext,
        access: Access,
        one: OutgoingMessage,
    ) -> None:
        order = shared.order
        sender = self._choose(one.route)
        made = parts(one.id, one.recipient, shared, one.drawn, access.id)
        now = order.send_at is None and not order.test
        direct = now and sender.reserve(len(made))
        state = PartState.SENDING if direct else PartState.QUEUED
        node_id = self._store.node_id if direct else None
        carrier_id = sender.carrier_id
        locking, shift = one.drawn.split.tables
        for part in made:
            laid.draft.parts.append(
                PartRow(
                    part.id,
                    carrier_id,
                    state,
                    part.text,
                    (locking << 8) + shift,
                    part.priority,
                    order.send_at,
                    node_id,
                    shared.accepted_at,
                )
            )
            if direct:
                laid.direct.append((sender, part))
        if now and not direct:
            laid.queued.append(sender)

    def profile(self, route: Route) -> TextProfile:
        """Tell how long texts are split on a route."""
        if len(route.carriers) == 1:
            return self._profiles[route.carriers[0]]
        return common(self._profiles[carrier_id] for carrier_id in route.carriers)

    def _choose(self, route: Route) -> Sender:
        """Choose the first carrier that is up; none is: the first."""
        senders = [self._senders[carrier_id] for carrier_id in route.carriers]
        for sender in senders:
            if sender.up():
                return sender
        return senders[0]

    async def commit(self, laid: StagedOrder) -> Verdict:
        """Store what was laid out."""
        return await self._lane.put(laid)

    async def _commit(self, batch: list[StagedOrder]) -> list[Verdict]:
        try:
            drafts = [laid.draft for laid in batch]
            verdicts = await self._store.accept(drafts, self._clock())
        except BaseException as error:
            if given_up(batch, error):
                self._take_back([row for laid in batch for row in laid.direct])
                self._call(batch)
            raise
        ready: dict[Sender, list[Part]] = {}
        for laid, verdict in zip(batch, verdicts, strict=True):
            for sender, part in self._stored(laid, verdict):
                ready.setdefault(sender, []).append(part)
        for sender, made in ready.items():
            sender.offer(made)
        self._call(batch)
        return verdicts

    def _call(self, batch: list[StagedOrder]) -> None:
        """Have what was queued claimed, also by a link that was made anew meanwhile."""
        for sender, count in Counter(s for laid in batch for s in laid.queued).items():
            sender.stored(count)
            self._senders.get(sender.carrier_id, sender).stored()

    def _stored(self, laid: StagedOrder, verdict: Verdict) -> list[tuple[Sender, Part]]:
        """Find what is sent now; room that is not needed is given back."""
        if verdict.no_credit or verdict.taken:
            self._take_back(laid.direct)
            return []
        if not verdict.duplicates:
            return laid.direct
        out = {laid.draft.messages[index].id for index in verdict.duplicates}
        self._take_back([row for row in laid.direct if row[1].message_id in out])
        return [row for row in laid.direct if row[1].message_id not in out]

    def _take_back(self, direct: Sequence[tuple[Sender, Part]]) -> None:
        for sender, _ in direct:
            sender.cancel(1)

    async def drain(self) -> None:
        """Wait until all that was begun is durable and with its sender."""
        await self._lane.drain()


def _message(
    shared: OrderContext, access: Access, order_id: int, one: OutgoingMessage
) -> MessageRow:
    order, split, account = shared.order, one.drawn.split, access.account
    key, until = None, None
    if order.duplicate_lock and not (order.key or order.answering):
        key = duplicate_key(access.id, one.drawn.originator, one.recipient, one.text)
        until = shared.accepted_at + order.duplicate_lock
    return MessageRow(
        one.id,
        order_id,
        access.id,
        one.recipient,
        one.drawn.originator,
        order.ref,
        split.encoding,
        split.segments,
        len(split.parts),
        int(order.flash),
        order.protocol_id,
        order.priority,
        shared.tell,
        key,
        until,
        shared.accepted_at,
        shared.expires_at,
        MessageState.ACCEPTED if order.send_at is None else MessageState.SCHEDULED,
        account.id,
        one.price,
        account.refund.value,
        max(order.price, 0),
        order.send_at,
        order.callback_url or None,
    )
