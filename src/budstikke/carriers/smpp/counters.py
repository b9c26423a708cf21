"""Counters of an SMPP carrier, as plain values for metrics and the console."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Counters:
    """
    Counted since the carrier was made.

    Attributes:
        bound: Links that are bound now.
        binds: Binds that were accepted.
        binds_failed: Attempts that ended before that, for whatever reason.
        submits: submit_sm written.
        answers: Their answers by command status.
        unnamed: Answers with yes but without a message id.
        throttled: Answers that made a link slow down.
        unsure: Parts whose fate nobody knows.
        late: Answers that came after we had given up waiting.
        receipts: Receipts that were passed on.
        unreadable: Receipts that name no message.
        inbound: Messages from phones.
        postponed: Receipts and messages we could not store, and did not take.
        malformed: PDUs that break the rules.
        cut: PDUs whose mandatory part was read, and nothing of what is wrong after it.
        unexpected: Responses to no request of ours.

    """

    bound: int = 0
    binds: int = 0
    binds_failed: int = 0
    submits: int = 0
    answers: Counter[int] = field(default_factory=Counter)
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


def seldom(count: int) -> bool:
    """Say which of many equal lines to log: 1, 2, 4, 8 and so on."""
    return count & (count - 1) == 0
