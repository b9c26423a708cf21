"""
Orders of any size.

A small one is one transaction. A large one is stored whole, as one row with its
numbers, and the customer is answered; then it is made messages in slices, each one
transaction that also says how far it has come. Other requests wait for one slice at
most, and a crash resumes where it was.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import msgspec

from budstikke import metrics
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.domain.staging import (
    OrderContext,
    duplicate_key,
    render_text,
    reply_originator,
    unit_price,
)
from budstikke.flow.batching import LONGEST_PAUSE
from budstikke.flow.idempotency import stored_key
from budstikke.flow.pace import AT_ONCE, Pace, aside, pieces
from budstikke.flow.prepare import Prepared, answer
from budstikke.flow.recurring_orders import repeats
from budstikke.store.contract import (
    BulkProgress,
    BulkRow,
    Charge,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Accepted, Order
    from budstikke.flow.accept import Acceptor
    from budstikke.store.contract import RecurringRow, Store

log = logging.getLogger("budstikke.bulk")

MOST_MESSAGES = 500
"""Messages in one transaction; a larger order is stored whole first."""

MOST_PARTS = 1500
"""Parts in one transaction, by a guess: what is laid out at once takes about 15 ms."""

_content = msgspec.json.Decoder(OrderContext).decode
_numbers = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode


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
        self._tasks: dict[int, asyncio.Task[None]] = {}  # by order

    async def accept(
        self, order: Order, access: Access, turn: RecurringRow | None = None
    ) -> Accepted:
        """
        Make an order durable; ``turn``: it is a time of this recurring order.

        Raises Refusal when nothing of it was accepted, StoreUnavailable when nothing
        can be stored.
        """
        if order.key and await self._store.answered(
            access.id, order.key, self._clock()
        ):
            return await self._acceptor.again(order, access)
        prepared = await self._acceptor.prepare(order, access)
        good = prepared.numbers.good
        few = not good or len(prepared.written) <= AT_ONCE
        if few and len(good) <= at_a_time(order, [index for index, _ in good]):
            return await self._acceptor.accept(prepared, access, turn)
        return await self._accept_large(prepared, access, turn)

    async def _accept_large(
        self, prepared: Prepared, access: Access, turn: RecurringRow | None
    ) -> Accepted:
        order, numbers = prepared.shared.order, prepared.numbers
        order_id, first_id = self._acceptor.reserve(prepared)
        if order.reply and not prepared.shared.originator:
            prepared.shared.originator = reply_originator(access, order_id)
        while True:
            keys = await self._leave_out_held(prepared, access)
            result = await self._answer(prepared, access, order_id, first_id)
            if order.test:
                return result
            made = (prepared, access, result, first_id)
            row = await aside(len(numbers.good), self._row, *made)
            row.turn = turn
            until = prepared.shared.accepted_at + order.duplicate_lock
            verdict = await self._store.accept_bulk(row, keys, until)
            if not verdict.duplicates:
                break
            # One that came meanwhile, or to another node, holds some of them.
            await aside(len(numbers.good), _leave_out, prepared, verdict.duplicates)
        if verdict.taken:
            return await self._acceptor.again(order, access, turn)
        if verdict.no_credit:
            raise Refusal(RefusalCode.NO_CREDIT)
        metrics.accepted(access.dialect, row.total)
        self._start(row)
        return result

    async def _answer(
        self, prepared: Prepared, access: Access, order_id: int, first_id: int
    ) -> Accepted:
        """Say what will be answered, now that it is known who is left out."""
        segments, prices = await self._cost(prepared, access)
        if access.account.currency:
            prepared.shared.prices = prices
        return await answer(
            prepared.shared.order,
            prepared,
            first_id,
            (),
            order_id=order_id,
            segments=segments,
            price=sum(prices),
        )

    def _row(
        self, prepared: Prepared, access: Access, result: Accepted, first_id: int
    ) -> BulkRow:
        shared, good = prepared.shared, prepared.numbers.good
        order, account = shared.order, access.account
        texts = [order.texts[index] for index, _ in good] if order.texts else ()
        bare = msgspec.structs.replace(order, recipients=(), texts=texts, groups=())
        row = BulkRow(
            result.order_id,
            access.id,
            shared.accepted_at,
            first_id,
            len(good),
            0,
            _encode(msgspec.structs.replace(shared, order=bare)),
            _encode([number for _, number in good]),
        )
        if account.currency:
            row.charge = Charge(
                account.id, result.order_id, account.credit_limit, result.price
            )
        row.repeats = repeats(order, result.order_id, access, shared.accepted_at)
        if order.key:
            row.key = stored_key(order, result)
        return row

    async def _cost(self, prepared: Prepared, access: Access) -> tuple[int, list[int]]:
        """Plan every text on every route that is used: segments, micros of each."""
        shared = prepared.shared
        order, account_id = shared.order, access.account.id
        directory = self._directory()
        known: dict[tuple[str, str, int | None, int], tuple[int, int]] = {}
        segments = 0
        prices: list[int] = []
        pace = Pace()
        for index, number in prepared.numbers.good:
            await pace.rest()
            text = order.texts[index] if order.texts else order.text
            route = directory.route(account_id, number)
            unit = unit_price(access, number, shared.accepted_at)
            if route is None or unit is None:
                raise Refusal(RefusalCode.NO_ROUTE, value=number)
            key = (text, route.prefix, route.account_id, unit)
            found = known.get(key)
            if found is None:
                profile = self._acceptor.profile(route)
                drawn = render_text(shared, text, route, profile, unit)
                found = known[key] = (drawn.split.segments, drawn.price)
            segments += found[0]
            prices.append(found[1])
        return segments, prices

    async def _leave_out_held(self, prepared: Prepared, access: Access) -> list[int]:
        """
        Take out numbers that the duplicate lock holds; returns the keys to be locked.

        They are answered for as repeated. Raises Refusal when none is left.
        """
        shared, numbers = prepared.shared, prepared.numbers
        order, good = shared.order, numbers.good
        keys: list[int] = []
        if not order.duplicate_lock or order.key:
            return keys
        kept: list[tuple[int, str]] = []
        seen: set[int] = set()
        async for _, some in pieces(good):
            named = [
                duplicate_key(
                    access.id,
                    shared.originator,
                    number,
                    order.texts[index] if order.texts else order.text,
                )
                for index, number in some
            ]
            held = self._store.locked(named, shared.accepted_at)
            for row, key, is_held in zip(some, named, held, strict=True):
                if is_held or key in seen:
                    numbers.refused[row[0]] = RefusalCode.DUPLICATE
                else:
                    kept.append(row)
                    keys.append(key)
                    seen.add(key)
        numbers.good = kept
        if not kept:
            none = await answer(order, prepared, 0, (), order_id=0, segments=0)
            raise Refusal(
                RefusalCode.DUPLICATE, invalid=none.invalid, duplicate=none.duplicate
            )
        return keys

    async def resume(self) -> None:
        """Go on with orders that a stop, or a node that is gone, left half made."""
        for row in await self._store.open_bulks():
            self._start(row)

    async def turn(self) -> bool:
        """Do as ``resume``, now and then."""
        await self.resume()
        return False

    def _start(self, row: BulkRow) -> None:
        if row.id in self._tasks:
            return
        task = asyncio.get_running_loop().create_task(self._make(row))
        self._tasks[row.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(row.id))

    async def _make(self, row: BulkRow) -> None:
        """Make an order messages, slice by slice, until it is done."""
        shared = await aside(row.total, _content, row.content)
        recipients = await aside(row.total, _numbers, row.recipients)
        pause = 0.1
        while row.done < row.total:
            try:
                await self._slice(row, shared, recipients)
                pause = 0.1
            except StoreUnavailable as error:
                log.warning("bulk order %d waits for the database: %s", row.id, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            except Refusal:
                # The directory changed under it; it goes on when that is mended.
                log.exception("bulk order %d is stuck; retrying", row.id)
                await asyncio.sleep(LONGEST_PAUSE)

    async def _slice(
        self, row: BulkRow, shared: OrderContext, recipients: list[str]
    ) -> None:
        access = self._directory().accesses.get(row.access_id)
        if access is None:
            raise Refusal(RefusalCode.UNKNOWN_LOGIN)
        texts = range(row.done, row.total)
        done = row.done + at_a_time(shared.order, texts)
        laid = self._acceptor.lay(
            shared,
            access,
            list(enumerate(recipients[row.done : done], row.done)),
            row.first_id + row.done,
            row.id,
        )
        laid.draft.progress = BulkProgress(row.id, done)
        verdict = await self._acceptor.commit(laid)
        row.done = await self._where(row) if verdict.taken else done

    async def _where(self, row: BulkRow) -> int:
        """Find how far an order has come without us; its end if it was cancelled."""
        rows = await self._store.open_bulks()
        return next((found.done for found in rows if found.id == row.id), row.total)

    async def stop(self) -> None:
        """Leave what is not yet made to the next start."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def at_a_time(order: Order, places: Sequence[int]) -> int:
    """
    Say how many messages one transaction has: fewer of long ones, at least one.

    ``places``: where the text of each is in ``order.texts``, if they have their own.
    """
    parts = _parts(order.text)
    if not order.texts:
        return min(MOST_MESSAGES, len(places), max(1, MOST_PARTS // parts))
    total = 0
    for count, place in enumerate(places[:MOST_MESSAGES]):
        total += _parts(order.texts[place])
        if total > MOST_PARTS:
            return max(1, count)
    return min(MOST_MESSAGES, len(places))


def _parts(text: str) -> int:
    """Guess at how many parts a text has, at once; rather too many."""
    return 1 + len(text) // (153 if text.isascii() else 67)


def _leave_out(prepared: Prepared, places: Sequence[int]) -> None:
    """Take out numbers that another order holds, by their places among the good."""
    numbers, out = prepared.numbers, set(places)
    for place in places:
        numbers.refused[numbers.good[place][0]] = RefusalCode.DUPLICATE
    numbers.good = [row for place, row in enumerate(numbers.good) if place not in out]
