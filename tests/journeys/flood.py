"""An operator that delivers messages from phones as fast as they are answered."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING, NamedTuple, cast

from budstikke.smpp import BOUND, Answered, Closed, Limits, Received, Role, Session
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, BindResp, Sm
from journeys.processes import free_port
from journeys.web import Background

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from budstikke.smpp import Event

TICK = 0.02


class Delivery(NamedTuple):
    """A deliver_sm: part ``number`` of message ``key``; no ``udh``: all of it."""

    key: int
    number: int
    phone: str
    to: str
    udh: bytes
    text: bytes


class Flood:
    """
    The operator; it gives again what was not answered, or not with yes.

    Args:
        deliveries: What it delivers, in order.
        window: Those without an answer.

    Attributes:
        acknowledged: Those that were answered with yes.
        sent: How many were written, those that were given again among them.
        refused: How many were answered with no.

    """

    def __init__(self, deliveries: Iterable[Delivery], window: int) -> None:
        self.port = free_port()
        self.acknowledged: set[tuple[int, int]] = set()
        self.sent = 0
        self.refused = 0
        self._window = window
        self._due = deque(deliveries)
        self._background = Background()
        self._background.run(self._open())

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Link(self), "127.0.0.1", self.port, reuse_address=True
        )

    def close(self) -> None:
        self._background.loop.call_soon_threadsafe(self._server.close)
        self._background.close()

    def has_acknowledged(self, count: int) -> Callable[[], bool]:
        """Make the question whether so many were answered with yes."""
        return lambda: len(self.acknowledged) >= count

    # For links

    def session(self) -> Session:
        return Session(Role.MC, Limits(window=self._window), time.time())

    def pump(self, session: Session) -> None:
        """Give as many as the window has room for."""
        now = time.time()
        while self._due and session.state in BOUND and session.room() > 0:
            it = self._due.popleft()
            sm = Sm(
                source_addr_ton=1,
                source_addr_npi=1,
                source_addr=it.phone,
                destination_addr=it.to,
                esm_class=0x40 if it.udh else 0,
                short_message=it.udh + it.text,
            )
            session.send_request(cmd.DELIVER_SM, sm, it, now)
            self.sent += 1

    def answered(self, delivery: Delivery, status: int) -> None:
        if status == st.ESME_ROK:
            self.acknowledged.add((delivery.key, delivery.number))
        else:
            self.refused += 1
            self._due.append(delivery)

    def unanswered(self, tokens: Iterable[object]) -> None:
        lost = [token for token in tokens if isinstance(token, Delivery)]
        self._due.extendleft(reversed(lost))


class _Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood
        self._session = flood.session()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        self._handle(self._session.lost("gone"))

    def data_received(self, data: bytes) -> None:
        self._handle(self._session.receive(data, time.time()))
        self._flood.pump(self._session)
        if self._transport is not None:
            self._transport.write(self._session.data_to_send())

    def _handle(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, Received):
                self._asked(event)
            elif isinstance(event, Answered):
                assert isinstance(event.token, Delivery)
                self._flood.answered(event.token, event.pdu.status)
            elif isinstance(event, Closed):
                self._flood.unanswered(event.unanswered)

    def _asked(self, event: Received) -> None:
        if isinstance(event.pdu.body, Bind):
            self._session.respond(event.pdu, st.ESME_ROK, BindResp("flood"))
        else:
            self._session.respond(event.pdu)
