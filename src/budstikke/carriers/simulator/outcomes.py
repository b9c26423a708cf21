"""The simulated operator's responses and receipts, as the gateway's outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from budstikke.carriers.simulator.message_centre import Event
from budstikke.domain.receipt import (
    Reason,
    Receipt,
    ReceiptState,
    Rejected,
    Retry,
    Sent,
    Unsure,
)

if TYPE_CHECKING:
    from budstikke.carriers.simulator.message_centre import Submission

REJECTED: Final = Rejected(Reason.UNKNOWN_SUBSCRIBER, "ESME_RINVDSTADR", Retry.NEVER)
NOT_OFFERED: Final = Rejected(
    Reason.INTERNAL, "the link was taken down first", Retry.LATER
)
LINK_DOWN: Final = Unsure("the link was taken down before an answer")

ENDS: Final[dict[Event, tuple[ReceiptState, Reason, str]]] = {
    Event.DELIVERED: (ReceiptState.DELIVERED, Reason.NONE, "DELIVRD 000"),
    Event.UNDELIVERED: (
        ReceiptState.UNDELIVERED,
        Reason.UNKNOWN_SUBSCRIBER,
        "UNDELIV 001",
    ),
    Event.EXPIRED: (ReceiptState.EXPIRED, Reason.EXPIRED, "EXPIRED 027"),
}
"""By event: the receipt's content, with GSM MAP errors (unknown, absent)."""


def sent(submission: Submission) -> Sent:
    """Return the outcome of a part that the operator accepted."""
    return Sent(_smsc_id(submission))


def receipt(submission: Submission, event: Event, now: float) -> Receipt:
    """Write the receipt of an event in ``ENDS``; ``now`` is Unix seconds."""
    state, reason, raw = ENDS[event]
    recipient = submission.part.recipient
    return Receipt(_smsc_id(submission), None, state, reason, raw, now, recipient)


def _smsc_id(submission: Submission) -> str:
    return f"{submission.id:016x}"
