"""
One connection of a customer: its bind, its requests, deliveries to it, and its end.

Requests are answered as soon as they are durable, in whatever order that is; all
responses of one turn of the event loop go out in one write. A session that ends does so
when its requests are answered.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Final, Protocol

from budstikke.dialects.contract import Login
from budstikke.dialects.smpp import NAME
from budstikke.dialects.smpp.address_range import is_range
from budstikke.dialects.smpp.statuses import bind_status_of
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.transports import NotReached
from budstikke.servers.auth import Caller
from budstikke.servers.smpp.requests import REQUESTS, Customer
from budstikke.smpp import (
    BOUND,
    Answered,
    Closed,
    Event,
    Expired,
    Limits,
    PduError,
    Received,
    Role,
    State,
    tags,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, BindResp, Empty
from budstikke.smpp_connection import Connection

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from budstikke.dialects.smpp.settings import Settings
    from budstikke.domain.directory import Access
    from budstikke.servers.smpp.receivers import Receivers
    from budstikke.servers.smpp.requests import RequestBody, Requests
    from budstikke.smpp import Body, Pdu, Timing, Tlvs

log = logging.getLogger("budstikke.smpp")

SYSTEM_ID: Final = "budstikke"
VERSION: Final = ((tags.SC_INTERFACE_VERSION, b"\x34"),)

MOST_DELIVERIES: Final = 1000
"""deliver_sm in flight, whatever the setting ``deliver_window`` says."""

RECEIVES: Final = frozenset({State.BOUND_RX, State.BOUND_TRX})


class Server(Protocol):
    """What a session calls on its listener."""

    receivers: Receivers
    requests: Requests
    timing: Timing
    secure: bool

    def entered(self, session: SmppSession) -> bool:
        """Count a connection; ``False``: there are too many."""

    def left(self, session: SmppSession) -> None:
        """Uncount a connection that has ended."""

    async def log_in(self, login: Login, caller: Caller) -> Access:
        """Find and check an access; raises Refusal."""

    def bound(self, session: SmppSession, access: Access) -> None:
        """Count a bind; raises Refusal if the access has too many."""


class SmppSession:
    """
    One connection of a customer.

    Args:
        server: The listener.

    Attributes:
        client: The customer's address.
        access_id: The access that is bound; 0 before that.
        secret: The hash of its secret when it bound.
        address_range: The range of its bind.
        connection: The asyncio protocol.

    """

    def __init__(self, server: Server) -> None:
        self.client = ""
        self.access_id = 0
        self.secret: str | None = None
        self.address_range = ""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._deliver_window = MOST_DELIVERIES
        self._tasks: set[asyncio.Task[None]] = set()
        self._unbind: Pdu | None = None  # the customer's, not answered yet
        self._stopping = False
        limits = Limits(timing=server.timing, window=MOST_DELIVERIES)
        self.connection = Connection(
            self._loop, limits, self._happened, Role.MC, self._made
        )
        self._session = self.connection.session

    def _made(self) -> None:
        peer = self.connection.info("peername")
        self.client = str(peer[0]) if peer else ""
        if not self._server.entered(self):
            self.connection.cut()

    # What the session's events lead to

    def _happened(self, _connection: Connection, events: list[Event]) -> None:
        for event in events:
            match event:
                case Received(pdu):
                    self._asked(pdu)
                case Answered(token, pdu) if token is not None:
                    nack = pdu.command == cmd.GENERIC_NACK
                    status = pdu.status or (st.ESME_RUNKNOWNERR if nack else 0)
                    _answer(token, status)
                case Expired(token):
                    _fail(token, "no response in time")
                case Closed(reason, unanswered):
                    self._closed(reason, unanswered)
        if self.access_id:
            self._server.receivers.pump(self.access_id)

    def _asked(self, pdu: Pdu) -> None:
        body = pdu.body
        if isinstance(body, REQUESTS):
            if self._stopping:
                self._respond(pdu, st.ESME_RSYSERR)
            else:
                self._spawn(self._answer(pdu, body, len(self._tasks) + 1))
        elif isinstance(body, Bind):
            self._spawn(self._bind(pdu, body))
        elif pdu.command == cmd.UNBIND:
            self._server.receivers.remove(self.access_id, self)
            self._stopping, self._unbind = True, pdu
            self._end_if_idle()
        elif pdu.command not in cmd.UNANSWERED:
            self._respond(pdu, st.ESME_RINVCMDID)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._end_if_idle()

    async def _answer(self, pdu: Pdu, body: RequestBody, under_way: int) -> None:
        customer = Customer(self.access_id, self._session.version)
        response = await self._server.requests.answer(pdu, body, customer, under_way)
        self._respond(pdu, response.status, response.body)

    def _respond(
        self, pdu: Pdu, status: int, body: Body | None = None, tlvs: Tlvs = ()
    ) -> None:
        try:
            self._session.respond(pdu, status, body, tlvs)
        except PduError:  # an id or an address that cannot be written
            log.exception("cannot write a response to %s", cmd.name(pdu.command))
            self._session.respond(pdu, status or st.ESME_RSYSERR)
        self.connection.flush_soon()

    # Bind

    async def _bind(self, pdu: Pdu, body: Bind) -> None:
        try:
            access = await self._log_in(body)
            if self._session.state is not State.OPEN:
                return
            self._server.bound(self, access)
        except Refusal as refusal:
            names = {"result": refusal.code.value, **self._names(body.system_id)}
            log.info("refused a bind of a customer", extra=names)
            self._respond(pdu, bind_status_of(refusal))
            return
        except Exception:
            log.exception("bind failed: internal error")
            self._respond(pdu, st.ESME_RSYSERR)
            return
        settings: Settings = access.settings
        self.address_range = body.address_range
        self._deliver_window = settings.deliver_window
        self._respond(pdu, 0, BindResp(SYSTEM_ID), VERSION)
        log.info("customer bound", extra=self._names(body.system_id))
        if self._session.state in RECEIVES:
            self._server.receivers.add(access.id, self)

    async def _log_in(self, body: Bind) -> Access:
        if not body.system_id:
            raise Refusal(RefusalCode.MISSING_LOGIN)
        if not is_range(body.address_range):
            raise Refusal(RefusalCode.BAD_FIELD, field="address_range")
        login = Login(body.system_id, body.password or None)
        caller = Caller(self.client, self._server.secure, NAME, body.system_id)
        return await self._server.log_in(login, caller)

    def _names(self, system_id: str) -> dict[str, object]:
        return {
            "client": self.client,
            "identifier": system_id,
            "bind": self._session.state.value,
        }

    # Deliveries: see ``receivers.Receiver``

    def room(self) -> int:
        """How many deliveries its window still holds."""
        if self.connection.blocked or self._session.state not in RECEIVES:
            return 0
        return max(0, self._deliver_window - self._session.outstanding)

    def send(
        self, command: int, body: Body, tlvs: Tlvs, response: asyncio.Future[int]
    ) -> bool:
        """Send a delivery; ``response`` gets its outcome. May raise PduError."""
        return self.connection.ask(command, body, response, self._loop.time(), tlvs)

    # The end

    def stop(self) -> None:
        """Refuse further requests, answer those under way, and unbind."""
        self._stopping = True
        self._server.receivers.remove(self.access_id, self)
        self._end_if_idle()

    def cut(self) -> None:
        """Close the connection at once."""
        self.connection.cut()

    def _end_if_idle(self) -> None:
        """End a stopping session when no request of it is under way."""
        if not self._stopping or self._tasks:
            return
        if self._unbind is not None:
            unbind, self._unbind = self._unbind, None
            self._session.respond(unbind)
            self.connection.flush_soon()
            self._server.left(self)  # so that the customer may bind again at once
        elif self._session.state in BOUND:
            self.connection.ask(cmd.UNBIND, Empty(), None, self._loop.time())
        elif self._session.state is State.OPEN:
            self.connection.end("the gateway stops")

    def _closed(self, reason: str, unanswered: Sequence[Any]) -> None:
        for token in unanswered:
            _fail(token, "the connection ended")
        self._server.receivers.remove(self.access_id, self)
        if self.access_id:
            extra = {"client": self.client, "reason": reason}
            log.info("customer's session ended", extra=extra)
        self._server.left(self)


def _answer(response: asyncio.Future[int], status: int) -> None:
    if not response.done():
        response.set_result(status)


def _fail(response: asyncio.Future[int] | None, reason: str) -> None:
    if response is not None and not response.done():
        response.set_exception(NotReached(reason))
