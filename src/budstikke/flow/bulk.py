"""
Bulk: orders too large for one transaction.

The order is stored whole, as one row with its numbers, and the customer is answered;
then it is made messages in slices, each one transaction that also says how far it has
come. Other requests wait for one slice at most, and a crash resumes where it was.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from budstikke import metrics
from budstikke.domain.acceptance import (
    Content,
    Numbers,
    duplicate_key,
    planned,
    sort_out,
)
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.accept import MOST_MESSAGES, Acceptor, answer, check
from budstikke.flow.lane import LONGEST_PAUSE
from budstikke.store.contract import BulkProgress, BulkRow, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Accepted, Order
    from budstikke.store.contract import Store

log = logging.getLogger("budstikke.bulk")

SLICE = 2000
"""Numbers looked at without letting others run; about 10 ms."""

_content = msgspec.json.Decoder(Content).decode
_numbers = msgspec.json.Decoder(list[str]).decode


class BulkAcceptor:
    """
    Accepts orders of any size.

    Args:
        acceptor: Makes slices durable, and small orders as they are.
        store: Holds large orders.
        directory: Gives the directory as it is now.
        clock: Unix seconds.

    """

    def __init__(
        self,
        acceptor: Acceptor,
        *,
        store: Store,
        directory: Callable[[], Directory],
        clock: Callable[[], float],
    ) -> None:
        self._acceptor = acceptor
        self._store = store
        self._directory = directory
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, order: Order, access: Access) -> Accepted:
        """Make an order durable; raises as ``Acceptor.accept``."""
        if len(order.recipients) <= MOST_MESSAGES:
            return await self._acceptor.accept(order, access)
        now = self._clock()
        numbers = await self._sort_out(order)
        shared = check(order, access, numbers, now)
        segments = self._check_text(order, access, numbers)
        held, keys = await self._held(order, access, shared, numbers, now)
        good = [row for row in numbers.good if row[0] not in held]
        first_id = self._store.reserve_ids(len(good) + 1)
        refused = [i for i, row in enumerate(numbers.good) if row[0] in held]
        result = answer(order, numbers, first_id + 1, refused, segments)
        row = BulkRow(
            first_id,
            access.id,
            now,
            first_id + 1,
            len(good),
            0,
            msgspec.json.encode(msgspec.structs.replace(shared, order=_bare(order))),
            msgspec.json.encode([number for _, number in good]),
        )
        await self._store.accept_bulk(row, keys, now + order.duplicate_lock)
        metrics.accepted(access.dialect, len(good))
        self._start(row)
        return result

    def _check_text(self, order: Order, access: Access, numbers: Numbers) -> int:
        """Plan the text for every route that is used; returns the segments of all."""
        directory = self._directory()
        by_route: dict[tuple[int, ...], int] = {}
        segments = 0
        for _, number in numbers.good:
            route = directory.route(access.account.id, number)
            if route is None:
                raise Refusal(RefusalCode.NO_ROUTE, value=number)
            found = by_route.get(route.carriers)
            if found is None:
                found = planned(order, self._acceptor.profile(route)).segments
                by_route[route.carriers] = found
            segments += found
        return segments

    async def _sort_out(self, order: Order) -> Numbers:
        seen: set[str] | None = set() if order.bulk else None
        result = Numbers([], {}, [])
        directory = self._directory()
        for start in range(0, len(order.recipients), SLICE):
            some = order.recipients[start : start + SLICE]
            found = sort_out(some, directory, seen=seen, start=start)
            result.good += found.good
            result.refused |= found.refused
            result.repeated += found.repeated
            await asyncio.sleep(0)
        return result

    async def _held(
        self,
        order: Order,
        access: Access,
        shared: Content,
        numbers: Numbers,
        now: float,
    ) -> tuple[set[int], list[int]]:
        """Find what the duplicate lock holds, and the keys to be locked."""
        held: set[int] = set()
        keys: list[int] = []
        if not order.duplicate_lock:
            return held, keys
        for start in range(0, len(numbers.good), SLICE):
            some = numbers.good[start : start + SLICE]
            named = [
                duplicate_key(access.id, shared.originator, number, order.text)
                for _, number in some
            ]
            for row, key, locked in zip(
                some, named, self._store.locked(named, now), strict=True
            ):
                if locked:
                    held.add(row[0])
                else:
                    keys.append(key)
            await asyncio.sleep(0)
        return held, keys

    async def resume(self) -> None:
        """Go on with orders that a stop left half made."""
        for row in await self._store.open_bulks():
            self._start(row)

    def _start(self, row: BulkRow) -> None:
        task = asyncio.get_running_loop().create_task(self._make(row))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _make(self, row: BulkRow) -> None:
        """Make an order messages, slice by slice, until it is done."""
        shared = _content(row.content)
        shared.order = msgspec.structs.replace(shared.order, duplicate_lock=0)
        recipients = _numbers(row.recipients)
        pause = 0.1
        while row.done < row.total:
            try:
                await self._slice(row, shared, recipients)
                pause = 0.1
            except StoreUnavailable as error:
                log.warning("bulk order %d waits: %s", row.id, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Refusal:
                # The directory changed under it; it goes on when that is mended.
                log.exception("bulk order %d cannot go on now", row.id)
                await asyncio.sleep(LONGEST_PAUSE)

    async def _slice(
        self, row: BulkRow, shared: Content, recipients: list[str]
    ) -> None:
        access = self._directory().accesses.get(row.access_id)
        if access is None:
            raise Refusal(RefusalCode.UNKNOWN_LOGIN)
        done = min(row.done + MOST_MESSAGES, row.total)
        laid = self._acceptor.lay(
            shared,
            access,
            recipients[row.done : done],
            row.first_id + row.done,
            BulkProgress(row.id, done),
        )
        await self._acceptor.commit(laid)
        row.done = done

    async def stop(self) -> None:
        """Leave what is not yet made to the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _bare(order: Order) -> Order:
    """Take the numbers out: they stand beside it."""
    return msgspec.structs.replace(order, recipients=())
