"""One bind to the operator: it reconnects and binds again until it is ended."""

from __future__ import annotations

import asyncio
import logging
import ssl
from typing import TYPE_CHECKING, Any, Final, Protocol

from budstikke.carriers.smpp.counters import seldom
from budstikke.carriers.smpp.flapping import FlapDetector
from budstikke.smpp import (
    Answered,
    Closed,
    Event,
    Expired,
    Late,
    Limits,
    Malformed,
    Pdu,
    Received,
    State,
    Timing,
    Unexpected,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind as BindPdu
from budstikke.smpp.pdus import Empty
from budstikke.smpp_connection import Connection

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from budstikke.carriers.smpp.counters import Counters
    from budstikke.carriers.smpp.settings import Settings, Tls
    from budstikke.carriers.smpp.submissions import Submissions
    from budstikke.domain.message import Part
    from budstikke.domain.receipt import Outcome

log = logging.getLogger("budstikke.carrier")

_LAST_ANSWERS: Final = 2.0
"""Seconds that an operator who unbinds may still respond to submissions."""

_BIND: Final = object()
_UNBIND: Final = object()
_MESSAGES: Final = frozenset({cmd.DELIVER_SM, cmd.DATA_SM})


class Owner(Protocol):
    """What a bind calls on its carrier."""

    def bound(self, bind: Bind) -> None:
        """Note that the operator accepted the bind."""

    def late(self, part: Part, outcome: Outcome) -> None:
        """Take the outcome of a part that was already reported as unsure."""

    def delivered(self, connection: Connection, pdus: list[Pdu]) -> None:
        """Take deliver_sm and data_sm; respond to them on ``connection``."""


class Bind:
    """
    One SMPP session with the operator; it connects again whenever it breaks.

    Args:
        name: For logs: ``carrier/1``, ``carrier/1/rx``.
        command: bind_transceiver, bind_transmitter or bind_receiver.
        settings: The carrier's.
        submissions: The parts to submit; a receiver's stays empty.
        counters: The carrier's.
        owner: The carrier.
        random: For the jitter of pauses.

    Attributes:
        submissions: The parts to submit.
        sends: Whether it may submit: it is no receiver.
        bound: It is bound, and neither we nor the operator are unbinding.
        trouble: Why it is not bound; empty while it is.

    """

    def __init__(
        self,
        name: str,
        command: int,
        *,
        settings: Settings,
        submissions: Submissions,
        counters: Counters,
        owner: Owner,
        random: Random,
    ) -> None:
        self.name = name
        self.submissions = submissions
        self.bound = False
        self.trouble = "not bound yet"
        self.sends = command != cmd.BIND_RECEIVER
        self._command = command
        self._settings = settings
        self._counters = counters
        self._owner = owner
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._limits = _limits(settings)
        self._connection: Connection | None = None
        self._bound_at: float | None = None
        self._pause = 0.0
        self._fault_logged = False
        self._flaps = FlapDetector(
            settings.flaps,
            first=settings.flap_pause_min,
            longest=settings.flap_pause_max,
            well=self._longest(),
        )
        self._flap_pause = 0.0
        self._answered = 0
        self._unbind: Pdu | None = None  # the operator's, not answered yet
        self._ending = asyncio.Event()

    @property
    def paused(self) -> bool:
        """Whether it pauses because its connection broke too often."""
        return self._flap_pause > 0

    # Connecting

    async def keep(self) -> None:
        """Bind, and bind again, until ``end`` is called or the task is cancelled."""
        try:
            while not self._ending.is_set():
                await self._attempt()
                await self._rest()
        finally:
            self._take_down()

    async def _attempt(self) -> None:
        """Connect, bind, and wait until the connection is closed."""
        settings = self._settings
        try:
            async with asyncio.timeout(settings.connect_timeout):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, self._limits, self._happened),
                    settings.host,
                    settings.port,
                    ssl=tls_context(settings.tls) if settings.tls else None,
                    server_hostname=server_name(settings),
                )
        except TimeoutError:
            self._failed(f"no connection in {settings.connect_timeout:g} s")
            return
        except (OSError, ssl.SSLError, UnicodeError, ValueError) as error:
            self._failed(f"no connection: {error}")
            return
        if self._ending.is_set():
            connection.cut()
            return
        self._connection = connection
        connection.ask(self._command, bind_request(settings), _BIND, self._loop.time())
        await connection.over

    async def _rest(self) -> None:
        """Pause before the next attempt: twice as long each time, with jitter."""
        settings = self._settings
        self._pause = min(self._pause * 2 or settings.reconnect_min, self._longest())
        seconds = self._pause * self._random.uniform(0.75, 1.25)
        try:
            async with asyncio.timeout(max(seconds, self._flap_pause)):
                await self._ending.wait()
        except TimeoutError:
            pass
        finally:
            self._flap_pause = 0.0

    def _longest(self) -> float:
        return max(self._settings.reconnect_min, self._settings.reconnect_max)

    def _failed(self, reason: str) -> None:
        """Note and log that a connection, or an attempt at one, has ended."""
        if self._bound_at is None:
            self._counters.binds_failed += 1
        else:
            self._counters.bound -= 1
            if self._loop.time() - self._bound_at > self._longest():
                self._pause = 0.0  # bound for long: begin with the shortest pause
            self._bound_at = None
        self.bound = False
        self.trouble = reason
        level = logging.INFO if self._ending.is_set() else logging.WARNING
        log.log(level, "%s is down: %s", self.name, reason, extra=self._extra())

    def _extra(self, **more: Any) -> dict[str, Any]:
        settings = self._settings
        peer = f"{settings.host}:{settings.port}"
        return {"bind": self.name, "peer": peer, "system_id": settings.system_id} | more

    # Events of the session

    def _happened(self, connection: Connection, events: list[Event]) -> None:
        """Handle the events of one read or tick; report the outcomes as one batch."""
        delivered: list[Pdu] = []
        submissions = self.submissions
        for event in events:
            if type(event) is Answered:
                if event.pdu.fault is not None:
                    self._cut(event.pdu)
                if type(event.token) is tuple:
                    self._answered += 1
                    submissions.answered(event.token, event.pdu)
                elif event.token is _BIND:
                    self._bind_answered(connection, event.pdu)
            elif type(event) is Received and event.pdu.command in _MESSAGES:
                if event.pdu.fault is not None:
                    self._cut(event.pdu)
                delivered.append(event.pdu)
            elif type(event) is Expired:
                submissions.expired(event.token)
            else:
                self._other(connection, event)
        if delivered:
            self._owner.delivered(connection, delivered)
        submissions.flush()
        if self._unbind is not None and not connection.session.outstanding:
            self._let_go(connection)

    def _other(self, connection: Connection, event: Event) -> None:
        match event:
            case Late(token, pdu):
                self._counters.late += 1
                self._owner.late(token[1], self.submissions.outcome(pdu))
            case Closed(reason, unanswered):
                self._closed(connection, reason, unanswered)
            case Received(pdu):
                self._respond(connection, pdu)
            case Malformed(error, command, sequence):
                self._counters.malformed += 1
                if seldom(self._counters.malformed):
                    extra = self._extra(command=cmd.name(command), sequence=sequence)
                    log.warning("%s: malformed PDU: %s", self.name, error, extra=extra)
            case Unexpected(pdu):
                self._counters.unexpected += 1
                if seldom(self._counters.unexpected):
                    extra = self._extra(sequence=pdu.sequence, status=pdu.status)
                    what = cmd.name(pdu.command)
                    log.warning(
                        "%s: unexpected response %s", self.name, what, extra=extra
                    )

    def _cut(self, pdu: Pdu) -> None:
        """Count a fault behind the mandatory parameters; log the first one."""
        self._counters.cut += 1
        if self._fault_logged:
            return
        self._fault_logged = True
        extra = self._extra(command=cmd.name(pdu.command), sequence=pdu.sequence)
        what = "%s: %s: %s; used the parameters before it. Ask the operator to repair"
        what += " it; this bind does not log it again"
        log.warning(what, self.name, cmd.name(pdu.command), pdu.fault, extra=extra)

    def _bind_answered(self, connection: Connection, pdu: Pdu) -> None:
        if pdu.status or pdu.command == cmd.GENERIC_NACK:
            connection.end(f"bind refused: {st.name(pdu.status)}")
            return
        self._bound_at = self._loop.time()
        self.bound = True
        self.trouble = ""
        self._counters.binds += 1
        self._counters.bound += 1
        log.info("%s is bound", self.name, extra=self._extra())
        if self.sends:
            self.submissions.up(connection)
        self._owner.bound(self)

    def _respond(self, connection: Connection, pdu: Pdu) -> None:
        """Respond to a PDU that is neither a delivery report nor a message."""
        if pdu.command == cmd.UNBIND:
            log.info("%s: the operator unbinds", self.name, extra=self._extra())
            # It may still answer submissions; those that it does not become unsure.
            self._unbind = pdu
            self.bound = False
            self.submissions.hold()
            self._loop.call_later(_LAST_ANSWERS, self._let_go, connection)
            return
        connection.session.respond(pdu)
        if pdu.command == cmd.OUTBIND:
            log.info("%s: ignored an outbind", self.name, extra=self._extra())

    def _let_go(self, connection: Connection) -> None:
        """Respond to the operator's unbind, which ends the session."""
        pdu, self._unbind = self._unbind, None
        if pdu is not None and connection is self._connection:
            connection.session.respond(pdu)
            connection.flush_soon()

    def _closed(
        self, connection: Connection, reason: str, unanswered: Sequence[Any]
    ) -> None:
        tokens = [token for token in unanswered if type(token) is tuple]
        fresh = {token[0] for token in connection.fresh if type(token) is tuple}
        self._connection = self._unbind = None
        bound_at = self._bound_at
        self._failed(reason)
        unsure = self.submissions.down(reason, tokens, fresh)
        if bound_at is not None and not self._ending.is_set():
            self._flapped(self._loop.time() - bound_at, unsure)

    def _flapped(self, lasted: float, unsure: int) -> None:
        """Pause a bind that keeps breaking: each time a window of parts is unsure."""
        flaps = self._flaps
        answered, self._answered = self._answered, 0
        self._flap_pause = flaps.ended(lasted, answered=answered, unsure=unsure)
        if not self._flap_pause:
            return
        what = f"the connection broke {flaps.count} times in a row with parts in flight"
        self.trouble = f"paused for {self._flap_pause:g} s after {what}: {self.trouble}"
        extra = self._extra(seconds=self._flap_pause, unsure=unsure)
        log.warning("%s is paused: %s", self.name, what, extra=extra)

    # The end

    async def end(self, seconds: float) -> None:
        """Unbind, wait at most these seconds for the response, and stay down."""
        self._ending.set()
        self.bound = False
        connection = self._connection
        if connection is None:
            return
        if connection.session.state is State.OPEN:
            connection.end("taken down")
        else:
            connection.ask(cmd.UNBIND, Empty(), _UNBIND, self._loop.time())
        done, _ = await asyncio.wait([connection.over], timeout=seconds)
        if not done:
            connection.end("no answer to unbind")
            connection.cut()

    def _take_down(self) -> None:
        """Close the connection and return all parts, however ``keep`` ended."""
        self._ending.set()
        connection = self._connection
        if connection is not None:
            connection.end("taken down")
            connection.cut()
        self.submissions.give_back("taken down")
        self.submissions.flush()


def _limits(settings: Settings) -> Limits:
    timing = Timing(
        session_init=0.0,
        enquire_link=settings.enquire_link,
        enquire_misses=settings.enquire_misses,
        response=settings.response_timeout,
    )
    return Limits(timing=timing, window=settings.window)


def bind_request(settings: Settings) -> BindPdu:
    """Make the body of our bind request."""
    return BindPdu(
        settings.system_id,
        settings.password,
        settings.system_type,
        settings.interface_version,
        settings.bind_ton,
        settings.bind_npi,
        settings.address_range,
    )


def server_name(settings: Settings) -> str | None:
    """Return the name that the operator's certificate must have; ``None``: no TLS."""
    if settings.tls is None:
        return None
    return settings.tls.server_name or settings.host


def tls_context(tls: Tls) -> ssl.SSLContext:
    """Make the TLS context; raises OSError for files that it cannot read or use."""
    context = ssl.create_default_context(cafile=tls.ca or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert:
        context.load_cert_chain(tls.cert, tls.key or None)
    return context
