"""One connection of an SMPP client to the simulated operator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol, cast

from budstikke.carriers.simulator.redelivery import RedeliveryBackoff
from budstikke.smpp import (
    Answered,
    Closed,
    Event,
    Expired,
    Limits,
    Received,
    Role,
    Session,
    State,
    Timing,
    tags,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind as BindBody
from budstikke.smpp.pdus import BindResp, Empty, MessageId, Sm
from budstikke.smpp.versions import speaks_parameters

if TYPE_CHECKING:
    from asyncio import TimerHandle

    from budstikke.carriers.simulator.deliver import Delivery
    from budstikke.carriers.simulator.faults import Faults
    from budstikke.carriers.simulator.mailbox import Mailbox
    from budstikke.carriers.simulator.settings import ListenerSettings
    from budstikke.smpp import Pdu

RECEIVES: Final = frozenset({State.BOUND_RX, State.BOUND_TRX})

SYSTEM_ID: Final = "simulator"

HALF_OPEN: Final = 1.0
"""Seconds after which a half-open connection sees whether it is whole again."""

VERSION: Final = ((tags.SC_INTERFACE_VERSION, b"\x34"),)


class Server(Protocol):
    """What a bind calls on its listener."""

    settings: ListenerSettings

    @property
    def faults(self) -> Faults:
        """The faults that are switched on."""

    def connected(self, bind: Bind) -> None:
        """Add a connection."""

    def disconnected(self, bind: Bind) -> None:
        """Remove a connection."""

    def check(self, system_id: str, password: str) -> int:
        """Return the command status of a bind with this login."""

    def mailbox(self, system_id: str) -> Mailbox:
        """Return the client's mailbox."""

    def fetch(self) -> None:
        """Take what phones have sent."""

    def submitted(self, bind: Bind, pdu: Pdu, body: Sm) -> None:
        """Take a submit_sm, and respond to it."""


