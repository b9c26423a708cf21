"""
Recurring orders: each occurrence is an order of its own.

An occurrence that is due is accepted like any other order; the same transaction moves
the recurring order on to its next occurrence, so that two nodes, or a crash and a
restart, send it once. Groups and rights are those of that moment. An occurrence that is
refused (no credit, no recipient left, the account is blocked) is skipped.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from budstikke import metrics
from budstikke.domain.message import Order
from budstikke.domain.recurrence import check, following
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store.contract import Draft, RecurringRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.domain.directory import Access, Directory
    from budstikke.domain.message import Accepted, Recurrence
    from budstikke.store.contract import Store

log = logging.getLogger("budstikke.recur")

MOST_DUE = 200
"""Occurrences that are accepted together; they share transactions."""

_order = msgspec.json.Decoder(Order).decode
_encode = msgspec.json.Encoder().encode


class OccurrenceTaken(Exception):  # noqa: N818 - a race that somebody else has won
    """Another node has accepted this occurrence, or the recurring order has ended."""


class TakesOrders(Protocol):
    """Accepts the occurrences: ``flow.accept.Acceptor``."""

    async def accept(
        self, order: Order, access: Access, occurrence: RecurringRow | None = None
    ) -> Accepted:
        """
        Make an order durable, as an occurrence of a recurring one.

        Raises Refusal, StoreUnavailable and OccurrenceTaken.
        """


def zone_of(rule: Recurrence) -> ZoneInfo:
    """Load the time zone of a rule; raises Refusal when there is no such zone."""
    try:
        return ZoneInfo(rule.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refusal(
            RefusalCode.BAD_FIELD, field="recurrence", value=rule.zone
        ) from error


def repeats(
    order: Order, order_id: int, access: Access, now: float
) -> RecurringRow | None:
    """
    Compute when an order is due again; ``None``: it does not repeat, or never again.

    Occurrences before ``now`` (Unix seconds) are past. Raises Refusal for a rule that
    cannot be followed.
    """
    rule = order.recurrence
    if rule is None:
        return None
    check(rule)
    zone = zone_of(rule)
    first = now if order.send_at is None else order.send_at
    upcoming = following(rule, zone, first, 0, now)
    if upcoming is not None and upcoming[1] <= now:
        upcoming = following(rule, zone, first, upcoming[0], now)
    if upcoming is None:
        return None
    bare = msgspec.structs.replace(order, key="")
    number, due = upcoming
    return RecurringRow(order_id, access.id, _encode(bare), first, number - 1, due)


class RecurringOrders:
    """
    The job that accepts due occurrences.

    Args:
        store: Knows which orders are due.
        acceptor: Takes orders.
        directory: Gives the directory as it is now.
        clock: Unix seconds.

    """

    def __init__(
        self,
        *,
        store: Store,
        acceptor: TakesOrders,
        directory: Callable[[], Directory],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._acceptor = acceptor
        self._directory = directory
        self._clock = clock

    async def run_once(self) -> bool:
        """
        Accept the occurrences that are due; ``True``: there are more.

        Raises StoreUnavailable; occurrences that were not accepted stay due.
        """
        now = self._clock()
        rows = await self._store.due_recurring(now, MOST_DUE)
        results = await asyncio.gather(
            *(self._fire(row, now) for row in rows), return_exceptions=True
        )
        for error in results:
            if isinstance(error, BaseException):
                raise error
        return len(rows) == MOST_DUE

    async def _fire(self, row: RecurringRow, now: float) -> None:
        """Accept one occurrence of an order, and move on even if it is refused."""
        occurrence = RecurringRow(
            row.id, row.access_id, b"", row.first_at, row.done + 1, None
        )
        try:
            order = _order(row.order)
            occurrence = _next_occurrence(order, row, now)
            access = self._access(row, occurrence)
            result = await self._acceptor.accept(
                _order_of_occurrence(order), access, occurrence
            )
        except OccurrenceTaken:
            return
        except Refusal as refusal:
            log.warning(
                "occurrence of a repeating order refused",
                extra={"order_id": row.id, "code": refusal.code.value},
            )
            metrics.repeated_orders.labels("refused").inc()
        except msgspec.DecodeError:
            log.exception(
                "repeating order %d is unreadable; it will not repeat again", row.id
            )
            metrics.repeated_orders.labels("failed").inc()
        else:
            log.info(
                "repeating order sent",
                extra={"order_id": row.id, "as": result.order_id},
            )
            metrics.repeated_orders.labels("accepted").inc()
            return
        await self._store.accept([Draft([], [], occurrence=occurrence)], now)

    def _access(self, row: RecurringRow, occurrence: RecurringRow) -> Access:
        """Find the access of an order; raises Refusal. Without one the order ends."""
        access = self._directory().accesses.get(row.access_id)
        if access is None:
            occurrence.next_at = None
            raise Refusal(RefusalCode.UNKNOWN_LOGIN)
        if access.blocked or access.account.blocked:
            raise Refusal(RefusalCode.ACCOUNT_BLOCKED)
        return access


def _next_occurrence(order: Order, row: RecurringRow, now: float) -> RecurringRow:
    """Compute the number of this occurrence, and when the next one is due."""
    rule = order.recurrence
    number, due = row.done + 1, None
    if rule is not None:
        zone = zone_of(rule)
        current = following(rule, zone, row.first_at, row.done, now)
        number = current[0] if current else number
        after = following(rule, zone, row.first_at, number, now)
        due = after[1] if after else None
    return _moved(row, number, due)


def _moved(row: RecurringRow, done: int, next_at: float | None) -> RecurringRow:
    return RecurringRow(row.id, row.access_id, b"", row.first_at, done, next_at)


def _order_of_occurrence(order: Order) -> Order:
    """Make the order of one occurrence: due now, and no duplicate of the last one."""
    return msgspec.structs.replace(
        order, recurrence=None, send_at=None, key="", duplicate_lock=0
    )
