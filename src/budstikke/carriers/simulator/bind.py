"""One connection of an SMPP client to the simulated operator."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, cast

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
    from budstikke.carriers.simulator.listener import Listener
    from budstikke.carriers.simulator.mailbox import Mailbox
    from budstikke.smpp import Pdu

RECEIVES: Final = frozenset({State.BOUND_RX, State.BOUND_TRX})

SYSTEM_ID: Final = "simulator"

VERSION: Final = ((tags.SC_INTERFACE_VERSION, b"\x34"),)


class Bind(asyncio.Protocol):
    """
    Moves octets between a transport and a session, and acts on what is asked.

    What one read asks is answered in one write.

    Attributes:
        system_id: Who is bound; empty before that.

    """

    def __init__(self, listener: Listener) -> None:
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
        """Begin."""
        # uvloop's is none by inheritance, so that this cannot be asked of it.
        self._transport = cast("asyncio.Transport", transport)
        self._listener.connected(self)
        self._arm()

    def data_received(self, data: bytes) -> None:
        """Take what came, and answer it."""
        for event in self._session.receive(data, self._loop.time()):
            self._happened(event)
        self._pump()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take back what was not answered: the next bind gets it."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._lose(str(exc or "closed by the client"))
        self._listener.disconnected(self)

    def pause_writing(self) -> None:
        """Read no more from a client that does not read itself."""
        self._blocked = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on."""
        self._blocked = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        self._pump()

    # What the listener calls

    def deliver(self, delivery: Delivery) -> bool:
        """Send a deliver_sm with this turn's write; ``False``: not now."""
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
        """Answer a submit_sm with this turn's write."""
        body = None if status else MessageId(message_id)
        self._session.respond(request, status, body)
        self._flush_soon()

    def unbind(self) -> None:
        """Say goodbye: the operator stops; the client's answer closes the link."""
        asked = self._session.send_request(cmd.UNBIND, Empty(), None, self._loop.time())
        self._flush()
        if asked is None:
            self.close()

    def close(self) -> None:
        """Wait no longer."""
        if self._transport is not None:
            self._transport.close()

    # What happens

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
        """Count submit_sm against the limit, by the second."""
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

    # When

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what is to be written; close when the session is over."""
        self._flushing = False
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
        """Have ``tick`` called when the session wants it."""
        due = self._session.next_deadline()
        if self._timer is not None:
            if self._timer_due <= due:
                return
            self._timer.cancel()
        self._timer_due = due
        self._timer = self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        self._timer = None
        for event in self._session.tick(self._loop.time()):
            self._happened(event)
        self._pump()
        self._flush()
