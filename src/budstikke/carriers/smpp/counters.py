"""Counters of an SMPP carrier, as plain values for metrics and the console."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """
    Counts since the carrier was made.

    Attributes:
        bound: Binds that are up now.
        binds: Bind requests that the operator accepted.
        binds_failed: Attempts that failed: no connection, or the bind was refused.
        submits: submit_sm sent.
        answers: submit_sm_resp by command status.
        answer_delay: Seconds from a submit_sm to its response, as a moving average of
            some of them; 0: nothing is known.
        unnamed: submit_sm_resp with status 0 and without a message id.
        throttled: submit_sm_resp that slowed a bind down.
        unsure: Parts whose outcome is unknown.
        late: Responses that came after ``response_timeout``.
        receipts: Delivery reports.
        unreadable: Delivery reports without a message id.
        inbound: Parts of inbound messages.
        postponed: Delivery reports and messages that could not be stored; the operator
            delivers them again.
        malformed: PDUs that cannot be read.
        cut: PDUs with a fault behind their mandatory parameters.
        unexpected: Responses to no request of ours.

    """

    bound: int = 0
    binds: int = 0
    binds_failed: int = 0
    submits: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    answer_delay: float = 0.0
    unnamed: int = 0
    throttled: int = 0
    unsure: int = 0
    late: int = 0
    receipts: int = 0
    unreadable: int = 0
    inbound: int = 0
    postponed: int = 0
    malformed: int = 0
    cut: int = 0
    unexpected: int = 0

    def time(self, seconds: float) -> None:
        """Note how long a response took."""
        self.answer_delay = average(self.answer_delay, seconds)


WEIGHT = 0.1
"""Weight of the newest value in a moving average."""


def average(before: float, value: float) -> float:
    """Return the moving average with one more value, seconds; 0: no value yet."""
    return before + (value - before) * WEIGHT if before else max(value, 0.001)


def seldom(count: int) -> bool:
    """Whether to log an event that repeats: the 1st, 2nd, 4th, 8th and so on."""
    return count & (count - 1) == 0
