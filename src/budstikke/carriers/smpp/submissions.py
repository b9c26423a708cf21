"""
The parts that one bind has to submit.

When the operator throttles, the bind pauses until the pause is over and everything in
flight has a response; then it sends the refused parts first, in the order in which it
first sent them. When nothing else has come for a while, it reports them as refused, so
that they can take another carrier.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from budstikke.carriers.smpp.counters import seldom
from budstikke.carriers.token_bucket import TokenBucket
from budstikke.domain.receipt import Outcome, Reason, Rejected, Retry, Sent, Unsure
from budstikke.smpp import Pdu, PduError
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.ids import RULES, Side
from budstikke.smpp.pdus import MessageId
from budstikke.smpp.states import BOUND

if TYPE_CHECKING:
    from asyncio import TimerHandle
    from collections.abc import Callable, Sequence

    from budstikke.carriers.smpp.counters import Counters
    from budstikke.carriers.smpp.outgoing import Outgoing
    from budstikke.carriers.smpp.settings import Settings
    from budstikke.carriers.smpp.statuses import Verdicts
    from budstikke.domain.message import Part
    from budstikke.smpp_connection import Connection

    Answer = tuple[Part, Outcome]
    Token = tuple[int, Part]

log = logging.getLogger("budstikke.carrier")

LONG: Final = 2
"""Multiplied by ``throttle_max``: how long the operator may throttle."""

EXPIRED: Final = Rejected(
    Reason.EXPIRED, "its validity ended before it could be sent", Retry.NEVER
)

PAUSED: Final = "an administrator has paused the carrier"


class Submissions:
    """
    The queue of one bind.

    Args:
        name: The bind's, for logs.
        settings: The carrier's.
        outgoing: Writes parts as submit_sm.
        verdicts: What command statuses mean.
        counters: The carrier's.
        report: Takes parts and their outcomes, all of one turn of the loop at once.
        clock: Unix seconds.

    Attributes:
        load: How many parts it holds that have no outcome.
        resting: It pauses because the operator throttled it.

    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        outgoing: Outgoing,
        verdicts: Verdicts,
        counters: Counters,
        report: Callable[[list[Answer]], None],
        clock: Callable[[], float],
    ) -> None:
        self._name = name
        self._settings = settings
        self._outgoing = outgoing
        self._verdicts = verdicts
        self._counters = counters
        self._report = report
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.use_rule(settings.message_ids)
        rate = settings.throughput
        self._bucket = TokenBucket(rate, self._loop.time()) if rate else None
        self._connection: Connection | None = None
        self.load = 0
        self._waiting: deque[Part] = deque()
        self._refused: list[Token] = []  # throttled, to be sent again
        self._written = 0
        self._answers: list[Answer] = []
        self._pause = 0.0
        self._throttled_since: float | None = None
        self.resting = False
        self._held = False
        self._paused = False
        self._timed: tuple[int, float] | None = None  # a request, and when it was sent
        self._alarm: TimerHandle | None = None
        self._reporting = False

    def use_rule(self, rule: str) -> None:
        """Give ids of responses their normal form by this rule of ``smpp.ids``."""
        self._key = RULES[rule][Side.RESPONSE.value]

    def put(self, parts: Sequence[Part]) -> None:
        """Take parts to submit, in order."""
        self.load += len(parts)
        self._waiting.extend(parts)
        self.pump()

    # Submitting

    def up(self, connection: Connection) -> None:
        """Begin to submit: the bind is up."""
        self._connection = connection
        self._held = False
        self.pump()

    def hold(self) -> None:
        """Submit no more on this connection: the operator unbinds."""
        self._held = True

    def pause(self, *, paused: bool) -> None:
        """Submit nothing and return what was not submitted; or submit again."""
        self._paused = paused
        if paused:
            self.give_back(PAUSED)
        else:
            self.pump()

    def pump(self) -> None:
        """Submit as many parts as window and throughput limit allow now."""
        connection = self._connection
        if connection is None or connection.blocked or self._held or self._paused:
            return
        if self._alarm is not None:
            return
        if self.resting and not self._rested():
            return
        session = connection.session
        if session.state not in BOUND:
            return
        room = self._settings.window - session.outstanding
        now, wall = self._loop.time(), self._clock()
        while room > 0 and (self._refused or self._waiting):
            if self._bucket is not None and not self._bucket.take(now):
                self._wait(self._bucket.wait())
                break
            if self._write(connection, now, wall):
                room -= 1
        if self._answers:
            self._report_soon()

    def _write(self, connection: Connection, now: float, wall: float) -> bool:
        """Submit the next part; ``False``: it had expired, or cannot be written."""
        if self._refused:
            token = self._refused.pop(0)
        else:
            self._written += 1
            token = (self._written, self._waiting.popleft())
        part = token[1]
        if part.expires_at <= wall:
            self._note(part, EXPIRED)
            return False
        try:
            body, tlvs = self._outgoing.write(part, wall)
            written = connection.ask(cmd.SUBMIT_SM, body, token, now, tlvs)
        except PduError as error:
            rejected = self._verdicts.rejected(error.status)
            answer = Rejected(rejected.reason, f"not sent: {error}", rejected.retry)
            self._note(part, answer)
            return False
        assert written  # noqa: S101 - pump looked at the window
        self._counters.submits += 1
        if self._timed is None:
            self._timed = token[0], now
        return True

    def _wait(self, seconds: float) -> None:
        """Submit nothing for so many seconds."""
        self._alarm = self._loop.call_later(seconds, self._wake)

    def _wake(self) -> None:
        self._alarm = None
        self.pump()

    # Responses

    def answered(self, token: Token, pdu: Pdu) -> None:
        """Take a submit_sm_resp; ``flush`` reports the outcome."""
        status = pdu.status
        self._counters.answers[status] += 1
        if self._timed is not None and self._timed[0] == token[0]:
            self._counters.time(self._loop.time() - self._timed[1])
            self._timed = None
        part = token[1]
        if status == 0 and pdu.command != cmd.GENERIC_NACK:
            self._pause = 0.0
            self._throttled_since = None
            self._note(part, self._sent(pdu))
            return
        rejected = self._verdicts.rejected(status or st.ESME_RUNKNOWNERR)
        if rejected.retry is Retry.SLOWER:
            self._slow_down()
            if self._is_long_throttled():
                overflow = Rejected(rejected.reason, rejected.raw, Retry.OVERFLOW)
                self._note(part, overflow)
            else:
                self._refused.append(token)
            if self._paused:
                self.give_back(PAUSED)
        else:
            self._note(part, rejected)

    def outcome(self, pdu: Pdu) -> Outcome:
        """Return the outcome by a response that came too late."""
        if pdu.status == 0 and pdu.command != cmd.GENERIC_NACK:
            return self._sent(pdu)
        return self._verdicts.rejected(pdu.status or st.ESME_RUNKNOWNERR)

    def _sent(self, pdu: Pdu) -> Sent:
        body = pdu.body
        smsc_id = body.message_id.strip() if type(body) is MessageId else ""
        if not smsc_id:
            self._counters.unnamed += 1
            if self._counters.unnamed == 1:
                what = "%s: submit_sm_resp without message id: no report can match it"
                log.warning(what, self._name)
        return Sent(smsc_id, None if self._key is None else self._key(smsc_id))

    def expired(self, token: Token) -> None:
        """Note that no response came in time: the part is unsure."""
        self._timed = None
        self._counters.unsure += 1
        waited = f"no answer in {self._settings.response_timeout:g} s"
        if seldom(self._counters.unsure):
            log.warning("%s: submit_sm: %s", self._name, waited)
        self._note(token[1], Unsure(waited))

    def _note(self, part: Part, outcome: Outcome) -> None:
        """Note a part's outcome; ``flush`` reports it."""
        self.load -= 1
        self._answers.append((part, outcome))

    def flush(self) -> None:
        """Report the outcomes, then go on submitting."""
        answers, self._answers = self._answers, []
        if answers:
            self._report(answers)
        if self._waiting or self._refused:
            self.pump()

    def _report_soon(self) -> None:
        if not self._reporting:
            self._reporting = True
            self._loop.call_soon(self._report_now)

    def _report_now(self) -> None:
        self._reporting = False
        self.flush()

    # Throttling

    def _slow_down(self) -> None:
        self._counters.throttled += 1
        if self.resting:
            return
        settings = self._settings
        first = settings.throttle_min
        self._pause = min(self._pause * 2 or first, settings.throttle_max)
        self.resting = True
        if self._alarm is not None:
            self._alarm.cancel()
        self._wait(self._pause)

    def _is_long_throttled(self) -> bool:
        """Whether the operator has only throttled for a while; it does so now."""
        now = self._loop.time()
        if self._throttled_since is None:
            self._throttled_since = now
        return now - self._throttled_since >= LONG * self._settings.throttle_max

    def _rested(self) -> bool:
        """End the pause if nothing is in flight that might still be throttled."""
        assert self._connection is not None  # noqa: S101 - pump looked
        if self._connection.session.outstanding:
            return False
        self._refused.sort(key=_first_written)
        self.resting = False
        return True

    # The end

    def down(self, reason: str, unanswered: Sequence[Token], fresh: set[int]) -> int:
        """
        Report an outcome for every part: the connection is gone.

        Returns how many parts are unsure: written, and without a response.

        Args:
            reason: Why the connection ended.
            unanswered: Requests without a response.
            fresh: Numbers of those that were never written to the socket.

        """
        self._connection = self._timed = None
        unsure = Unsure(reason)
        written = [part for number, part in unanswered if number not in fresh]
        unwritten = [part for number, part in unanswered if number in fresh]
        self._counters.unsure += len(written)
        self.load -= len(written)
        self._answers += [(part, unsure) for part in written]
        self._waiting.extendleft(reversed(unwritten))
        self.give_back(reason)
        return len(written)

    def give_back(self, reason: str) -> None:
        """Report the parts that the operator does not have as not sent."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self.resting = False
        slower = Rejected(Reason.THROTTLED, f"throttled; {reason}", Retry.LATER)
        later = Rejected(Reason.INTERNAL, f"not sent: {reason}", Retry.LATER)
        self._refused.sort(key=_first_written)
        self.load -= len(self._refused) + len(self._waiting)
        self._answers += [(part, slower) for _, part in self._refused]
        self._answers += [(part, later) for part in self._waiting]
        self._refused.clear()
        self._waiting.clear()
        self._report_soon()


def _first_written(token: Token) -> int:
    return token[0]
