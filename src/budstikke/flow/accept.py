"""
Accept: take responsibility for an order's messages.

Everything is checked and laid out in memory; one transaction makes it durable,
together with whatever else came meanwhile; only then is the customer answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke import metrics
from budstikke.domain.acceptance import (
    Content,
    Numbers,
    TextProfile,
    common,
    content,
    duplicate_key,
    parts,
    planned,
    sort_out,
)
from budstikke.domain.directory import Route
from budstikke.domain.message import Accepted, Part
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.states import MessageState, PartState
from budstikke.domain.text import Plan
from budstikke.flow.lane import Lane
from budstikke.store.contract import Draft, MessageRow, PartRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Order
    from budstikke.flow.send import Sender
    from budstikke.store.contract import BulkProgress, Store

MOST_MESSAGES = 500
"""Messages in one draft; a larger order is stored whole first (flow.bulk)."""


class Laid(msgspec.Struct):
    """A draft, and what its senders wait for."""

    draft: Draft
    direct: list[tuple[int, Part]]
    """(carrier id, part) of those that are sent as soon as they are durable."""
    queued: set[int]
    """Carriers that have to claim the others."""
    segments: int


class Drawn(msgspec.Struct):
    """One message to be: its id, where it goes, and how its text is split."""

    id: int
    recipient: str
    route: Route
    split: Plan


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
        self._lane: Lane[Laid, list[int]] = Lane(self._commit)

    async def accept(self, order: Order, access: Access) -> Accepted:
        """
        Make an order of at most ``MOST_MESSAGES`` recipients durable.

        Raises Refusal when nothing of it was accepted, StoreUnavailable when nothing
        can be stored.
        """
        now = self._clock()
        directory = self._directory()
        seen: set[str] | None = set() if order.bulk else None
        numbers = sort_out(order.recipients, directory, seen=seen)
        shared = check(order, access, numbers, now)
        first_id = self._store.reserve_ids(len(numbers.good))
        laid = self.lay(
            shared, access, [number for _, number in numbers.good], first_id
        )
        refused = await self.commit(laid)
        accepted = answer(order, numbers, first_id, refused, laid.segments)
        metrics.accepted(access.dialect, len(numbers.good) - len(refused))
        return accepted

    def lay(
        self,
        shared: Content,
        access: Access,
        recipients: Sequence[str],
        first_id: int,
        progress: BulkProgress | None = None,
    ) -> Laid:
        """
        Lay out messages and parts, and take room for them on their links.

        Raises Refusal for a text that cannot be sent or a recipient without a route.
        """
        plans: dict[tuple[int, ...], Plan] = {}
        directory = self._directory()
        drawn: list[Drawn] = []
        for message_id, recipient in enumerate(recipients, first_id):
            route = directory.route(access.account.id, recipient)
            if route is None:
                raise Refusal(RefusalCode.NO_ROUTE, value=recipient)
            split = plans.get(route.carriers)
            if split is None:
                split = planned(shared.order, self.profile(route))
                plans[route.carriers] = split
            drawn.append(Drawn(message_id, recipient, route, split))
        laid = Laid(Draft([], [], progress), [], set(), 0)
        for one in drawn:
            laid.draft.messages.append(_message(shared, access, first_id, one))
            self._lay_parts(laid, shared, access, one)
        return laid

    def _lay_parts(
        self, laid: Laid, shared: Content, access: Access, one: Drawn
    ) -> None:
        sender = self._choose(one.route)
        send_at = shared.order.send_at
        made = parts(one.id, one.recipient, shared, one.split, access.id)
        direct = send_at is None and sender.reserve(len(made))
        state = PartState.SENDING if direct else PartState.QUEUED
        node_id = self._store.node_id if direct else None
        carrier_id = sender.carrier_id
        tables = (one.split.tables[0] << 8) + one.split.tables[1]
        for part in made:
            laid.draft.parts.append(
                PartRow(
                    part.id,
                    carrier_id,
                    state,
                    part.text,
                    tables,
                    part.priority,
                    send_at,
                    node_id,
                    shared.accepted_at,
                )
            )
            if direct:
                laid.direct.append((carrier_id, part))
        if not direct and send_at is None:
            laid.queued.add(carrier_id)
        laid.segments += one.split.segments

    def profile(self, route: Route) -> TextProfile:
        """Tell how long texts are split on a route."""
        if len(route.carriers) == 1:
            return self._profiles[route.carriers[0]]
        return common(self._profiles[carrier_id] for carrier_id in route.carriers)

    def _choose(self, route: Route) -> Sender:
        """Choose the first carrier that is up; none is: the first."""
        senders = [self._senders[carrier_id] for carrier_id in route.carriers]
        for sender in senders:
            if sender.carrier.healthy():
                return sender
        return senders[0]

    async def commit(self, laid: Laid) -> list[int]:
        """Store it; returns the indexes of messages that the duplicate lock holds."""
        return await self._lane.put(laid)

    async def _commit(self, batch: list[Laid]) -> list[list[int]]:
        try:
            refused = await self._store.accept(
                [laid.draft for laid in batch], self._clock()
            )
        except BaseException:
            for laid in batch:
                self._take_back(laid.direct)
            raise
        ready: dict[int, list[Part]] = {}
        queued: set[int] = set()
        for laid, left_out in zip(batch, refused, strict=True):
            direct = laid.direct
            if left_out:
                direct = self._without(laid, left_out)
            for carrier_id, part in direct:
                ready.setdefault(carrier_id, []).append(part)
            queued |= laid.queued
        for carrier_id, made in ready.items():
            self._senders[carrier_id].offer(made)
        for carrier_id in queued:
            self._senders[carrier_id].stored()
        return refused

    def _without(self, laid: Laid, left_out: list[int]) -> list[tuple[int, Part]]:
        out = {laid.draft.messages[index].id for index in left_out}
        self._take_back([row for row in laid.direct if row[1].message_id in out])
        return [row for row in laid.direct if row[1].message_id not in out]

    def _take_back(self, direct: Sequence[tuple[int, Part]]) -> None:
        for carrier_id, _ in direct:
            self._senders[carrier_id].cancel(1)

    async def drain(self) -> None:
        """Wait until all that was begun is durable and with its sender."""
        await self._lane.drain()


def check(order: Order, access: Access, numbers: Numbers, now: float) -> Content:
    """
    Check an order whose numbers are sorted out; raises Refusal.

    An impossible number comes before what is wrong with the rest, a blacklisted one
    after it (Front's order of checks).
    """
    codes = set(numbers.refused.values())
    barred = codes <= {RefusalCode.BLACKLISTED, RefusalCode.OPTED_OUT}
    if not numbers.good and not barred:
        raise refuse_all(order, numbers)
    shared = content(order, access, now)
    if not numbers.good:
        planned(order, TextProfile())
        raise refuse_all(order, numbers)
    return shared


def refuse_all(order: Order, numbers: Numbers) -> Refusal:
    """Say why no recipient of the order can be sent to."""
    codes = list(numbers.refused.values())
    bad = [code for code in codes if code is not RefusalCode.BLACKLISTED]
    code = (bad or codes or [RefusalCode.MISSING_FIELD])[0]
    return Refusal(
        code,
        value=order.recipients[0] if len(order.recipients) == 1 else "",
        invalid=[order.recipients[index] for index in sorted(numbers.refused)],
        duplicate=[order.recipients[index] for index in numbers.repeated],
    )


def answer(
    order: Order, numbers: Numbers, first_id: int, refused: list[int], segments: int
) -> Accepted:
    """Answer for an accepted order; raises Refusal when the lock held all of it."""
    held = {numbers.good[index][0] for index in refused}
    recipients = order.recipients
    if len(refused) == len(numbers.good):
        raise Refusal(
            RefusalCode.DUPLICATE,
            invalid=[recipients[index] for index in sorted(numbers.refused)],
            duplicate=[recipients[i] for i in sorted({*numbers.repeated, *held})],
        )
    if order.bulk:
        return Accepted(
            first_id,
            (),
            segments,
            [recipients[index] for index in sorted(numbers.refused)],
            [recipients[i] for i in sorted({*numbers.repeated, *held})],
        )
    ids: list[int | RefusalCode] = [RefusalCode.BAD_RECIPIENT] * len(recipients)
    for index, code in numbers.refused.items():
        ids[index] = code
    for offset, (index, _) in enumerate(numbers.good):
        ids[index] = RefusalCode.DUPLICATE if index in held else first_id + offset
    return Accepted(first_id, ids, segments)


def _message(shared: Content, access: Access, order_id: int, one: Drawn) -> MessageRow:
    order, split = shared.order, one.split
    key: int | None = None
    until: float | None = None
    if order.duplicate_lock:
        key = duplicate_key(access.id, shared.originator, one.recipient, order.text)
        until = shared.accepted_at + order.duplicate_lock
    return MessageRow(
        one.id,
        order_id,
        access.id,
        one.recipient,
        shared.originator,
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
    )
