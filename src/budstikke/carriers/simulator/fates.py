"""
What becomes of a message: fixed by the last four digits of its recipient.

The table is all there is; docs/carriers/simulator.md is checked against it. A schedule
is pure: it says what happens when, to a phone that is switched on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

EARLY = 0.1
"""Seconds between a receipt that comes before the response, and the response."""


class Answer(Enum):
    """What the operator says when a part is offered."""

    TAKEN = auto()
    REJECTED = auto()
    NOTHING = auto()


class Step(Enum):
    """What happens to a part at a moment."""

    ANSWER = auto()
    """The operator says that it took it."""
    REJECT = auto()
    """The operator says no."""
    DELIVER = auto()
    """It reaches the phone; a receipt says so."""
    FAIL = auto()
    """A receipt says that it could not be delivered."""
    EXPIRE = auto()
    """A receipt says that its validity ran out."""
    REPEAT = auto()
    """The receipt is sent once more."""


@dataclass(frozen=True, slots=True)
class Fate:
    """
    What becomes of a part.

    Attributes:
        summary: For people; the docs and the phone screen show it.
        answer: What the operator says when it is offered.
        refusals: How many times it is throttled before that.
        end: ``DELIVER``, ``FAIL`` or ``EXPIRE``.
        delay: Seconds from the answer to the end; ``None``: the carrier's setting.
        receipts: How many receipts come.
        receipt_first: Whether the receipt comes before the response.

    """

    summary: str
    answer: Answer = Answer.TAKEN
    refusals: int = 0
    end: Step = Step.DELIVER
    delay: float | None = None
    receipts: int = 1
    receipt_first: bool = False


ORDINARY = Fate("delivered")

FATES: dict[str, Fate] = {
    "0001": Fate("undelivered", end=Step.FAIL),
    "0002": Fate("rejected at submit", answer=Answer.REJECTED),
    "0003": Fate("never answered", answer=Answer.NOTHING),
    "0004": Fate("expires", end=Step.EXPIRE),
    "0005": Fate("delivery report before the response", receipt_first=True),
    "0006": Fate("delivery report twice", receipts=2),
    "0007": Fate("delivered, no delivery report ever", receipts=0),
    "0008": Fate("throttled three times first", refusals=3),
    "0009": Fate("delivered after 30 s", delay=30.0),
}
"""By the last four digits of the recipient; all others are ``ORDINARY``."""

SUMMARIES: dict[str, str] = {digits: each.summary for digits, each in FATES.items()}


def fate(recipient: str) -> Fate:
    """Look up what becomes of a message to a number."""
    return FATES.get(recipient[-4:], ORDINARY)


def schedule(
    fate: Fate, now: float, delay: float, expires_at: float
) -> tuple[tuple[float, Step], ...]:
    """
    Say what happens when to a part that is not (or no longer) throttled.

    Args:
        fate: Of its recipient.
        now: When it was offered, Unix seconds.
        delay: Seconds to delivery where the fate does not say.
        expires_at: Unix seconds; what would end later expires then. A fate that
            expires does so after ``delay``, so that nobody waits a week for it.

    """
    if fate.answer is Answer.NOTHING:
        return ()
    if fate.answer is Answer.REJECTED:
        return ((now, Step.REJECT),)
    if fate.receipt_first:
        return ((now, Step.DELIVER), (now + EARLY, Step.ANSWER))
    wait = delay if fate.delay is None else fate.delay
    if now + wait > expires_at:
        return ((now, Step.ANSWER), (max(now, expires_at), Step.EXPIRE))
    end = (now + wait, fate.end)
    if fate.receipts > 1:
        return ((now, Step.ANSWER), end, (now + 2 * wait, Step.REPEAT))
    return ((now, Step.ANSWER), end)
