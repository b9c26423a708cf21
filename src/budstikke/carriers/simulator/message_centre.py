"""
The simulated operator: a message centre that plays the fates on the phones.

Pure: its owner offers parts, calls ``tick`` at the time that ``next`` returns, and
passes the events to its customer: the gateway, or an SMPP client.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Any

import msgspec

from budstikke.carriers.simulator.agenda import Agenda
from budstikke.carriers.simulator.fates import Answer, Fate, Step, fate, schedule
from budstikke.carriers.simulator.phones import Change, Phones
from budstikke.domain.message import MmsContent, Part

MOST_HELD = 100_000
"""Parts that may wait for phones that are off; more are undeliverable."""


class Verdict(Enum):
    """The operator's immediate response to a part."""

    TAKEN = auto()
    REJECTED = auto()
    THROTTLED = auto()
    """Offer it again later."""
    LATER = auto()
    """No response yet: an ``Event.ANSWER`` follows."""
    SILENT = auto()
    """Never a response."""


class Event(Enum):
    """What happens to a part later."""

    ANSWER = auto()
    """The operator accepts it, late."""
    DELIVERED = auto()
    UNDELIVERED = auto()
    EXPIRED = auto()
    INTERIM = auto()
    """The phone is off: the part waits."""


class Submission(msgspec.Struct, eq=False):
    """
    One part that was offered to the operator.

    Attributes:
        id: The operator's message id; unique.
        group: The same for all parts of one message.
        segments: How many segments a text has that came as a whole.
        context: The owner's; each event has it.
        mms: Its content, if it is an MMS.
        held: Whether it waited for its phone.
        delivered: Whether the phone has it.
        expired: Whether its validity ended.

    """

    id: int
    part: Part
    group: Hashable
    segments: int = 1
    context: Any = None
    mms: MmsContent | None = None
    held: bool = False
    delivered: bool = False
    expired: bool = False


class MessageCentre:
    """
    Plays the fate of each part on the phones.

    Args:
        phones: Shared by all centres of a process.
        delay: Seconds to delivery, unless the fate has its own.

    """

    def __init__(self, phones: Phones, *, delay: float) -> None:
        self.throttled = 0
        self._phones = phones
        self._delay = delay
        self._agenda: Agenda[tuple[Submission, Step]] = Agenda()
        self._refused: dict[str, int] = {}
        self._held: dict[str, dict[int, Submission]] = {}
        self._held_count = 0
        self._unwatch: Callable[[], None] | None = None
        self.open()

    def open(self) -> None:
        """Watch for phones that are switched on; a new centre does already."""
        if self._unwatch is None:
            self._unwatch = self._phones.watch(self._switched, [Change.SWITCHED])
        for number in list(self._held):
            self._switched(number)

    def close(self) -> None:
        """Stop watching the phones, so that they do not keep this centre alive."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None

    def submit(self, submission: Submission, now: float) -> Verdict:
        """Offer a part; ``now`` is Unix seconds."""
        part = submission.part
        its = fate(part.recipient)
        if its.refusals and self._refuse(part.recipient, its):
            return Verdict.THROTTLED
        if its.answer is Answer.REJECTED:
            return Verdict.REJECTED
        if its.answer is Answer.NOTHING:
            return Verdict.SILENT
        for at, step in schedule(its, now, self._delay, part.expires_at):
            if step is not Step.ANSWER or its.receipt_first:
                self._agenda.add(at, (submission, step))
        return Verdict.LATER if its.receipt_first else Verdict.TAKEN

    def _refuse(self, recipient: str, its: Fate) -> bool:
        """Count refusals to a number; after the last one, accept and count anew."""
        refused = self._refused.pop(recipient, 0)
        if refused == its.refusals:
            return False
        self._refused[recipient] = refused + 1
        self.throttled += 1
        return True

    def next(self) -> float | None:
        """When ``tick`` has something to do, Unix seconds; ``None``: nothing waits."""
        return self._agenda.next()

    def tick(self, now: float) -> list[tuple[Submission, Event]]:
        """Let the events that are due happen; return them."""
        events: list[tuple[Submission, Event]] = []
        for submission, step in self._agenda.due(now):
            if step is Step.DELIVER:
                self._deliver(submission, now, events)
            elif step is Step.ANSWER:
                events.append((submission, Event.ANSWER))
            elif step is Step.FAIL:
                events.append((submission, Event.UNDELIVERED))
            elif step is Step.EXPIRE:
                self._expire(submission, events)
            elif submission.delivered:
                events.append((submission, Event.DELIVERED))
        return events

    def _deliver(
        self,
        submission: Submission,
        now: float,
        events: list[tuple[Submission, Event]],
    ) -> None:
        part = submission.part
        if submission.held and part.expires_at <= now:
            return
        if not self._phones.is_on(part.recipient):
            self._hold(submission, events)
            return
        submission.delivered = True
        if submission.mms is not None:
            self._phones.receive_mms(part, submission.mms, now)
        else:
            self._phones.receive(part, submission.group, now, submission.segments)
        receipts = fate(part.recipient).receipts
        if receipts:
            events.append((submission, Event.DELIVERED))
        if receipts > 1 and submission.held:
            # Its repeated receipt came due while it waited, and is left out.
            events.append((submission, Event.DELIVERED))

    def _hold(
        self, submission: Submission, events: list[tuple[Submission, Event]]
    ) -> None:
        """Keep a part until its phone is switched on or its validity ends."""
        part = submission.part
        if self._held_count >= MOST_HELD:
            submission.expired = True
            events.append((submission, Event.UNDELIVERED))
            return
        self._held.setdefault(part.recipient, {})[submission.id] = submission
        self._held_count += 1
        if not submission.held:
            submission.held = True
            self._agenda.add(part.expires_at, (submission, Step.EXPIRE))
            events.append((submission, Event.INTERIM))

    def _expire(
        self, submission: Submission, events: list[tuple[Submission, Event]]
    ) -> None:
        """End a part's validity, unless the part has ended."""
        if submission.delivered or submission.expired:
            return
        submission.expired = True
        waiting = self._held.get(submission.part.recipient)
        if waiting is not None and waiting.pop(submission.id, None) is not None:
            self._held_count -= 1
        events.append((submission, Event.EXPIRED))

    def _switched(self, number: str) -> None:
        """Deliver the parts that waited for this phone, in order, at the next tick."""
        if not self._phones.is_on(number):
            return
        waiting = self._held.pop(number, {})
        self._held_count -= len(waiting)
        for submission in waiting.values():
            self._agenda.add(0.0, (submission, Step.DELIVER))
