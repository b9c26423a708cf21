"""
The simulator as a carrier: it offers parts to the simulated operator, without a wire.

It behaves as an SMPP carrier does. A throttled part stops the carrier, which offers it
again, in order, after a pause that grows; a part without a response becomes unsure.
Nothing here survives the process: delivery reports that are due when it ends are lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from budstikke.carriers.simulator.agenda import Agenda
from budstikke.carriers.simulator.loader import Loader
from budstikke.carriers.simulator.message_centre import (
    Event,
    MessageCentre,
    Submission,
    Verdict,
)
from budstikke.carriers.simulator.originate import as_inbound, as_mms
from budstikke.carriers.simulator.outcomes import (
    ENDS,
    LINK_DOWN,
    NOT_OFFERED,
    REJECTED,
    receipt,
    sent,
)
from budstikke.carriers.simulator.phones import Change, Phones
from budstikke.domain.receipt import Outcome, Receipt, Unsure

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, TimerHandle
    from collections.abc import Callable, Sequence
    from random import Random

    from budstikke.carriers.contract import Contents, InboundMms, InboundPart, Sink
    from budstikke.carriers.simulator.phones import Composed
    from budstikke.carriers.simulator.settings import Settings
    from budstikke.domain.message import Part

RETRY: Final = 1.0
"""Seconds until it passes a delivery report or message again that was not stored."""

LONGEST_PAUSE: Final = 30.0
"""Seconds of the longest pause after throttling."""

INBOUND_BATCH: Final = 100


class SimulatorCarrier:
    """The simulated operator; ``carriers.contract`` says what a carrier must do."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        random: Random,
        clock: Callable[[], float],
        phones: Phones,
        contents: Contents | None = None,
    ) -> None:
        self.name = name
        self.phones = phones
        self._loader = Loader(contents, self._loaded)
        self._settings = settings
        self._clock = clock
        self._centre = MessageCentre(phones, delay=settings.delivery_delay)
        # The first id is random, so that ids do not repeat after a restart.
        self._ids = count(random.getrandbits(31) << 32)
        self._references = count(random.getrandbits(8))
        self._sink: Sink | None = None
        self._up = False
        self._loop: AbstractEventLoop | None = None
        self._draining = False
        self._closed = asyncio.Event()
        self._idle = asyncio.Event()
        self._queue: deque[Part] = deque()
        self._outstanding = 0
        self._unanswered: dict[int, Submission] = {}
        self._timeouts: Agenda[Submission] = Agenda()
        self._answers: list[tuple[Part, Outcome]] = []
        self._receipts: list[Receipt] = []
        self._receipts_rest = False
        self._inbound_busy = False
        self._resume_at: float | None = None
        self._pause = 0.0
        self._timer: TimerHandle | None = None
        self._timer_due = 0.0
        self._flush_due = False

    # What the gateway asks of it

    @property
    def throttled(self) -> int:
        """How often the operator has throttled."""
        return self._centre.throttled

    def room(self) -> int:
        """How many parts may be offered now (0 while the carrier does not run)."""
        if not self.healthy():
            return 0
        return max(0, self._settings.window - self._outstanding)

    def healthy(self) -> bool:
        """Whether parts can be sent now."""
        return self._up and not self._draining

    def offer(self, parts: Sequence[Part]) -> None:
        """Offer these parts to the operator, in order; outcomes go to the sink."""
        assert self._sink is not None, "offered before it ran"  # noqa: S101 - the contract allows it
        self._outstanding += len(parts)
        if self._up:
            self._queue.extend(self._loader.load(parts))
            self._work()
        else:
            self._answers += [(part, NOT_OFFERED) for part in parts]
            self._answer_soon()

    async def run(self, sink: Sink) -> None:
        """Work until the task is cancelled or the carrier drained."""
        self._loop = asyncio.get_running_loop()
        self._sink = sink
        self._up = True
        self._draining = self._receipts_rest = False
        self._closed.clear()
        self._centre.open()
        stops = (
            self.phones.watch(self._hear_composed, [Change.COMPOSED]),
            self.phones.watch(self._hear_switched, [Change.SWITCHED]),
        )
        try:
            sink.room()
            self.tick()
            self._fetch()
            await self._closed.wait()
        finally:
            for stop in stops:
                stop()
            self._centre.close()
            self._take_down()

    async def drain(self, seconds: float) -> None:
        """Wait at most these seconds for responses, then stop."""
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                while self._outstanding:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            pass
        self._take_down()

    # Offered parts

    def _loaded(
        self, parts: list[Part], failed: Sequence[tuple[Part, Outcome]]
    ) -> None:
        """Offer the MMS whose content was read; report the others."""
        self._answers += failed
        self._queue.extend(parts)
        self._work()

    def _work(self) -> None:
        """Offer queued parts to the operator until it throttles."""
        if self._resume_at is not None:
            self._answer_soon()
            self._arm()  # the timer may have fired for something else
            return
        now = self._clock()
        submit, ids, mms = self._centre.submit, self._ids, self._loader.found
        queue, answers = self._queue, self._answers
        while queue:
            part = queue.popleft()
            submission = Submission(next(ids), part, part.id >> 8)
            submission.mms = mms.pop(part.id, None) if mms else None
            verdict = submit(submission, now)
            if verdict is Verdict.TAKEN:
                answers.append((part, sent(submission)))
                self._pause = 0.0
            elif verdict is Verdict.THROTTLED:
                queue.appendleft(part)
                if submission.mms is not None:
                    mms[part.id] = submission.mms
                self._rest(now)
                break
            elif verdict is Verdict.REJECTED:
                answers.append((part, REJECTED))
            else:
                self._unanswered[submission.id] = submission
                if verdict is Verdict.SILENT:
                    self._timeouts.add(
                        now + self._settings.response_timeout, submission
                    )
        self._answer_soon()
        self._arm()

    def _rest(self, now: float) -> None:
        """Pause; each pause in a row is twice as long."""
        first = self._settings.throttle_pause
        self._pause = min(self._pause * 2 or first, LONGEST_PAUSE)
        self._resume_at = now + self._pause

    def _answer_soon(self) -> None:
        """Report the outcomes of this turn of the loop as one batch."""
        if self._answers and not self._flush_due and self._loop is not None:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        answers, self._answers = self._answers, []
        if not answers or self._sink is None:
            return
        was_full = self._outstanding >= self._settings.window
        self._outstanding -= len(answers)
        self._sink.answered(answers)
        if was_full and self.room():
            self._sink.room()
        if not self._outstanding:
            self._idle.set()

    def _take_down(self) -> None:
        """Report an outcome for every part, and stop."""
        for submission in self._unanswered.values():
            self._answers.append((submission.part, LINK_DOWN))
        unsent = [*self._loader.cancel(), *self._queue]
        self._answers += [(part, NOT_OFFERED) for part in unsent]
        self._unanswered.clear()
        self._queue.clear()
        self._up = False
        self._flush()
        self._resume_at = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._closed.set()

    # Events of parts, and messages from phones

    def tick(self) -> None:
        """Handle the events that are due; the carrier's own timer calls this."""
        now = self._clock()
        for submission, event in self._centre.tick(now):
            self._happened(submission, event, now)
        for submission in self._timeouts.due(now):
            if self._unanswered.pop(submission.id, None) is not None:
                waited = f"no answer in {self._settings.response_timeout:g} s"
                self._answers.append((submission.part, Unsure(waited)))
        self._give_receipts()
        if self._resume_at is not None and self._resume_at <= now:
            self._resume_at = None
        self._work()

    def _happened(self, submission: Submission, event: Event, now: float) -> None:
        part = submission.part
        if event is Event.ANSWER:
            if self._unanswered.pop(submission.id, None) is not None:
                self._answers.append((part, sent(submission)))
        elif part.report and event in ENDS:
            self._receipts.append(receipt(submission, event, now))

    def _give_receipts(self) -> None:
        """Pass the delivery reports to the sink; keep them until they are stored."""
        if not self._receipts or not self._up or self._receipts_rest:
            return
        assert self._sink is not None  # noqa: S101 - it is up
        batch, self._receipts = self._receipts, []
        given = self._sink.receipts(batch)
        given.add_done_callback(partial(self._receipts_given, batch))

    def _receipts_given(self, batch: list[Receipt], given: Future[None]) -> None:
        if _failed(given):
            self._receipts = batch + self._receipts
            self._receipts_rest = True
            self._again(self._give_receipts_again)

    def _give_receipts_again(self) -> None:
        self._receipts_rest = False
        self._give_receipts()

    def _fetch(self) -> None:
        """Take what phones have sent, and pass it to the sink in order."""
        if self._inbound_busy or not self._up:
            return
        assert self._sink is not None  # noqa: S101 - it is up
        taken = self.phones.take(INBOUND_BATCH, self._settings.numbers, mms=True)
        if taken:
            parts = [part for composed in taken for part in self._sent_by(composed)]
            self._inbound_busy = True
            given = self._sink.inbound(parts)
            given.add_done_callback(partial(self._inbound_given, taken))

    def _sent_by(self, composed: Composed) -> Sequence[InboundPart | InboundMms]:
        if composed.kind == "mms":
            return [as_mms(composed, self.phones.media(composed.id))]
        return as_inbound(composed, next(self._references) & 0xFF)

    def _inbound_given(self, taken: list[Composed], given: Future[None]) -> None:
        self._inbound_busy = False
        if _failed(given):
            self.phones.put_back(taken)
            self._again(self._fetch)
        else:
            self._fetch()

    # Timers

    def _again(self, action: Callable[[], None]) -> None:
        if self._up and self._loop is not None:
            self._loop.call_later(RETRY, action)

    def next(self) -> float | None:
        """When ``tick`` has something to do, Unix seconds; ``None``: nothing waits."""
        moments = (self._centre.next(), self._timeouts.next(), self._resume_at)
        return min((each for each in moments if each is not None), default=None)

    def _arm(self) -> None:
        """Set a timer for the next ``tick``."""
        due = self.next()
        if due is None or self._loop is None or not self._up:
            return
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_later(max(0.0, due - self._clock()), self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.tick()

    def _hear_composed(self, _number: str) -> None:
        self._fetch()

    def _hear_switched(self, _number: str) -> None:
        self._arm()


def carrier(
    name: str,
    settings: Settings,
    *,
    random: Random,
    clock: Callable[[], float],
    phones: Phones | None = None,
    contents: Contents | None = None,
) -> SimulatorCarrier:
    """
    Make a simulated carrier.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        random: For the first message id.
        clock: Unix seconds.
        phones: Shared with other carriers and the phone screen; ``None``: its own.
        contents: Reads the content of MMS; ``None``: it takes no MMS.

    """
    return SimulatorCarrier(
        name,
        settings,
        random=random,
        clock=clock,
        phones=Phones() if phones is None else phones,
        contents=contents,
    )


def _failed(given: Future[None]) -> bool:
    return given.cancelled() or given.exception() is not None
