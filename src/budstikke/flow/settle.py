"""
Settle: make durable what a carrier reports about parts.

Outcomes are written behind: the carrier does not wait for the store. Delivery reports
and read replies are acknowledged once they are durable. The store settles part,
message, refund and callbacks in one transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke import metrics
from budstikke.domain.fail_over import Trouble
from budstikke.domain.mms import ENCODING
from budstikke.domain.outcome import TROUBLES, after, concerned, expired
from budstikke.domain.receipt import Receipt, Rejected, Retry
from budstikke.domain.routing import in_order
from budstikke.domain.staging import traits_of_part
from budstikke.domain.states import PartState
from budstikke.flow.batching import Coalescer, WriteBehind

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Sequence

    from budstikke.carriers.contract import ReadReport
    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Part
    from budstikke.domain.receipt import Outcome
    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.store.contract import CallbackRow, Store

    Settled = tuple[Concerned, PartUpdate]

KEEP_ORPHANS = 7 * 86400.0
"""Seconds to keep an orphan: the longest validity."""

UNSURE_AFTER = 3600.0
"""Seconds that an unsure part waits, if its access is gone."""


class Settler:
    """
    Settles what one carrier reports.

    Args:
        carrier_id: The carrier's id.
        name: The carrier's name, for metrics.
        store: Settles the rows.
        directory: Returns the current directory.
        notify: Takes callbacks that are due.
        requeued: Called with the id of a carrier whose queue got parts.
        clock: Unix seconds.
        up: Tells whether a carrier is up, by its id.

    """

    def __init__(
        self,
        carrier_id: int,
        name: str,
        *,
        store: Store,
        directory: Callable[[], Directory],
        notify: Callable[[Sequence[CallbackRow]], None],
        requeued: Callable[[int], None],
        clock: Callable[[], float],
        up: Callable[[int], bool],
    ) -> None:
        self._up = up
        self.overflowed_at = 0.0  # when its operator last had throttled it for long
        self._carrier_id = carrier_id
        self._name = name
        self._store = store
        self._directory = directory
        self._notify = notify
        self._requeued = requeued
        self._clock = clock
        self._outcomes: WriteBehind[Settled] = WriteBehind(self._record)
        self._receipts: Coalescer[Sequence[Receipt], None] = Coalescer(self._settle)
        self._reads: Coalescer[Sequence[ReadReport], None] = Coalescer(
            self._store_reads
        )

    def answered(self, answers: Sequence[tuple[Part, Outcome]]) -> None:
        """Settle parts that were being sent."""
        self._outcomes.push(self._updates(answers, PartState.SENDING))

    def answered_late(self, part: Part, outcome: Outcome) -> None:
        """Settle an unsure part: its response came after the timeout."""
        self._outcomes.push(self._updates([(part, outcome)], PartState.UNSURE))

    def expired(self, parts: Iterable[Part], now: float) -> None:
        """Settle parts whose validity ended before they were offered."""
        self._outcomes.push(
            (
                concerned(part, self._carrier_id, PartState.SENDING),
                expired(part, self._carrier_id, now),
            )
            for part in parts
        )

    def receipts(self, receipts: Sequence[Receipt]) -> asyncio.Future[None]:
        """Settle delivery reports; the future is done when they are durable."""
        return self._receipts.put(receipts)

    def read(self, reads: Sequence[ReadReport]) -> asyncio.Future[None]:
        """Store read replies of MMS; the future is done when they are durable."""
        return self._reads.put(reads)

    async def drain(self, seconds: float) -> None:
        """Wait until all is durable; outcomes get at most ``seconds``."""
        await self._outcomes.drain(seconds)
        await self._receipts.drain()
        await self._reads.drain()

    def _updates(
        self, answers: Sequence[tuple[Part, Outcome]], state: PartState
    ) -> list[Settled]:
        now = self._clock()
        updates: list[Settled] = []
        accesses = self._directory().accesses
        for part, outcome in answers:
            access = accesses.get(part.access_id)
            carriers: Sequence[int] = ()
            if isinstance(outcome, Rejected) and outcome.retry in TROUBLES:
                carriers = carriers_of(part, self._directory(), now)
                if outcome.retry is Retry.OVERFLOW:
                    self.overflowed_at = now
            update = after(
                part,
                outcome,
                carrier_id=self._carrier_id,
                carriers=carriers,
                unsure_after=access.account.unsure_after if access else UNSURE_AFTER,
                silent_after=_silent_after(access),
                now=now,
                up=self._up,
            )
            updates.append((concerned(part, self._carrier_id, state), update))
        metrics.answered(self._name, updates)
        return updates

    async def _record(self, updates: list[Settled]) -> None:
        self._notify(await self._store.record(updates, self._clock()))
        for _, update in updates:
            if update.state is PartState.QUEUED and update.due_at is None:
                self._requeued(update.carrier_id)
        self._note_moves(updates)

    def _note_moves(self, updates: Sequence[Settled]) -> None:
        """Count parts that went to another carrier."""
        moved = [
            update.tried is not None
            for _, update in updates
            if update.carrier_id != self._carrier_id
        ]
        if refused := sum(moved):
            metrics.moved(self._name, Trouble.REFUSED, refused)
        if throttled := len(moved) - refused:
            metrics.moved(self._name, Trouble.THROTTLED, throttled)

    async def _settle(self, batches: list[Sequence[Receipt]]) -> list[None]:
        receipts = [receipt for batch in batches for receipt in batch]
        callbacks = await self._store.settle(
            self._carrier_id, receipts, self._clock(), KEEP_ORPHANS
        )
        metrics.receipts(self._name, receipts)
        self._notify(callbacks)
        return [None] * len(batches)

    async def _store_reads(self, batches: list[Sequence[ReadReport]]) -> list[None]:
        rows = [
            (read.smsc_id, "deleted" if read.deleted else "read", read.at)
            for batch in batches
            for read in batch
        ]
        self._notify(
            await self._store.record_read_reports(self._carrier_id, rows, self._clock())
        )
        return [None] * len(batches)


def _silent_after(access: Access | None) -> float | None:
    """Return after how many seconds a silent carrier's part goes elsewhere, if so."""
    if access is None or not access.account.allows_second(PartState.SENT):
        return None
    return access.account.no_receipt_after


def carriers_of(part: Part, directory: Directory, now: float) -> Sequence[int]:
    """List the carriers of a part's route as it is now, in order."""
    access = directory.accesses.get(part.access_id)
    if access is None:
        return ()
    traits, mms = traits_of_part(part, now), part.encoding == ENCODING
    find = directory.mms_route if mms else directory.route
    route = find(access.account.id, part.recipient, traits)
    if route is None:
        return ()
    carriers = route.mms if mms else route.carriers
    return (
        in_order(route, carriers, part.recipient, 0.0) if route.least_cost else carriers
    )
