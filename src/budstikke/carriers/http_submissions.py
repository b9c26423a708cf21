"""
The queue of a carrier that submits by HTTP: window, rate, pauses, outcomes.

At most ``window`` requests are without a response at a time. If the operator throttles
or cannot be reached, submitting pauses, longer each time; then the throttled parts go
first, in order, one at a time until the operator takes one. When the operator has only
throttled for long, all parts are reported, so that they can take another carrier.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from budstikke.carriers.http_client import NotReached
from budstikke.carriers.token_bucket import TokenBucket
from budstikke.clients.http.connection import Broken
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry, Unsure

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable, Coroutine, Sequence

    from budstikke.carriers.contract import Sink
    from budstikke.domain.message import Part

log = logging.getLogger("budstikke.carrier")

LONG: Final = 2
"""Multiplied by ``pause_max``: how long the operator may throttle."""

NOT_OFFERED: Final = Rejected(Reason.INTERNAL, "not sent: taken down", Retry.LATER)
DOWN: Final = Rejected(
    Reason.INTERNAL, "not sent: the operator cannot be reached", Retry.LATER
)
LOST: Final = Unsure("taken down before an answer")


class Limits(NamedTuple):
    """
    How fast a carrier submits.

    ``rate`` is requests a second (0: no limit); pauses and ``timeout``, the longest
    wait for a response, are seconds.
    """

    window: int
    rate: float
    pause_min: float
    pause_max: float
    timeout: float


class Flight:
    """
    A submission in progress.

    Attributes:
        written: The operator may have it.
        wait: Seconds that the operator asked us to wait before the next request.

    """

    __slots__ = ("order", "part", "task", "wait", "written")

    def __init__(self, order: int, part: Part) -> None:
        self.order = order
        self.part = part
        self.written = False
        self.wait = 0.0
        self.task: Task[Outcome] | None = None


class HttpSubmissions:
    """
    Submits parts, and reports an outcome for each, once.

    Args:
        name: The carrier's, for the log.
        limits: See ``Limits``.
        submit: Makes the request of a flight, after it has set ``written``. It may
            raise NotReached before that, and Broken or TimeoutError after it.
        close: Closes the client's connections.

    """

    def __init__(
        self,
        name: str,
        limits: Limits,
        submit: Callable[[Flight], Coroutine[None, None, Outcome]],
        close: Callable[[], None],
    ) -> None:
        self._name = name
        self._limits = limits
        self._submit = submit
        self._close = close
        self._bucket: TokenBucket | None = None
        self._sink: Sink | None = None
        self._up = False
        self._draining = False
        self._closed = asyncio.Event()
        self._idle = asyncio.Event()
        self._orders = count()
        self._queue: list[tuple[int, Part]] = []  # a heap
        self._flights: dict[int, Flight] = {}
        self._pause = 0.0
        self._throttled_since: float | None = None
        self._resting: asyncio.TimerHandle | None = None
        self._spacing: asyncio.TimerHandle | None = None  # until the next token
        self._away = False  # the operator could not be reached
        self._careful = False  # submit one at a time, until one succeeds

    @property
    def sink(self) -> Sink | None:
        """Where reports go; ``None``: the carrier is down."""
        return self._sink if self._up else None

    def room(self) -> int:
        """How many parts may be offered now (0 while the operator is away)."""
        if not self.healthy():
            return 0
        return max(0, self._limits.window - len(self._queue) - len(self._flights))

    def healthy(self) -> bool:
        """Whether parts can be sent now."""
        return self._up and not self._draining and not self._away

    def offer(self, parts: Sequence[Part]) -> None:
        """Submit these parts, in order; their outcomes go to the sink."""
        if not self._up or self._away:
            why: Outcome = DOWN if self._up else NOT_OFFERED
            self._soon([(part, why) for part in parts])
            return
        for part in parts:
            heappush(self._queue, (next(self._orders), part))
        self._work()

    async def run(self, sink: Sink) -> None:
        """Submit until the task is cancelled or the carrier drained."""
        self._sink = sink
        self._up = True
        self._draining = self._away = self._careful = False
        self._pause = 0.0
        self._throttled_since = None
        self._closed.clear()
        if self._limits.rate:
            now = asyncio.get_running_loop().time()
            self._bucket = TokenBucket(self._limits.rate, now)
        try:
            sink.room()
            await self._closed.wait()
        finally:
            self._take_down()

    async def drain(self, seconds: float) -> None:
        """Wait at most these seconds for responses, then go down."""
        self._draining = True
        try:
            async with asyncio.timeout(seconds):
                while self._queue or self._flights:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            log.warning(
                "%s: stopped with requests unanswered; their outcome is unknown",
                self._name,
            )
        self._take_down()

    # Submissions

    def _work(self) -> None:
        """Submit queued parts, as many as window and rate allow."""
        window = 1 if self._careful else self._limits.window
        loop = asyncio.get_running_loop()
        while (
            self._queue
            and self._resting is None
            and self._spacing is None
            and len(self._flights) < window
        ):
            if self._bucket is not None and not self._bucket.take(loop.time()):
                self._spacing = loop.call_later(self._bucket.wait(), self._spaced)
                return
            flight = Flight(*heappop(self._queue))
            self._flights[flight.part.id] = flight
            flight.task = loop.create_task(self._submit(flight))
            flight.task.add_done_callback(partial(self._done, flight))

    def _spaced(self) -> None:
        self._spacing = None
        self._work()

    def _done(self, flight: Flight, task: Task[Outcome]) -> None:
        """Report the outcome of a submission, unless ``_take_down`` did."""
        if self._flights.pop(flight.part.id, None) is None:
            return
        result = self._result(flight, task)
        if isinstance(result, Rejected) and result.retry is Retry.SLOWER:
            heappush(self._queue, (flight.order, flight.part))
            self._careful = True
            self._rest(flight.wait)
            if self._is_long_throttled():
                self._overflow(result)
            return
        if not isinstance(result, Rejected) or flight.written:
            self._pause = 0.0
            self._throttled_since = None
            self._careful = False
        self._answered([(flight.part, result)])
        self._work()

    def _result(self, flight: Flight, task: Task[Outcome]) -> Outcome:
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            return task.result()
        if flight.written:
            timeout = f"no answer in {self._limits.timeout:g} s"
            expected = isinstance(error, TimeoutError | Broken | OSError)
            if not expected:
                log.error(
                    "%s: internal error while submitting",
                    self._name,
                    exc_info=error,
                )
            return Unsure(str(error) if isinstance(error, Broken) else timeout)
        if isinstance(error, NotReached):
            log.warning("%s: could not reach the operator: %s", self._name, error)
            self._lose()
            return Rejected(Reason.INTERNAL, f"not reached: {error}", Retry.LATER)
        log.warning("%s: could not submit a message", self._name, exc_info=error)
        return Rejected(Reason.INTERNAL, "not sent: its content", Retry.LATER)

    # Pauses

    def _rest(self, least: float = 0.0) -> None:
        """Pause; each pause in a row is twice as long, and none below ``least``."""
        if self._resting is not None:
            return
        limits = self._limits
        self._pause = min(self._pause * 2 or limits.pause_min, limits.pause_max)
        seconds = max(self._pause, min(least, limits.pause_max))
        self._resting = asyncio.get_running_loop().call_later(seconds, self._rested)

    def _rested(self) -> None:
        if self._flights:  # these are older, and may be throttled, too
            self._resting = asyncio.get_running_loop().call_later(
                self._limits.pause_min, self._rested
            )
            return
        self._resting = None
        was_away, self._away = self._away, False
        self._work()
        if was_away and self._sink is not None:
            self._sink.room()

    def _is_long_throttled(self) -> bool:
        """Whether the operator has only throttled for a while; it does so now."""
        now = asyncio.get_running_loop().time()
        if self._throttled_since is None:
            self._throttled_since = now
        return now - self._throttled_since >= LONG * self._limits.pause_max

    def _overflow(self, throttled: Rejected) -> None:
        """Return the queued parts: the operator has throttled for long."""
        outcome = Rejected(throttled.reason, throttled.raw, Retry.OVERFLOW)
        self._soon([(part, outcome) for part in self._emptied()])

    def _lose(self) -> None:
        """Return the queued parts: the operator cannot be reached."""
        self._away = True
        self._careful = True
        self._rest()
        self._soon([(part, DOWN) for part in self._emptied()])

    def _emptied(self) -> list[Part]:
        """Empty the queue; returns its parts, in order."""
        parts = [part for _, part in sorted(self._queue, key=lambda row: row[0])]
        self._queue.clear()
        return parts

    # Answers

    def _answered(self, answers: list[tuple[Part, Outcome]]) -> None:
        if answers and self._sink is not None:
            self._sink.answered(answers)
        if not self._queue and not self._flights:
            self._idle.set()

    def _soon(self, answers: list[tuple[Part, Outcome]]) -> None:
        """Report outcomes after the caller has returned."""
        asyncio.get_running_loop().call_soon(self._answered, answers)

    def _take_down(self) -> None:
        """Report an outcome for every part, and go down."""
        answers: list[tuple[Part, Outcome]] = []
        for flight in self._flights.values():
            answers.append((flight.part, LOST if flight.written else NOT_OFFERED))
            if flight.task is not None:
                flight.task.cancel()
        answers += [(part, NOT_OFFERED) for _, part in self._queue]
        self._flights.clear()
        self._queue.clear()
        self._up = False
        for timer in (self._resting, self._spacing):
            if timer is not None:
                timer.cancel()
        self._resting = self._spacing = None
        self._close()
        self._answered(answers)
        self._closed.set()
