"""
What delivery reports and outcomes change in parts and messages. Pure.

The store reads the rows, calls these functions inside its transaction, and writes the
result; so both engines settle alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.history import HistoryRow, of_report, of_update
from budstikke.domain.message import NotifyOn, StatusEvent
from budstikke.domain.receipt import Receipt, ReceiptState, dated
from budstikke.domain.states import (
    FINAL_MESSAGE,
    PART_MOVES,
    MessageState,
    PartState,
    message_state,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class PartUpdate(msgspec.Struct, array_like=True):
    """
    A change of a part.

    Attributes:
        due_at: Of ``queued`` and ``unsure``: Unix seconds; ``None``: now. Of ``sent``:
            when another carrier may get it; ``None``: never.
        carrier_id: The carrier that has it, or is to take it next.
        keep_id: Do not change ``smsc_id`` and ``smsc_key``.
        tried: Carriers that get it no more, as ``fail_over.read_tried`` reads them;
            ``None``: no change.

    """

    id: int
    state: PartState
    carrier_id: int
    smsc_id: str | None = None
    smsc_key: str | None = None
    reason: str = ""
    raw: str = ""
    at: float = 0.0
    due_at: float | None = None
    tries: int = 0
    keep_id: bool = False
    tried: str | None = None


class Concerned(msgspec.Struct, array_like=True):
    """
    A part that a delivery report or an outcome is about, with its message.

    ``since``: when the part was sent, or else its message accepted, Unix seconds: a
    report cannot be older. 0: unknown. ``former``: the report is of a carrier that had
    the part before it went to another one; ``carrier_id`` is the former one.
    """

    index: int
    part_id: int
    part_state: PartState
    carrier_id: int
    tries: int
    message_id: int
    parts: int
    message_state: MessageState
    notify_on: int
    access_id: int
    recipient: str
    ref: str | None
    since: float = 0.0
    callback_url: str | None = None
    former: bool = False


class MessageFinal(msgspec.Struct, array_like=True):
    """A message that reaches its final state; ``sent``: a carrier had accepted it."""

    id: int
    state: MessageState
    reason: str
    raw: str
    at: float
    sent: bool = False


class Notification(msgspec.Struct, array_like=True):
    """An event of which an access is notified."""

    access_id: int
    event: StatusEvent


class Settlement(msgspec.Struct):
    """
    The changes of one batch.

    ``history`` has what the next change of a part would overwrite: who moves a part to
    another carrier, or back to the queue, adds ``domain.history.of_update``.
    """

    parts: list[PartUpdate]
    messages: list[MessageFinal]
    notifications: list[Notification]
    orphans: list[Receipt]
    history: list[HistoryRow]


RECEIPT_TO_PART: Mapping[ReceiptState, PartState] = {
    ReceiptState.DELIVERED: PartState.DELIVERED,
    ReceiptState.UNDELIVERED: PartState.UNDELIVERED,
    ReceiptState.EXPIRED: PartState.EXPIRED,
    ReceiptState.REJECTED: PartState.REJECTED,
}
"""By a report's state: the part's; other reports leave it as it is."""

PRECISION = 60.0
"""Seconds that a report's date may be early: most have no seconds."""

Siblings = dict[int, dict[int, PartState]]
"""By message id, by part id: states of all parts of messages with several."""


def best(
    candidates: Sequence[Concerned],
    recipient: str,
    updates: Mapping[int, PartUpdate],
) -> Concerned:
    """
    Choose the part that a delivery report is about, if several have its id.

    Operators reuse ids: the recipient decides, then whether the part is open, then its
    age (the newest). ``updates``, by part id, are the changes of this batch so far.
    """
    if len(candidates) == 1:
        return candidates[0]
    tail = recipient[-8:]

    def likeness(part: Concerned) -> tuple[bool, bool, int]:
        update = updates.get(part.part_id)
        state = update.state if update else part.part_state
        same = bool(tail) and part.recipient.endswith(tail)
        return same, bool(PART_MOVES[state]), part.part_id

    return max(candidates, key=likeness)


