"""
How a message ends: the last four digits of its recipient decide.

docs/carriers/simulator.md is tested against the table. A schedule is pure: it says what
happens when, to a phone that is switched on.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

EARLY = 0.1
"""Seconds from a receipt that comes before the response, to the response."""


class Answer(Enum):
    """The operator's response to a part."""

    TAKEN = auto()
    REJECTED = auto()
    NOTHING = auto()


class Step(Enum):
    """What happens to a part at some time."""

    ANSWER = auto()
    """The operator accepts it."""
    REJECT = auto()
    """The operator refuses it."""
    DELIVER = auto()
    """The phone gets it, and the sender gets a receipt."""
    FAIL = auto()
    """A receipt says that it is undeliverable."""
    EXPIRE = auto()
    """A receipt says that its validity has ended."""
    REPEAT = auto()
    """The receipt comes again."""


@dataclass(frozen=True, slots=True)
class Fate:
    """
    How a part ends.

    Attributes:
        summary: For people: in the docs and on the phone screen.
        answer: The operator's response.
        refusals: How many times the operator throttles it before that.
        end: ``DELIVER``, ``FAIL`` or ``EXPIRE``.
        delay: Seconds from the response to the end; ``None``: the carrier's setting.
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
    """Return how a message to this number ends."""
    return FATES.get(recipient[-4:], ORDINARY)


def schedule(
    fate: Fate, now: float, delay: float, expires_at: float
) -> tuple[tuple[float, Step], ...]:
    """
    List what happens when to a part that is not, or no longer, throttled.

    Args:
        fate: Its recipient's.
        now: When it was offered, Unix seconds.
        delay: Seconds to delivery, unless the fate has its own.
        expires_at: Unix seconds; a part with a later end expires then. One whose fate
            is to expire does so after ``delay``, to make the test short.

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
