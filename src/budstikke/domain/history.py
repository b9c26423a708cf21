"""
What happens to a message beside the usual: retries, moves, interim reports. Pure.

A message that is sent and delivered needs no more rows than its own: ``message``,
``part``, ``ledger`` and ``callback`` have its times. What these rows do not keep,
because the next step overwrites it, becomes a row of ``part_history``, in the
transaction of that step. ``domain.timeline`` joins both to one line of time.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.receipt import Reason
from budstikke.domain.states import PartState

if TYPE_CHECKING:
    from budstikke.domain.receipt import Receipt
    from budstikke.domain.settlement import Concerned, PartUpdate

FIRST = 10
LAST = 10
"""Of the history of a part, the first rows and the last rows are kept."""


class HistoryKind(StrEnum):
    """What a row of the history is about."""

    THROTTLED = "throttled"
    RETRY = "retry"
    MOVED = "moved"
    UNSURE = "unsure"
    RESENT = "resent"
    INTERIM_REPORT = "interim_report"
    LATE_REPORT = "late_report"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"
    DELETED = "deleted"


class HistoryRow(msgspec.Struct, array_like=True):
    """
    Something that happened to a part, or to a message as a whole.

    Attributes:
        part_id: A part; ``message id * 256``: the message as a whole.
        at: Unix seconds; 0: when the row is written.
        carrier_id: The carrier that it happened at; 0: none.
        smsc_id: The operator's message id, if it is about one.
        reason: ``domain.receipt.Reason`` value.
        raw: The operator's own words.
        due_at: Of a retry: when the part is offered again, Unix seconds.
        other_id: Of a move: the next carrier. Of an act of a customer: the access.

    """

    part_id: int
    kind: HistoryKind
    at: float = 0.0
    carrier_id: int = 0
    smsc_id: str | None = None
    reason: str = ""
    raw: str = ""
    due_at: float | None = None
    other_id: int | None = None


def of_update(part: Concerned, update: PartUpdate) -> HistoryRow | None:
    """
    Return the row for a change of a part; ``None``: the part's own row tells it.

    The rows are those of ``docs/trace.md``: a part that becomes unsure, and one that
    goes back to the queue, whatever the cause: the next change would overwrite it.
    ``part`` is as it was before.
    """
    kind = _kind(part, update)
    if kind is None:
        return None
    return HistoryRow(
        part.part_id,
        kind,
        update.at,
        part.carrier_id,
        None,
        update.reason,
        update.raw,
        update.due_at if kind is HistoryKind.RETRY else None,
        update.carrier_id if kind is HistoryKind.MOVED else None,
    )


def _kind(part: Concerned, update: PartUpdate) -> HistoryKind | None:
    if update.state is PartState.UNSURE:
        return HistoryKind.UNSURE
    if update.state is not PartState.QUEUED:
        return None
    if update.carrier_id != part.carrier_id:
        return HistoryKind.MOVED
    if part.part_state is PartState.UNSURE or update.reason == Reason.UNSURE:
        return HistoryKind.RESENT
    return HistoryKind.THROTTLED if update.tries == part.tries else HistoryKind.RETRY


def of_report(part: Concerned, receipt: Receipt, *, late: bool) -> HistoryRow:
    """
    Return the row for a delivery report that settles nothing.

    ``late``: the part had a final state before; otherwise the report is an interim one.
    """
    return HistoryRow(
        part.part_id,
        HistoryKind.LATE_REPORT if late else HistoryKind.INTERIM_REPORT,
        0.0,
        part.carrier_id,
        receipt.smsc_id or None,
        receipt.reason,
        receipt.raw,
    )


def of_message(
    message_id: int, kind: HistoryKind, access_id: int, at: float
) -> HistoryRow:
    """Return the row for an act of a customer; ``access_id`` 0: of the gateway."""
    return HistoryRow(message_id << 8, kind, at, other_id=access_id or None)


def of_dead(part_id: int, carrier_id: int, raw: str) -> HistoryRow:
    """Return the row for a part that a node was sending when it died."""
    return HistoryRow(
        part_id, HistoryKind.UNSURE, 0.0, carrier_id, reason=Reason.UNSURE, raw=raw
    )
