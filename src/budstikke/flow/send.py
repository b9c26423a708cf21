"""
Send: offer parts to their carrier. What the carrier reports goes to ``flow.settle``.

A part that is accepted while its carrier has room is stored as ``sending``, and offered
as soon as that is durable, without a read. All others are stored as ``queued`` and
claimed from the store in batches, by priority and id, so that a backlog of any size
costs no memory.

Order is kept for what this node accepts: while a claim is under way, or parts are being
stored as ``queued``, parts stored as ``sending`` are held back, and merged in by
(priority, id) once the claimed ones have arrived. This orders the parts that are in the
queue at that moment. A part that enters it later, although it is older, goes behind
what was sent meanwhile: a part that is tried again, one that another node stored, and
one whose transaction PostgreSQL commits after a later part's.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING

from budstikke import metrics
from budstikke.flow.batching import LONGEST_PAUSE, Coalescer
from budstikke.flow.settle import Settler
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from budstikke.carriers.contract import Carrier, InboundMms, InboundPart, ReadReport
    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.domain.receipt import Outcome, Receipt
    from budstikke.store.contract import CallbackRow, Store

    Receive = Callable[[int, Sequence[InboundPart | InboundMms]], Awaitable[None]]

log = logging.getLogger("budstikke.send")

MOST_CLAIMED = 1000
"""Parts to claim at a time."""

AHEAD = 100
"""Parts to claim beyond the carrier's room, so that it need not wait for a claim."""


OVERFLOW = 30.0
"""Seconds for which other carriers are preferred to one that overflows."""