def settle(
    receipts: Sequence[Receipt],
    matches: Mapping[int, Sequence[Concerned]],
    siblings: Siblings,
) -> Settlement:
    """
    Settle parts and their messages by delivery reports.

    Args:
        receipts: In the order in which they came.
        matches: By index into ``receipts``: the parts with its id.
        siblings: States of all parts of messages with several parts; this updates them.

    """
    result = Settlement([], [], [], [], [])
    finals: dict[int, MessageState] = {}
    updates: dict[int, PartUpdate] = {}
    for index, receipt in enumerate(receipts):
        candidates = matches.get(index)
        if not candidates:
            result.orphans.append(receipt)
            continue
        part = best(candidates, receipt.recipient, updates)
        if _is_of_another(part, receipt, updates):
            result.orphans.append(receipt)
            continue
        update = _apply_receipt(part, receipt, siblings)
        if update is None:
            result.history.append(of_report(part, receipt, late=True))
            continue
        if receipt.state not in RECEIPT_TO_PART:
            result.history.append(of_report(part, receipt, late=False))
        before = updates.get(update.id)
        if before is not None and not before.keep_id:
            update.keep_id = False  # one row a part: the earlier update has its id
            update.smsc_id, update.smsc_key = before.smsc_id, before.smsc_key
        updates[update.id] = update
        if update.state is not (before.state if before else part.part_state):
            _conclude(part, update, siblings, finals, result, sent=True)
    result.parts = list(updates.values())
    return result


def _is_of_another(
    part: Concerned, receipt: Receipt, updates: Mapping[int, PartUpdate]
) -> bool:
    """
    Whether a delivery report is about a part that does not have its id yet.

    Then the operator has reused the id: the part that has it is final, and went to
    another recipient. An open part gets the report all the same, since some operators
    write a recipient that differs from ours.
    """
    update = updates.get(part.part_id)
    if PART_MOVES[update.state if update else part.part_state]:
        return False
    tail = receipt.recipient[-8:]
    return bool(tail) and not part.recipient.endswith(tail)


def _apply_receipt(
    part: Concerned, receipt: Receipt, siblings: Siblings
) -> PartUpdate | None:
    """
    Return the changes that the report makes to the part; ``None``: none.

    A date before the part was sent is from a wrong clock or zone: it moves to that
    time. The operator's words keep the original date, unless it only lacks its seconds.
    """
    known = siblings.setdefault(part.message_id, {part.part_id: part.part_state})
    state = known.get(part.part_id, part.part_state)
    after = RECEIPT_TO_PART.get(receipt.state)
    if part.former and after is not PartState.DELIVERED:
        return None  # another carrier has the part now, and decides
    if after is not None and after not in PART_MOVES[state]:
        return None  # a repeat, or too late: a final state is never left
    if after is None and not PART_MOVES[state]:
        return None
    if after is None and state is PartState.UNSURE:
        after = PartState.SENT  # whatever the report says, the operator has it
    new = after or state
    early = receipt.at <= part.since - PRECISION
    known[part.part_id] = new
    return PartUpdate(
        part.part_id,
        new,
        part.carrier_id,
        receipt.smsc_id or None,
        receipt.smsc_key,
        receipt.reason if after else "",
        dated(receipt.raw, receipt.at) if early else receipt.raw,
        max(receipt.at, part.since),
        None,
        part.tries,
        keep_id=state is not PartState.UNSURE and not part.former,
    )


def conclude_outcomes(
    outcomes: Iterable[tuple[Concerned, PartUpdate]], siblings: Siblings
) -> Settlement:
    """Return what carriers' outcomes change in the messages of these parts."""
    result = Settlement([], [], [], [], [])
    finals: dict[int, MessageState] = {}
    for part, update in outcomes:
        known = siblings.setdefault(part.message_id, {})
        known[part.part_id] = update.state
        happened = of_update(part, update)
        if happened is not None:
            result.history.append(happened)
        taken = update.state is PartState.SENT
        _conclude(part, update, siblings, finals, result, sent=taken)
    return result


def _conclude(
    part: Concerned,
    update: PartUpdate,
    siblings: Siblings,
    finals: dict[int, MessageState],
    result: Settlement,
    *,
    sent: bool,
) -> None:
    """
    Derive the message's state again, and add what follows from it.

    ``sent``: a carrier had accepted the part, whatever happened then.
    """
    before = finals.get(part.message_id, part.message_state)
    if before in FINAL_MESSAGE:
        return
    after = message_state(siblings[part.message_id].values())
    if after in FINAL_MESSAGE:
        finals[part.message_id] = after
        result.messages.append(
            MessageFinal(
                part.message_id,
                after,
                update.reason,
                update.raw,
                update.at,
                sent,
            )
        )
        notify = part.notify_on & NotifyOn.FINAL
    elif after is MessageState.SENT and update.state is PartState.SENT:
        notify = part.notify_on & NotifyOn.SENT
    else:
        return
    if notify:
        event = StatusEvent(
            part.message_id,
            part.recipient,
            part.ref,
            after.value,
            str(update.reason),
            update.raw,
            update.at,
            part.callback_url,
        )
        result.notifications.append(Notification(part.access_id, event))
