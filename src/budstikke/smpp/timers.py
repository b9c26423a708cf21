"""
The timers of a session (SMPP 3.4 § 7.2); time is an argument.

``window`` has the timeouts of responses.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    The lengths of timers, seconds; 0 switches one off.

    Attributes:
        session_init: From the connection to the bind.
        enquire_link: Silence after which we send an enquire_link.
        enquire_misses: Unanswered enquire_link after which we close.
        response: From a request of ours to its response.
        inactivity: Without any operation but enquire_link; then we close.

    """

    session_init: float = 30.0
    enquire_link: float = 30.0
    enquire_misses: int = 2
    response: float = 30.0
    inactivity: float = 0.0


class Verdict(Enum):
    """What to do now."""

    NOTHING = "nothing"
    ENQUIRE = "enquire"
    NO_BIND = "no bind in time"
    DEAD = "peer is silent"
    INACTIVE = "no operation in time"


class Timers:
    """
    The timers of one session.

    Args:
        timing: How long each runs.
        now: When the connection was made.

    Attributes:
        opened: When the connection was made.
        bound: The session is bound.
        heard: When a PDU came last, of whatever kind; then ``misses`` is 0.
        worked: When an operation came or went last.
        asked: When the last enquire_link was sent.
        misses: How many were sent since a PDU came.

    """

    __slots__ = ("asked", "bound", "heard", "misses", "opened", "timing", "worked")

    def __init__(self, timing: Timing, now: float) -> None:
        self.timing = timing
        self.opened = now
        self.heard = now
        self.worked = now
        self.asked = now
        self.misses = 0
        self.bound = False

    def due(self, now: float) -> Verdict:
        """Return what to do now; ``ENQUIRE`` counts as an enquire_link sent."""
        if now < self.next():
            return Verdict.NOTHING
        timing = self.timing
        if not self.bound and 0 < timing.session_init <= now - self.opened:
            return Verdict.NO_BIND
        if self.bound and 0 < timing.inactivity <= now - self.worked:
            return Verdict.INACTIVE
        if self.misses >= timing.enquire_misses:
            return Verdict.DEAD
        self.misses += 1
        self.asked = now
        return Verdict.ENQUIRE

    def next(self) -> float:
        """Return when to call ``due``, at the latest."""
        timing = self.timing
        deadline = inf
        if timing.session_init and not self.bound:
            deadline = self.opened + timing.session_init
        if timing.inactivity and self.bound:
            deadline = self.worked + timing.inactivity
        if timing.enquire_link and self.misses:
            patience = timing.response or timing.enquire_link
            deadline = min(deadline, self.asked + patience)
        elif timing.enquire_link:
            deadline = min(deadline, self.heard + timing.enquire_link)
        return deadline
