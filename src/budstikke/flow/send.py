"""
Send: parts to their carrier, and what it answers into the store.

A part that is accepted while its link has room is stored as ``sending`` and offered
as soon as that is durable; nothing is read back. All others are stored ``queued`` and
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
from budstikke.domain.mms import ENCODING
from budstikke.domain.outcome import after, concerned, expired
from budstikke.domain.receipt import Receipt, Rejected, Retry
from budstikke.domain.states import PartState
from budstikke.flow.batching import LONGEST_PAUSE, Coalescer, WriteBehind
from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from budstikke.carriers.contract import Carrier, InboundMms, InboundPart, ReadReport
    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.domain.receipt import Outcome
    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.store.contract import CallbackRow, Store

    Receive = Callable[[int, Sequence[InboundPart | InboundMms]], Awaitable[None]]

log = logging.getLogger("budstikke.send")

MOST_CLAIMED = 1000
"""Parts in one claim."""

AHEAD = 100
"""Parts held ready beyond the link's room, so that it never waits for a claim."""

KEEP_ORPHANS = 7 * 86400.0
"""Seconds that a receipt which matches nothing is kept: the longest validity."""


class Sender:
    """
    The sink of one carrier, and the queue before it.

    Args:
        carrier_id: Its key in the store.
        carrier: The link.
        store: Where parts come from and answers go.
        directory: Gives the directory as it is now.
        tell: Takes callbacks to be told.
        requeued: Hears of a carrier that the store has parts for.
        receive: Makes messages from phones durable, given the carrier's id and them.
        clock: Unix seconds.

    """

    def __init__(
        self,
        carrier_id: int,
        carrier: Carrier,
        *,
        store: Store,
        directory: Callable[[], Directory],
        tell: Callable[[Sequence[CallbackRow]], None],
        requeued: Callable[[int], None],
        receive: Receive,
        clock: Callable[[], float],
    ) -> None:
        self.carrier_id = carrier_id
        self.carrier = carrier
        self._store = store
        self._directory = directory
        self._tell = tell
        self._requeued = requeued
        self._receive = receive
        self._clock = clock
        self.elsewhere = False  # another node has a link that is up
        self._ready: deque[Part] = deque()
        self._held: list[Part] = []  # behind what is not claimed yet, may be older
        self._reserved = 0
        self._promised = 0  # messages that are being stored for a claim
        self._claiming = False
        self._behind = True  # there is a backlog: nothing may be sent past it
        self._claimable = True  # the store may have parts; at first, from before
        self._wake = asyncio.Event()
        self._stopping = False
        self._given_back = asyncio.Event()  # stopping, and nothing is reserved
        self._answers: WriteBehind[tuple[Concerned, PartUpdate]] = WriteBehind(
            self._record
        )
        self._receipts: Coalescer[Sequence[Receipt], None] = Coalescer(self._settle)
        self._inbound: Coalescer[Sequence[InboundPart | InboundMms], None] = Coalescer(
            self._keep_inbound
        )
        self._reads: Coalescer[Sequence[ReadReport], None] = Coalescer(self._keep_reads)

    # -- before the store: flow.accept asks

    def up(self) -> bool:
        """Tell whether this node or another has a link that is up."""
        return self.elsewhere or self.carrier.healthy()

    def reserve(self, parts: int) -> bool:
        """
        Take room for parts that are about to be stored.

        ``True``: store them ``sending``, then ``offer`` or ``cancel`` them. ``False``:
        store them ``queued``, then call ``stored`` once for it, when that is durable or
        has failed.
        """
        if self._behind or self._stopping or self._free() < parts:
            self._behind = True
            self._promised += 1
            return False
        self._reserved += parts
        return True

    def offer(self, parts: Sequence[Part]) -> None:
        """Send parts that were reserved and are durable now."""
        if self._promised or self._claimable or self._claiming:
            self._held.extend(parts)
        else:
            self._ready.extend(parts)
        self.cancel(len(parts))
        self._feed()

    def cancel(self, parts: int) -> None:
        """Give back room: the parts were not stored."""
        self._reserved -= parts
        if self._stopping and not self._reserved:
            self._given_back.set()

    def stored(self, promised: int = 0) -> None:
        """
        Hear that the store has parts for this carrier.

        ``promised`` counts the answers ``False`` of ``reserve`` that this settles.
        """
        self._promised -= promised
        self._claimable = True
        self._wake.set()

    # -- the queue

    def _free(self) -> int:
        if not self.carrier.healthy():
            return 0
        held = self._reserved + len(self._ready) + len(self._held)
        return self.carrier.room() + AHEAD - held

    def _to_claim(self) -> int:
        """Tell how many may be claimed now; what is held waits for them."""
        room = self._free()
        if self._held and self.carrier.healthy():
            room = max(room, AHEAD)
        return min(room, MOST_CLAIMED)

    def _feed(self) -> None:
        """Offer what the link has room for."""
        if self._stopping or not self._ready:
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
            self._answers.push(self._expired(part, now) for part in late)
        if batch:
            self.carrier.offer(batch)

    def _expired(self, part: Part, now: float) -> tuple[Concerned, PartUpdate]:
        return (
            concerned(part, self.carrier_id, PartState.SENDING),
            expired(part, self.carrier_id, now),
        )

    async def run(self) -> None:
        """Keep the link up and the queue moving until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.carrier.run(self))
            group.create_task(self._refill())

    async def _refill(self) -> None:
        pause = 0.1
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while self._claimable and not self._stopping and self._to_claim() > 0:
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
        self._claimable = False  # what is stored from here on says so
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
        self._ready.extend(self._in_turn(parts) if self._held else parts)
        self._feed()

    def _in_turn(self, claimed: list[Part]) -> list[Part]:
        """Put held parts in their places among those that were claimed."""
        if not (self._claimable or self._promised):
            turn, self._held = self._held, []  # there is nothing before them any more
        elif claimed:
            last = max(map(_place, claimed))
            turn = [part for part in self._held if _place(part) < last]
            self._held = [part for part in self._held if _place(part) > last]
        else:
            return claimed
        return sorted([*claimed, *turn], key=_place)

    # -- the sink: the carrier reports

    def answered(self, answers: Sequence[tuple[Part, Outcome]]) -> None:
        """Write what the operator said, and send on."""
        self._answers.push(self._updates(answers, PartState.SENDING))
        self._go_on()

    def late(self, part: Part, outcome: Outcome) -> None:
        """Write what the operator said after we had given up waiting."""
        self._answers.push(self._updates([(part, outcome)], PartState.UNSURE))

    def room(self) -> None:
        """Send on."""
        self._go_on()

    def receipts(self, receipts: Sequence[Receipt]) -> asyncio.Future[None]:
        """Settle by these receipts."""
        return self._receipts.put(receipts)

    def inbound(
        self, parts: Sequence[InboundPart | InboundMms]
    ) -> asyncio.Future[None]:
        """Keep these messages from phones."""
        return self._inbound.put(parts)

    def read(self, reads: Sequence[ReadReport]) -> asyncio.Future[None]:
        """Note that these MMS were read or deleted."""
        return self._reads.put(reads)

    def _go_on(self) -> None:
        self._feed()
        if self._claimable:
            self._wake.set()

    def _updates(
        self, answers: Sequence[tuple[Part, Outcome]], state: PartState
    ) -> list[tuple[Concerned, PartUpdate]]:
        now = self._clock()
        updates: list[tuple[Concerned, PartUpdate]] = []
        accesses = self._directory().accesses
        for part, outcome in answers:
            access = accesses.get(part.access_id)
            carriers: Sequence[int] = ()
            if isinstance(outcome, Rejected) and outcome.retry is Retry.ELSEWHERE:
                carriers = self._carriers(part)
            update = after(
                part,
                outcome,
                carrier_id=self.carrier_id,
                carriers=carriers,
                unsure_after=access.account.unsure_after if access else 3600.0,
                now=now,
            )
            updates.append((concerned(part, self.carrier_id, state), update))
        metrics.answered(self.carrier.name, updates)
        return updates

    def _carriers(self, part: Part) -> Sequence[int]:
        directory = self._directory()
        access = directory.accesses.get(part.access_id)
        if access is None:
            return ()
        if part.encoding == ENCODING:
            return directory.mms_carriers(access.account.id, part.recipient)
        route = directory.route(access.account.id, part.recipient)
        return route.carriers if route else ()

    async def _record(self, updates: list[tuple[Concerned, PartUpdate]]) -> None:
        self._tell(await self._store.record(updates, self._clock()))
        for _, update in updates:
            if update.state is PartState.QUEUED and update.due_at is None:
                self._requeued(update.carrier_id)

    async def _settle(self, batches: list[Sequence[Receipt]]) -> list[None]:
        receipts = [receipt for batch in batches for receipt in batch]
        now = self._clock()
        told = await self._store.settle(self.carrier_id, receipts, now, KEEP_ORPHANS)
        metrics.receipts(self.carrier.name, receipts)
        self._tell(told)
        return [None] * len(batches)

    async def _keep_inbound(
        self, batches: list[Sequence[InboundPart | InboundMms]]
    ) -> list[None]:
        parts = [part for batch in batches for part in batch]
        await self._receive(self.carrier_id, parts)
        metrics.inbound(self.carrier.name, len(parts))
        return [None] * len(batches)

    async def _keep_reads(self, batches: list[Sequence[ReadReport]]) -> list[None]:
        rows = [
            (read.smsc_id, "deleted" if read.deleted else "read", read.at)
            for batch in batches
            for read in batch
        ]
        self._tell(
            await self._store.record_read_reports(self.carrier_id, rows, self._clock())
        )
        return [None] * len(batches)

    # -- stopping

    async def stop(self, seconds: float) -> None:
        """Send no more, wait for answers, write them, give back what was not sent."""
        self._stopping = True
        if self._reserved:  # what is being stored or claimed for us comes to us first
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._given_back.wait(), seconds)
        await self.carrier.drain(seconds)
        await self._answers.drain(seconds)
        await self._receipts.drain()
        await self._inbound.drain()
        await self._reads.drain()
        unsent = [part.id for part in (*self._ready, *self._held)]
        self._ready.clear()
        self._held.clear()
        if unsent:
            try:
                await self._store.release(unsent)
            except StoreUnavailable as error:
                log.warning(
                    "could not return %d unsent parts; they become unsure: %s",
                    len(unsent),
                    error,
                )


def _place(part: Part) -> tuple[int, int]:
    """Tell where a part stands in a queue: as ``Store.claim`` has it."""
    return -part.priority, part.id
