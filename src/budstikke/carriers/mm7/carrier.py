"""
The MM7 carrier: submits MMS to an MMSC, and passes what the MMSC sends to the sink.

Submissions are HTTP requests, at most ``window`` at a time. If the MMSC throttles or
cannot be reached, the carrier pauses, longer each time; then it sends the throttled MMS
first, in order, one at a time.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final

from budstikke.carriers.mm7.client import Client, NotReached
from budstikke.carriers.mm7.incoming import Incoming
from budstikke.carriers.mm7.statuses import outcome
from budstikke.clients.http.connection import Broken
from budstikke.domain.mms import ENCODING, size
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry, Unsure
from budstikke.mm7 import Submit, laid_out, read_answer, write_submit

if TYPE_CHECKING:
    from asyncio import Task
    from collections.abc import Callable, Sequence
    from random import Random

    from budstikke.carriers.contract import Contents, Sink
    from budstikke.carriers.mm7.settings import Settings
    from budstikke.domain.message import MmsContent, Part
    from budstikke.mm7 import Written
    from budstikke.wire import WireRequest, WireResponse

log = logging.getLogger("budstikke.carrier")

NOT_OFFERED: Final = Rejected(Reason.INTERNAL, "not sent: taken down", Retry.LATER)
DOWN: Final = Rejected(Reason.INTERNAL, "not sent: the MMSC is away", Retry.LATER)
LOST: Final = Unsure("taken down before an answer")
NO_MMS: Final = Rejected(Reason.NO_ROUTE, "not an MMS", Retry.ELSEWHERE)
GONE: Final = Rejected(Reason.CONTENT, "its content is no more", Retry.NEVER)


class Flight:
    """A submission in progress; ``written``: the MMSC may have it."""

    __slots__ = ("order", "part", "task", "written")

    def __init__(self, order: int, part: Part) -> None:
        self.order = order
        self.part = part
        self.written = False
        self.task: Task[Outcome] | None = None


class Mm7Carrier:
    """
    An MMSC; ``carriers.contract`` says what a carrier must do.

    Args:
        name: The carrier's name in this installation.
        settings: See ``Settings``.
        random: For MIME boundaries and transaction ids.
        clock: Unix seconds.
        contents: Reads the content of MMS.

    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        random: Random,
        clock: Callable[[], float],
        contents: Contents,
    ) -> None:
        self.name = name
        self._settings = settings
        self._random = random
        self._clock = clock
        self._contents = contents
        self._client = Client(settings)
        self._incoming = Incoming(name, settings, clock)
        self._sink: Sink | None = None
        self._up = False
        self._draining = False
        self._closed = asyncio.Event()
        self._idle = asyncio.Event()
        self._orders = count()
        self._queue: list[tuple[int, Part]] = []  # a heap
        self._flights: dict[int, Flight] = {}
        self._pause = 0.0
        self._resting: asyncio.TimerHandle | None = None
        self._away = False  # the MMSC could not be reached
        self._careful = False  # submit one at a time, until one succeeds

    # What the gateway asks of it

    def room(self) -> int:
        """How many parts may be offered now (0 while the MMSC is away)."""
        if not self.healthy():
            return 0
        return max(0, self._settings.window - len(self._queue) - len(self._flights))

    def healthy(self) -> bool:
        """Whether parts can be sent now."""
        return self._up and not self._draining and not self._away

    def offer(self, parts: Sequence[Part]) -> None:
        """Submit these MMS, in order; their outcomes go to the sink."""
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
        self._closed.clear()
        if not self._settings.guarded:
            log.warning(
                "%s: not authenticated: anyone who reaches our port can deliver",
                self.name,
            )
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
                "%s: stopped with MMS unanswered; their outcome is unknown", self.name
            )
        self._take_down()

    def refuses(self, request: WireRequest) -> WireResponse | None:
        """Return the refusal of a caller; ``None``: it is the MMSC. Needs no body."""
        return self._incoming.refuses(request)

    async def take(self, request: WireRequest) -> WireResponse:
        """Handle a request of the MMSC; never raises."""
        return await self._incoming.take(request, self._sink if self._up else None)

    # Submissions

    def _work(self) -> None:
        """Submit queued MMS, as many as the window holds."""
        window = 1 if self._careful else self._settings.window
        while self._queue and self._resting is None and len(self._flights) < window:
            flight = Flight(*heappop(self._queue))
            self._flights[flight.part.id] = flight
            loop = asyncio.get_running_loop()
            flight.task = loop.create_task(self._submit(flight))
            flight.task.add_done_callback(partial(self._done, flight))

    async def _submit(self, flight: Flight) -> Outcome:
        part = flight.part
        if part.encoding != ENCODING:
            return NO_MMS
        content = (await self._contents([part.message_id])).get(part.message_id)
        if content is None:
            return GONE
        if size(content.text, (file[2] for file in content.files)) > (
            self._settings.max_size
        ):
            most = f"over {self._settings.max_size} octets"
            return Rejected(Reason.CONTENT, most, Retry.ELSEWHERE)
        written = self._write(part, content)
        connection = await self._client.connection()
        flight.written = True
        answer = await self._client.ask(connection, written)
        response = read_answer(answer.content_type, answer.body)
        return outcome(answer.status, response, self._settings.statuses)

    def _write(self, part: Part, content: MmsContent) -> Written:
        settings = self._settings
        submit = Submit(
            transaction=f"{part.id:x}-{self._random.getrandbits(32):08x}",
            vaspid=settings.vaspid,
            vasid=settings.vasid,
            service_code=settings.service_code,
            sender=part.originator if settings.sender else "",
            recipient=part.recipient,
            subject=content.subject,
            at=self._clock(),
            expires_at=part.expires_at,
            delivery_report=part.report and settings.delivery_reports,
            read_reply=settings.read_replies,
            pieces=laid_out(content.text, content.files),
            schema=settings.schema,
        )
        boundary = f"budstikke-{self._random.getrandbits(128):032x}"
        return write_submit(submit, boundary, base64=settings.base64)

    def _done(self, flight: Flight, task: Task[Outcome]) -> None:
        """Report the outcome of a submission, unless ``_take_down`` did."""
        if self._flights.pop(flight.part.id, None) is None:
            return
        result = self._result(flight, task)
        if isinstance(result, Rejected) and result.retry is Retry.SLOWER:
            heappush(self._queue, (flight.order, flight.part))
            self._careful = True
            self._rest()
            return
        if not isinstance(result, Rejected) or flight.written:
            self._pause = 0.0
            self._careful = False
        self._answered([(flight.part, result)])
        self._work()

    def _result(self, flight: Flight, task: Task[Outcome]) -> Outcome:
        error = None if task.cancelled() else task.exception()
        if error is None and not task.cancelled():
            return task.result()
        if flight.written:
            timeout = f"no answer in {self._settings.response_timeout:g} s"
            expected = isinstance(error, TimeoutError | Broken | OSError)
            if not expected:
                log.error(
                    "%s: internal error while submitting an MMS",
                    self.name,
                    exc_info=error,
                )
            return Unsure(str(error) if isinstance(error, Broken) else timeout)
        if isinstance(error, NotReached):
            log.warning("%s: could not reach the MMSC: %s", self.name, error)
            self._lose()
            return Rejected(Reason.INTERNAL, f"not reached: {error}", Retry.LATER)
        log.warning("%s: could not submit an MMS", self.name, exc_info=error)
        return Rejected(Reason.INTERNAL, "not sent: its content", Retry.LATER)

    # Pauses

    def _rest(self) -> None:
        """Pause; each pause in a row is twice as long."""
        if self._resting is not None:
            return
        settings = self._settings
        self._pause = min(self._pause * 2 or settings.pause_min, settings.pause_max)
        loop = asyncio.get_running_loop()
        self._resting = loop.call_later(self._pause, self._rested)

    def _rested(self) -> None:
        if self._flights:  # these are older, and may be throttled, too
            self._resting = asyncio.get_running_loop().call_later(
                self._settings.pause_min, self._rested
            )
            return
        self._resting = None
        was_away, self._away = self._away, False
        self._work()
        if was_away and self._sink is not None:
            self._sink.room()

    def _lose(self) -> None:
        """Return the queued MMS: the MMSC cannot be reached."""
        self._away = True
        self._careful = True
        self._rest()
        parts = [part for _, part in sorted(self._queue, key=lambda row: row[0])]
        self._queue.clear()
        self._soon([(part, DOWN) for part in parts])

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
        """Report an outcome for every MMS, and go down."""
        answers: list[tuple[Part, Outcome]] = []
        for flight in self._flights.values():
            answers.append((flight.part, LOST if flight.written else NOT_OFFERED))
            if flight.task is not None:
                flight.task.cancel()
        answers += [(part, NOT_OFFERED) for _, part in self._queue]
        self._flights.clear()
        self._queue.clear()
        self._up = False
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        self._client.close()
        self._answered(answers)
        self._closed.set()
