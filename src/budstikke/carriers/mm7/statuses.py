"""
Tables: what an MMSC's statuses mean, in responses, delivery reports and read replies.

The setting ``statuses`` may change what to do after a response.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.receipt import (
    Outcome,
    Reason,
    ReceiptState,
    Rejected,
    Retry,
    Sent,
    Unsure,
)
from budstikke.mm7 import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from budstikke.mm7 import Answer

ANSWERS: Mapping[int, tuple[Reason, Retry]] = {
    Status.CLIENT_ERROR: (Reason.REJECTED, Retry.NEVER),
    Status.OPERATION_RESTRICTED: (Reason.BARRED, Retry.ELSEWHERE),
    Status.ADDRESS_ERROR: (Reason.UNKNOWN_SUBSCRIBER, Retry.NEVER),
    Status.ADDRESS_NOT_FOUND: (Reason.UNKNOWN_SUBSCRIBER, Retry.NEVER),
    Status.CONTENT_REFUSED: (Reason.CONTENT, Retry.NEVER),
    Status.FORMAT_CORRUPT: (Reason.CONTENT, Retry.NEVER),
    Status.SERVER_ERROR: (Reason.INTERNAL, Retry.LATER),
    Status.NOT_POSSIBLE: (Reason.REJECTED, Retry.ELSEWHERE),
    Status.MESSAGE_REJECTED: (Reason.REJECTED, Retry.ELSEWHERE),
    Status.SERVICE_GENERAL_ERROR: (Reason.INTERNAL, Retry.LATER),
    Status.IMPROPER_IDENTIFICATION: (Reason.BARRED, Retry.ELSEWHERE),
    Status.UNSUPPORTED_VERSION: (Reason.REJECTED, Retry.ELSEWHERE),
    Status.UNSUPPORTED_OPERATION: (Reason.REJECTED, Retry.ELSEWHERE),
    Status.VALIDATION_ERROR: (Reason.REJECTED, Retry.ELSEWHERE),
    Status.SERVICE_ERROR: (Reason.INTERNAL, Retry.LATER),
    Status.SERVICE_UNAVAILABLE: (Reason.THROTTLED, Retry.SLOWER),
    Status.SERVICE_DENIED: (Reason.BARRED, Retry.ELSEWHERE),
    Status.APPLICATION_DENIED: (Reason.BARRED, Retry.ELSEWHERE),
}
"""By status code; others by their first digit in ``THOUSANDS``."""

THOUSANDS: Mapping[int, tuple[Reason, Retry]] = {
    2: (Reason.REJECTED, Retry.NEVER),
    3: (Reason.REJECTED, Retry.ELSEWHERE),
    4: (Reason.INTERNAL, Retry.LATER),
}

HTTP: Mapping[int, tuple[Reason, Retry]] = {
    301: (Reason.REJECTED, Retry.ELSEWHERE),
    307: (Reason.REJECTED, Retry.ELSEWHERE),
    308: (Reason.REJECTED, Retry.ELSEWHERE),
    408: (Reason.INTERNAL, Retry.LATER),
    413: (Reason.CONTENT, Retry.ELSEWHERE),
    429: (Reason.THROTTLED, Retry.SLOWER),
    503: (Reason.THROTTLED, Retry.SLOWER),
}
"""By HTTP status, for a response without a status code; other 4xx: elsewhere."""

REPORTS: Mapping[str, tuple[ReceiptState, Reason]] = {
    "retrieved": (ReceiptState.DELIVERED, Reason.NONE),
    "expired": (ReceiptState.EXPIRED, Reason.EXPIRED),
    "rejected": (ReceiptState.REJECTED, Reason.REJECTED),
    "unreachable": (ReceiptState.UNDELIVERED, Reason.ABSENT),
    "unrecognised": (ReceiptState.UNDELIVERED, Reason.CONTENT),
    "unrecognized": (ReceiptState.UNDELIVERED, Reason.CONTENT),
    "forwarded": (ReceiptState.INTERIM, Reason.NONE),
    "deferred": (ReceiptState.INTERIM, Reason.NONE),
    "indeterminate": (ReceiptState.UNKNOWN, Reason.UNKNOWN),
}
"""By MMStatus in lower case; others are unknown, and settle nothing."""


def outcome(http: int, answer: Answer, overrides: Mapping[str, Retry]) -> Outcome:
    """
    Return the outcome of a submission.

    A response with an HTTP status and no status code of MM7 may come from a proxy that
    passed the submission on: then the outcome is ``Unsure``.

    Args:
        http: The HTTP status.
        answer: The response.
        overrides: The setting ``statuses``.

    """
    if answer.code in (Status.SUCCESS, Status.PARTIAL_SUCCESS):
        return Sent(answer.message_id)
    raw = answer.text if answer.code else f"HTTP {http} {answer.text}"
    meaning = ANSWERS.get(answer.code) or THOUSANDS.get(answer.code // 1000)
    if not answer.code:
        meaning = HTTP.get(http)
        if meaning is None and 400 <= http < 500:
            meaning = (Reason.REJECTED, Retry.ELSEWHERE)
    if meaning is None:
        return Unsure(raw)
    reason, retry = meaning
    return Rejected(reason, raw, overrides.get(str(answer.code), retry))


def report(status: str) -> tuple[ReceiptState, Reason]:
    """Return the state and the reason of a delivery report."""
    return REPORTS.get(status.lower(), (ReceiptState.UNKNOWN, Reason.UNKNOWN))


READS: Mapping[str, bool] = {"read": False, "deleted": True}
"""By the first word of a read reply's MMStatus: whether it was deleted unread."""


def deleted(status: str) -> bool | None:
    """Whether a read reply says that the MMS was deleted unread; ``None``: unknown."""
    return READS.get(status.lower().partition(" ")[0])
