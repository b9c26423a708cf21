"""
Bulk: orders that are too large for one transaction.

Such an order is stored whole, as one row with its numbers, and the customer is
answered. Then its messages are staged and committed in slices; each transaction also
records how many recipients are done. Other requests wait for a piece of a slice at
most (``pace``), and after a crash the order resumes at the slice where it was.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from budstikke import metrics
from budstikke.domain.recipients import route_again
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.staging import (
    OrderContext,
    TextRenderer,
    duplicate_key,
    order_traits,
    reply_originator,
)
from budstikke.flow.batching import LONGEST_PAUSE
from budstikke.flow.idempotency import stored_key
from budstikke.flow.pace import Pace, aside, pieces
from budstikke.flow.prepare import Prepared, order_result
from budstikke.flow.recurring_orders import repeats
from budstikke.flow.stage import joined
from budstikke.store.contract import (
    BulkProgress,
    BulkRow,
    Charge,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Accepted, Order
    from budstikke.domain.recipients import Recipient
    from budstikke.flow.commit import Committer
    from budstikke.flow.stage import StagedOrder
    from budstikke.store.contract import RecurringRow, Store

log = logging.getLogger("budstikke.bulk")

MOST_MESSAGES = 500
"""Messages in one transaction; a larger order is first stored whole."""

MOST_PARTS = 1500
"""Parts in one transaction, estimated."""

STAGED_AT_ONCE = 100
"""Parts, estimated, to stage before looking at the time: about 1 ms."""

_content = msgspec.json.Decoder(OrderContext).decode
_numbers = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode


class BulkOrders:
    """
    Stores large orders whole, and makes their messages slice by slice.

    Args:
        committer: Stages and commits the slices.
        store: Holds the orders.
        directory: Gives the directory as it is now.
        clock: Unix seconds.

    """

    def __init__(
        self,
        committer: Committer,
        *,
        store: Store,
        directory: Callable[[], Directory],
        clock: Callable[[], float],
    ) -> None:
        self._committer = committer
        self._store = store
        self._directory = directory
        self._clock = clock
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by order

    async def store_whole(
        self, prepared: Prepared, access: Access, occurrence: RecurringRow | None
    ) -> Accepted:
        """
        Make a prepared order durable, and begin to make its messages.

        Raises as ``flow.accept.Acceptor.accept``.
        """
        context, order = prepared.context, prepared.context.order
        order_id, first_id = self._committer.reserve(prepared)
        if order.reply and not context.originator:
            context.originator = reply_originator(access, order_id)
        while True:
            keys = await self._leave_out_held(prepared, access)
            result = await self._result(prepared, access, order_id, first_id)
            if order.test:
                return result
            made = (prepared, access, result, first_id)
            row = await aside(len(prepared.recipients), _row, *made)
            row.occurrence = occurrence
            until = context.accepted_at + order.duplicate_lock
            verdict = await self._store.accept_bulk(row, keys, until)
            if not verdict.duplicates:
                break
            # Another order, perhaps on another node, locked some of them meanwhile.
            await aside(
                len(prepared.recipients), _leave_out, prepared, verdict.duplicates
            )
        if verdict.taken:
            return await self._committer.replay(order, access, occurrence)
        if verdict.no_credit:
            raise Refusal(RefusalCode.NO_CREDIT)
        metrics.accepted(access.dialect, row.total)
        self._start(row)
        return result

    async def _result(
        self, prepared: Prepared, access: Access, order_id: int, first_id: int
    ) -> Accepted:
        """Compute the order's result, without its duplicates."""
        segments, prices = await self._cost(prepared)
        if access.account.currency:
            prepared.context.prices = prices
        return await order_result(
            prepared,
            first_id,
            (),
            order_id=order_id,
            segments=segments,
            price=sum(prices),
        )

    async def _cost(self, prepared: Prepared) -> tuple[int, list[int]]:
        """Render every text; return the segments of all, and each message's micros."""
        renderer = TextRenderer(prepared.context, self._committer.stager.profiles())
        segments = 0
        prices: list[int] = []
        pace = Pace()
        for recipient in prepared.recipients:
            await pace.rest()
            rendered = renderer.render(recipient)
            segments += rendered.split.segments
            prices.append(rendered.price)
        return segments, prices

    async def _leave_out_held(self, prepared: Prepared, access: Access) -> list[int]:
        """
        Remove recipients that the duplicate lock holds; return the keys to lock.

        They count as repeated. Raises Refusal if none is left.
        """
        context, order = prepared.context, prepared.context.order
        keys: list[int] = []
        if not order.duplicate_lock or order.key:
            return keys
        free: list[Recipient] = []
        seen: set[int] = set()
        async for _, some in pieces(prepared.recipients):
            hashes = [
                duplicate_key(
                    access.id,
                    context.originator,
                    each.number,
                    order.texts[each.position] if order.texts else order.text,
                )
                for each in some
            ]
            locked = self._store.locked(hashes, context.accepted_at)
            for each, key, is_locked in zip(some, hashes, locked, strict=True):
                if is_locked or key in seen:
                    prepared.refused[each.position] = RefusalCode.DUPLICATE
                else:
                    free.append(each)
                    keys.append(key)
                    seen.add(key)
        prepared.recipients = free
        if not free:
            none = await order_result(prepared, 0, (), order_id=0, segments=0)
            raise Refusal(
                RefusalCode.DUPLICATE, invalid=none.invalid, duplicate=none.duplicate
            )
        return keys

    async def resume(self) -> None:
        """Continue orders that a stop, or a dead node, left unfinished."""
        for row in await self._store.open_bulks():
            self._start(row)

    async def run_once(self) -> bool:
        """Continue unfinished orders, as a periodic job."""
        await self.resume()
        return False

    def _start(self, row: BulkRow) -> None:
        if row.id in self._tasks:
            return
        task = asyncio.get_running_loop().create_task(self._make(row))
        self._tasks[row.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(row.id))

    async def _make(self, row: BulkRow) -> None:
        """Make an order's messages, slice by slice, until it is done."""
        context = await aside(row.total, _content, row.content)
        numbers = await aside(row.total, _numbers, row.recipients)
        pause = 0.1
        while row.done < row.total:
            try:
                await self._slice(row, context, numbers)
                pause = 0.1
            except StoreUnavailable as error:
                log.warning("bulk order %d waits for the database: %s", row.id, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Refusal:
                # The directory has changed: the order continues once that is repaired.
                log.exception("bulk order %d is stuck; retrying", row.id)
                await asyncio.sleep(LONGEST_PAUSE)

    async def _slice(
        self, row: BulkRow, context: OrderContext, numbers: list[str]
    ) -> None:
        directory = self._directory()
        access = directory.accesses.get(row.access_id)
        if access is None:
            raise Refusal(RefusalCode.UNKNOWN_LOGIN)
        start = row.done
        done = start + at_a_time(context.order, range(start, row.total))
        staged: StagedOrder | None = None
        traits = order_traits(context, access, directory)
        pace = Pace()
        for piece in in_pieces(context.order, range(start, done)):
            await pace.rest()
            some = [(index, numbers[index], 0) for index in piece]
            more = self._committer.stager.stage(
                context,
                access,
                route_again(some, access.account.id, directory, traits),
                row.first_id + piece.start,
                row.id,
            )
            staged = more if staged is None else joined(staged, more)
        assert staged is not None  # noqa: S101 - a slice has a message
        staged.draft.progress = BulkProgress(row.id, done)
        verdict = await self._committer.commit(staged)
        if verdict is None:
            return  # its carriers are gone: the next try has the new routes
        row.done = await self._progress(row) if verdict.taken else done

    async def _progress(self, row: BulkRow) -> int:
        """Read how far another node has come; a cancelled order is done."""
        rows = await self._store.open_bulks()
        return next((other.done for other in rows if other.id == row.id), row.total)

    async def stop(self) -> None:
        """Stop; the next start makes the missing messages."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def at_a_time(order: Order, indexes: Sequence[int], most: int = MOST_PARTS) -> int:
    """
    Return how many messages have about ``most`` parts; at least one.

    ``indexes``: of their texts in ``order.texts``, if each has its own.
    """
    parts = _parts(order.text)
    if not order.texts:
        return min(MOST_MESSAGES, len(indexes), max(1, most // parts))
    total = 0
    for count, index in enumerate(indexes[:MOST_MESSAGES]):
        total += _parts(order.texts[index])
        if total > most:
            return max(1, count)
    return min(MOST_MESSAGES, len(indexes))


def in_pieces(order: Order, indexes: range) -> Iterator[range]:
    """Cut the messages of a slice into pieces to stage in one go."""
    while indexes:
        size = at_a_time(order, indexes, STAGED_AT_ONCE)
        yield indexes[:size]
        indexes = indexes[size:]


def _parts(text: str) -> int:
    """Estimate from its length how many parts a text has, rather too many."""
    return 1 + len(text) // (153 if text.isascii() else 67)


def _leave_out(prepared: Prepared, held: Sequence[int]) -> None:
    """Remove recipients that another order locked, by index into ``recipients``."""
    recipients, out = prepared.recipients, set(held)
    for index in held:
        prepared.refused[recipients[index].position] = RefusalCode.DUPLICATE
    prepared.recipients = [r for i, r in enumerate(recipients) if i not in out]


def _row(
    prepared: Prepared, access: Access, result: Accepted, first_id: int
) -> BulkRow:
    context, recipients = prepared.context, prepared.recipients
    order, account = context.order, access.account
    texts = [order.texts[each.position] for each in recipients] if order.texts else ()
    bare = msgspec.structs.replace(order, recipients=(), texts=texts, groups=())
    row = BulkRow(
        result.order_id,
        access.id,
        context.accepted_at,
        first_id,
        len(recipients),
        0,
        _encode(msgspec.structs.replace(context, order=bare)),
        _encode([each.number for each in recipients]),
    )
    if account.currency:
        row.charge = Charge(
            account.id, result.order_id, account.credit_limit, result.price
        )
    row.repeats = repeats(order, result.order_id, access, context.accepted_at)
    if order.key:
        row.key = stored_key(order, result)
    return row