class Sender:
    """
    The sink of one carrier, and its queue.

    Args:
        carrier_id: Its id in the store.
        carrier: The way to the operator.
        store: Has the queued parts.
        directory: Returns the current directory.
        notify: Takes callbacks that are due.
        requeued: Called with the id of a carrier whose queue got parts.
        receive: Makes inbound messages of the carrier with this id durable.
        clock: Unix seconds.
        up: Tells whether a carrier is up, by its id.

    """

    def __init__(
        self,
        carrier_id: int,
        carrier: Carrier,
        *,
        store: Store,
        directory: Callable[[], Directory],
        notify: Callable[[Sequence[CallbackRow]], None],
        requeued: Callable[[int], None],
        receive: Receive,
        clock: Callable[[], float],
        up: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self.carrier_id = carrier_id
        self.carrier = carrier
        self._store = store
        self._receive = receive
        self._clock = clock
        self.elsewhere = False  # another node has a bind that is up
        self.paused = False  # an administrator has paused or drained the carrier
        self._ready: deque[Part] = deque()
        self._held: list[Part] = []  # perhaps younger than parts not claimed yet
        self._returning: list[int] = []  # parts that go back to the queue
        self._return = asyncio.Lock()
        self._reserved = 0
        self._promised = 0  # messages that are being stored as queued
        self._claiming = False
        self._behind = True  # there is a backlog, which nothing may overtake
        self._claimable = True  # the store may have queued parts of this carrier
        self._wake = asyncio.Event()
        self._stopping = False
        self._unreserved = asyncio.Event()  # it stops, and no room is reserved
        self._settler = Settler(
            carrier_id,
            carrier.name,
            store=store,
            directory=directory,
            notify=notify,
            requeued=requeued,
            clock=clock,
            up=up,
        )
        self._inbound: Coalescer[Sequence[InboundPart | InboundMms], None] = Coalescer(
            self._keep_inbound
        )

    # -- before the commit: flow.commit reserves room

    def up(self) -> bool:
        """Whether this node or another has a bind that is up, and may send."""
        return not self.paused and (self.elsewhere or self.carrier.healthy())

    def pause(self, *, paused: bool) -> None:
        """
        Send nothing from now on, or send again.

        While it is paused, ``up`` is ``False``, as if no bind were up: new messages
        take another carrier of their route, or are queued. What this node has claimed
        and not offered goes back to the queue.
        """
        self.paused = paused
        self._behind |= paused
        self.stored()

    def takes(self) -> bool:
        """Whether it is up, and its operator has not throttled it for long."""
        return self.up() and not self.overflows()

    def overflows(self) -> bool:
        """Whether its operator has throttled it for long, a moment ago."""
        last = self._settler.overflowed_at
        return bool(last) and self._clock() - last < OVERFLOW

    def reserve(self, parts: int) -> bool:
        """
        Reserve room for parts that are about to be stored.

        ``True``: store them as ``sending``, then ``offer`` or ``cancel`` them.
        ``False``: store them as ``queued``, then call ``stored`` once, when that is
        durable or has failed.
        """
        if self._behind or self._stopping or self._free() < parts:
            self._behind = True
            self._promised += 1
            return False
        self._reserved += parts
        return True

    def offer(self, parts: Sequence[Part]) -> None:
        """Send parts that were reserved, and are durable now."""
        if self._promised or self._claimable or self._claiming:
            self._held.extend(parts)
        else:
            self._ready.extend(parts)
        self.cancel(len(parts))
        if self.paused:
            self._wake.set()
        self._feed()

    def cancel(self, parts: int) -> None:
        """Release reserved room: the parts were not stored."""
        self._reserved -= parts
        if self._stopping and not self._reserved:
            self._unreserved.set()

    def stored(self, promised: int = 0) -> None:
        """
        Note that the store has queued parts for this carrier.

        ``promised``: how many times ``reserve`` returned ``False`` for them.
        """
        self._promised -= promised
        self._claimable = True
        self._wake.set()

    # -- the queue

    def _free(self) -> int:
        if self.paused:
            return 0
        room = self.carrier.room()
        if room <= 0 and (self.overflows() or not self.carrier.healthy()):
            return 0
        return room + AHEAD - self._reserved - len(self._ready) - len(self._held)

    def _to_claim(self) -> int:
        """Return how many parts to claim now; held parts wait for them."""
        room = self._free()
        if self._held and self.carrier.healthy() and not self.paused:
            room = max(room, AHEAD)
        return min(room, MOST_CLAIMED)

    def _feed(self) -> None:
        """Offer as many parts as the carrier has room for."""
        if self._stopping or self.paused or not self._ready:
            return
        room = self.carrier.room()
        if room <= 0:
            return
        now = self._clock()
        batch: list[Part] = []
        late: list[Part] = []
        while self._ready and len(batch) < room:
            part = self._ready.popleft()
            (batch if part.expires_at > now else late).append(part)
        if late:
            self._settler.expired(late, now)
        if batch:
            self.carrier.offer(batch)

    async def run(self) -> None:
        """Run the carrier and feed it from the queue until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.carrier.run(self))
            group.create_task(self._refill())

    async def _refill(self) -> None:
        pause = 0.1
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                if self.paused:
                    await self.give_back()
                while self._claimable and not self._stopping and self._to_claim() > 0:
                    await self._return_unsent()
                    await self._claim()
                pause = 0.1
            except StoreUnavailable as error:
                log.warning("cannot claim queued parts, retrying: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                self._wake.set()

    async def _claim(self) -> None:
        limit = self._to_claim()
        self._reserved += limit
        self._claimable = False  # from here on ``stored`` sets it again
        self._claiming = True
        try:
            parts = await self._store.claim(self.carrier_id, limit, self._clock())
        except BaseException:
            self._claimable = True
            raise
        finally:
            self._claiming = False
            self.cancel(limit)
        self._behind = len(parts) == limit
        self._claimable |= self._behind
        self._ready.extend(self._merge_held(parts) if self._held else parts)
        self._feed()

    def _merge_held(self, claimed: list[Part]) -> list[Part]:
        """Merge held parts into those that were claimed, by priority and id."""
        if not (self._claimable or self._promised):
            merged, self._held = self._held, []  # no older part is left in the store
        elif claimed:
            last = max(map(queue_key, claimed))
            merged = [part for part in self._held if queue_key(part) < last]
            self._held = [part for part in self._held if queue_key(part) > last]
        else:
            return claimed
        return sorted([*claimed, *merged], key=queue_key)

    # -- the sink: the carrier reports

    def answered(self, answers: Sequence[tuple[Part, Outcome]]) -> None:
        """Send on, and settle outcomes."""
        self._go_on()
        self._settler.answered(answers)

    def late(self, part: Part, outcome: Outcome) -> None:
        """Settle an outcome that came after the timeout."""
        self._settler.answered_late(part, outcome)

    def room(self) -> None:
        """Send on."""
        self._go_on()

    def receipts(self, receipts: Sequence[Receipt]) -> asyncio.Future[None]:
        """Settle delivery reports; the future is done when they are durable."""
        return self._settler.receipts(receipts)

    def inbound(
        self, parts: Sequence[InboundPart | InboundMms]
    ) -> asyncio.Future[None]:
        """Receive inbound messages; the future is done when they are durable."""
        return self._inbound.put(parts)

    def read(self, reads: Sequence[ReadReport]) -> asyncio.Future[None]:
        """Store read replies of MMS; the future is done when they are durable."""
        return self._settler.read(reads)

    def _go_on(self) -> None:
        self._feed()
        if self._claimable:
            self._wake.set()

    async def _keep_inbound(
        self, batches: list[Sequence[InboundPart | InboundMms]]
    ) -> list[None]:
        parts = [part for batch in batches for part in batch]
        await self._receive(self.carrier_id, parts)
        metrics.inbound(self.carrier.name, len(parts))
        return [None] * len(batches)

    # -- stopping

    async def stop(self, seconds: float) -> None:
        """Stop sending, wait for responses and settle them, return unsent parts."""
        self._stopping = True
        if self._reserved:  # parts that are being stored or claimed arrive first
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._unreserved.wait(), seconds)
        await self.carrier.drain(seconds)
        await self._settler.drain(seconds)
        await self._inbound.drain()
        self._take_unsent()
        try:
            await self._return_unsent()
        except StoreUnavailable as error:
            log.warning(
                "could not return %d unsent parts; they become unsure: %s",
                len(self._returning),
                error,
            )

    async def give_back(self) -> None:
        """
        Return parts that this node holds for a carrier that is down to its queue.

        Raises StoreUnavailable. Then nobody knows whether they are in the queue, where
        another node claims them. So this node does not send them, and returns them
        again before it claims anything.
        """
        self._take_unsent()
        if self._returning:
            self._behind = True
            try:
                await self._return_unsent()
            finally:
                self.stored()

    def _take_unsent(self) -> None:
        self._returning += [part.id for part in (*self._ready, *self._held)]
        self._ready.clear()
        self._held.clear()

    async def _return_unsent(self) -> None:
        """
        Return what ``_take_unsent`` took to the queue; raises StoreUnavailable.

        One at a time: a part that was claimed again must not be returned by an older
        request.
        """
        async with self._return:
            returning = list(self._returning)
            if returning:
                await self._store.release(returning)
                del self._returning[: len(returning)]


def queue_key(part: Part) -> tuple[int, int]:
    """Return the sort key of a part, as in ``Store.claim``."""
    return -part.priority, part.id
