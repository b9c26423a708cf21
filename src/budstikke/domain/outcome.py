"""What a part becomes by its carrier's outcome. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.fail_over import Trouble, and_tried, next_carrier, read_tried
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry, Sent
from budstikke.domain.settlement import Concerned, PartUpdate
from budstikke.domain.states import MessageState, PartState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from budstikke.domain.message import Part

LATER: tuple[float, ...] = (1, 5, 15, 60, 120, 300, 600, 1800)
"""Seconds before a part is offered again, by the number of tries; then the last."""

TROUBLES = {Retry.ELSEWHERE: Trouble.REFUSED, Retry.OVERFLOW: Trouble.THROTTLED}
"""What a rejection says of the carrier, if another one may have the part."""

SLOWER = 1.0
"""Seconds before a part that the operator throttled comes back to the queue."""


def concerned(part: Part, carrier_id: int, state: PartState) -> Concerned:
    """Describe a part that is being sent, as the store describes its rows."""
    return Concerned(
        0,
        part.id,
        state,
        carrier_id,
        part.tries,
        part.id >> 8,
        part.total,
        MessageState.ACCEPTED,
        part.notify_on,
        part.access_id,
        part.recipient,
        part.ref,
        callback_url=part.callback_url,
    )


def expired(part: Part, carrier_id: int, now: float) -> PartUpdate:
    """Return the update of a part whose validity ended before it could be sent."""
    return PartUpdate(
        part.id,
        PartState.EXPIRED,
        carrier_id,
        reason=Reason.EXPIRED,
        raw="validity over before it could be sent",
        at=now,
        tries=part.tries,
    )


def after(
    part: Part,
    outcome: Outcome,
    *,
    carrier_id: int,
    carriers: Sequence[int],
    unsure_after: float,
    now: float,
    silent_after: float | None = None,
    up: Callable[[int], bool] = lambda _: True,
) -> PartUpdate:
    """
    Return the update of a part by its outcome.

    Args:
        part: As offered.
        outcome: The carrier's.
        carrier_id: The carrier.
        carriers: The carriers of its route, in order.
        unsure_after: Seconds that an unsure part waits for a delivery report.
        now: Unix seconds.
        silent_after: Seconds after which a part without a delivery report may go to
            another carrier; ``None``: never.
        up: Tells whether a carrier is up.

    """
    if isinstance(outcome, Sent):
        return PartUpdate(
            part.id,
            PartState.SENT,
            carrier_id,
            outcome.smsc_id or None,
            outcome.smsc_key,
            at=now,
            due_at=None if silent_after is None else now + silent_after,
            tries=part.tries,
        )
    if isinstance(outcome, Rejected):
        return _rejected(part, outcome, carrier_id, carriers, now=now, up=up)
    return PartUpdate(
        part.id,
        PartState.UNSURE,
        carrier_id,
        reason=Reason.UNSURE,
        raw=outcome.raw,
        at=now,
        due_at=now + unsure_after,
        tries=part.tries,
    )


def _rejected(
    part: Part,
    outcome: Rejected,
    carrier_id: int,
    carriers: Sequence[int],
    *,
    now: float,
    up: Callable[[int], bool],
) -> PartUpdate:
    update = PartUpdate(
        part.id,
        PartState.REJECTED,
        carrier_id,
        reason=outcome.reason,
        raw=outcome.raw,
        at=now,
        tries=part.tries,
    )
    trouble, following = TROUBLES.get(outcome.retry), None
    if trouble is not None:
        following = next_carrier(
            trouble, carrier_id, carriers, tried=read_tried(part.tried), up=up
        )
    if following is not None:
        update.state, update.carrier_id = PartState.QUEUED, following
        update.tries += 1
        if trouble is Trouble.REFUSED:
            update.tried = and_tried(part.tried, carrier_id)
    elif outcome.retry in (Retry.SLOWER, Retry.OVERFLOW):
        update.state, update.due_at = PartState.QUEUED, now + SLOWER
    elif outcome.retry is Retry.LATER:
        wait = LATER[min(part.tries, len(LATER) - 1)]
        update.state, update.due_at = PartState.QUEUED, now + wait
        update.tries += 1
    if update.state is PartState.QUEUED and now >= part.expires_at:
        return expired(part, carrier_id, now)
    return update