class Bind(asyncio.Protocol):
    """
    Moves octets between a connection and a session, and handles the client's requests.

    All responses to the requests of one read go out in one write.

    Attributes:
        system_id: The client that is bound; empty before that.

    """

    def __init__(self, listener: Server) -> None:
        self.system_id = ""
        self._listener = listener
        self._settings = listener.settings
        self._loop = asyncio.get_running_loop()
        timing = Timing(
            enquire_link=self._settings.enquire_link,
            response=self._settings.response_timeout,
        )
        limits = Limits(timing=timing, window=self._settings.window)
        self._session = Session(Role.MC, limits, self._loop.time())
        self._transport: asyncio.Transport | None = None
        self._mailbox: Mailbox | None = None
        self._timer: TimerHandle | None = None
        self._timer_due = 0.0
        self._flushing = False
        self._blocked = False
        self._second = 0
        self._submits = 0
        self._patience = RedeliveryBackoff()

    @property
    def version(self) -> int:
        """The client's interface_version (SMPP 3.4 § 5.2.4)."""
        return self._session.version

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the session's timer."""
        # Not asserted: uvloop's transport is no subclass of asyncio.Transport.
        self._transport = cast("asyncio.Transport", transport)
        self._listener.connected(self)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Handle the PDUs of one read."""
        if self._listener.faults.half_open:
            return
        for event in self._session.receive(data, self._loop.time()):
            self._happened(event)
        self._pump()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Return unacknowledged deliveries to the mailbox: the next bind gets them."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._lose(str(exc or "closed by the client"))
        self._listener.disconnected(self)

    def pause_writing(self) -> None:
        """Stop reading from a client that does not read."""
        self._blocked = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read again."""
        self._blocked = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._pump()

    # What the listener calls

    def deliver(self, delivery: Delivery) -> bool:
        """Send a deliver_sm at the end of this turn of the loop; ``False``: not now."""
        session, now = self._session, self._loop.time()
        if self._blocked or not self._patience.may_ask(now, session.outstanding):
            return False
        body = delivery.body
        if delivery.old is not None and not speaks_parameters(session.version):
            body = delivery.old
        sequence = session.send_request(
            cmd.DELIVER_SM, body, delivery, now, delivery.tlvs
        )
        if sequence is None:
            return False
        self._flush_soon()
        return True

    def respond(self, request: Pdu, status: int, message_id: str = "") -> None:
        """Respond to a submit_sm at the end of this turn of the loop."""
        body = None if status else MessageId(message_id)
        self._session.respond(request, status, body)
        self._flush_soon()

    def unbind(self) -> None:
        """Unbind; the client's response closes the connection."""
        asked = self._session.send_request(cmd.UNBIND, Empty(), None, self._loop.time())
        self._flush()
        if asked is None:
            self.close()

    def close(self) -> None:
        """Close without waiting for a response."""
        if self._transport is not None:
            self._transport.close()

    # Events of the session

    def _happened(self, event: Event) -> None:
        match event:
            case Received(pdu):
                self._asked(pdu)
            case Answered(token, pdu) if token is not None:
                nack = pdu.command == cmd.GENERIC_NACK
                status = pdu.status or (st.ESME_RUNKNOWNERR if nack else 0)
                self._acknowledged(token, status)
            case Expired(token):
                self._acknowledged(token, st.ESME_RX_T_APPN)
            case Closed(_, unanswered):
                self._leave([each for each in unanswered if each is not None])

    def _asked(self, pdu: Pdu) -> None:
        body = pdu.body
        if pdu.command == cmd.SUBMIT_SM and isinstance(body, Sm):
            if self._is_too_fast():
                self.respond(pdu, st.ESME_RTHROTTLED)
            else:
                self._listener.submitted(self, pdu, body)
        elif isinstance(body, BindBody):
            self._bind(pdu, body)
        elif pdu.command == cmd.UNBIND:
            self._session.respond(pdu)
        elif pdu.command not in cmd.UNANSWERED:
            self._session.respond(pdu, st.ESME_RINVCMDID)

    def _bind(self, pdu: Pdu, body: BindBody) -> None:
        status = self._listener.check(body.system_id, body.password)
        if status:
            self._session.respond(pdu, status)
            return
        self._session.respond(pdu, 0, BindResp(SYSTEM_ID), VERSION)
        self.system_id = body.system_id
        self._mailbox = self._listener.mailbox(body.system_id)
        if self._session.state in RECEIVES:
            self._mailbox.add_bind(self)
            self._listener.fetch()

    def _is_too_fast(self) -> bool:
        """Count submit_sm of this second, and compare with the limit."""
        limit = self._settings.throughput
        if not limit:
            return False
        second = int(self._loop.time())
        if second != self._second:
            self._second, self._submits = second, 0
        self._submits += 1
        return self._submits > limit

    def _acknowledged(self, delivery: Delivery, status: int) -> None:
        mailbox = self._mailbox
        if mailbox is None:
            return
        if not status:
            self._patience.accepted()
        elif (seconds := mailbox.refused(delivery, status)) is not None:
            rest = self._patience.refused(self._loop.time())
            self._loop.call_later(seconds, mailbox.retry, delivery)
            self._loop.call_later(rest, mailbox.pump)
            return
        if mailbox.has_room():
            self._listener.fetch()

    def _lose(self, reason: str) -> None:
        for event in self._session.lost(reason):
            self._happened(event)

    def _leave(self, unanswered: list[Delivery]) -> None:
        if self._mailbox is not None:
            self._mailbox.remove_bind(self, unanswered)
            self._mailbox = None

    def _pump(self) -> None:
        if self._mailbox is not None:
            self._mailbox.pump()

    # Timers

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what the session has to send; close the connection if it is over."""
        self._flushing = False
        if self._listener.faults.half_open:
            return
        data = self._session.data_to_send()
        transport = self._transport
        if transport is None:
            return
        if data and not transport.is_closing():
            transport.write(data)
        if self._session.state is State.CLOSED:
            self._lose("over")
            transport.close()
        else:
            self._arm()

    def _arm(self) -> None:
        """Set a timer for the session's next ``tick``."""
        due = self._session.next_deadline()
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._listener.faults.half_open:
            self._timer_due = self._loop.time() + HALF_OPEN
            self._timer = self._loop.call_at(self._timer_due, self._tick)
            return
        for event in self._session.tick(self._loop.time()):
            self._happened(event)
        self._pump()
        self._flush()
