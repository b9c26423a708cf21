"""
A session's timers (SMPP 3.4 § 7.2) as a value: time comes in, a verdict goes out.

Response timeouts are not here but with the requests themselves, in ``session``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """
    All in seconds; 0 switches a timer off.

    Attributes:
        session_init: From the connection to the bind.
        enquire_link: Silence after which we ask whether the peer lives.
        enquire_misses: So many unanswered questions mean that it does not.
        response: How long a request of ours waits for its response.
        inactivity: Without any operation but enquire_link, the session ends.

    """

    session_init: float = 30.0
    enquire_link: float = 30.0
    enquire_misses: int = 2
    response: float = 30.0
    inactivity: float = 0.0


class Verdict(Enum):
    """What is due."""

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

    def life(self, now: float) -> None:
        """Note that a PDU came, of whatever kind."""
        self.heard = now
        self.misses = 0

    def due(self, now: float) -> Verdict:
        """Decide; ENQUIRE counts as asked, and is not said again before its time."""
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
        """Say when ``due`` has something to decide, at the latest."""
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
