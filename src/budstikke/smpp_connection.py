"""One TCP connection with a peer: it moves octets between socket and session."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, cast

from budstikke.smpp import Event, Limits, Role, Session, State

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, TimerHandle, Transport
    from collections.abc import Callable

    from budstikke.smpp import Tlvs
    from budstikke.smpp.pdus import Body

_LINGER: Final = 2.0
"""Seconds for the last octets to leave, before the connection is cut."""


class Connection(asyncio.Protocol):
    """
    The asyncio protocol of one SMPP session.

    Requests and responses of one turn of the event loop go out in one write.

    Args:
        loop: The running one; its clock is the session's.
        limits: The session's.
        on_events: Called with the session's events. The last call has ``Closed``;
            then ``over`` is done.
        role: Our side. As a message centre we stop reading from a client that does not
            read: else its responses would fill the memory.
        on_made: Called when the connection is made, its TLS handshake included.

    Attributes:
        session: The SMPP session.
        over: Done when the connection is closed.
        fresh: Tokens of requests that are not written yet.
        blocked: The peer does not read, and our write buffer is full.

    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        limits: Limits,
        on_events: Callable[[Connection, list[Event]], None],
        role: Role = Role.ESME,
        on_made: Callable[[], None] | None = None,
    ) -> None:
        self._loop = loop
        self._on_events = on_events
        self._role = role
        self._on_made = on_made
        self._tick_every = min(1.0, limits.timing.response / 4)
        self._transport: Transport | None = None
        self._flushing = False
        self._timer: TimerHandle | None = None
        self.session = Session(role, limits, loop.time())
        self.over: asyncio.Future[None] = loop.create_future()
        self.fresh: list[Any] = []
        self.blocked = False

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the session's timer."""
        self._transport = cast("Transport", transport)  # uvloop's is no subclass
        self._timer = self._loop.call_later(self._tick_every, self._tick)
        if self._on_made is not None:
            self._on_made()

    def data_received(self, data: bytes) -> None:
        """Give the octets to the session, and its events to ``on_events``."""
        session = self.session
        events = session.receive(data, self._loop.time())
        if session.state is State.CLOSED:
            self._happened(events)
            return
        if events:
            self._on_events(self, events)
        if session.out:
            self.flush_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the session."""
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        reason = f"connection lost: {exc}" if exc else "closed by the peer"
        events = self.session.lost(reason)
        if events:
            self._on_events(self, events)
        if not self.over.done():
            self.over.set_result(None)

    def pause_writing(self) -> None:
        """Note that the write buffer is full."""
        self.blocked = True
        if self._role is Role.MC and self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Note that the peer reads again, and let the owner go on."""
        self.blocked = False
        if self._role is Role.MC and self._transport is not None:
            self._transport.resume_reading()
        self._on_events(self, [])

    # What the owner calls

    def info(self, name: str) -> Any:
        """Return what the transport knows of the connection: ``peername`` and so on."""
        return self._transport and self._transport.get_extra_info(name)

    def ask(
        self, command: int, body: Body, token: Any, now: float, tlvs: Tlvs = ()
    ) -> bool:
        """
        Send a request at the end of this turn of the loop.

        Returns ``False`` if the window is full.

        Raises:
            PduError: The body has a value that the PDU cannot hold.

        """
        self.flush_soon()
        sequence = self.session.send_request(command, body, token, now, tlvs)
        if sequence is None:
            return False
        self.fresh.append(token)
        return True

    def flush_soon(self) -> None:
        """Write what the session has to send at the end of this turn of the loop."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def end(self, reason: str) -> None:
        """Close from our side; ``Closed`` names the requests without a response."""
        self._flush()
        self._happened(self.session.lost(reason))

    def cut(self) -> None:
        """Close the connection at once; what is not written is lost."""
        if self._transport is not None:
            self._transport.abort()

    def _flush(self) -> None:
        self._flushing = False
        data = self.session.data_to_send()
        if data and self._transport is not None:
            self._transport.write(data)
            self.fresh.clear()
        if self.session.state is State.CLOSED:
            self._close()

    def _close(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            self._loop.call_later(_LINGER, self.cut)

    def _tick(self) -> None:
        self._timer = self._loop.call_later(self._tick_every, self._tick)
        self._happened(self.session.tick(self._loop.time()))

    def _happened(self, events: list[Event]) -> None:
        session = self.session
        if session.state is State.CLOSED:
            # Flush before reporting ``Closed``: requests already accepted count as
            # written, so their outcome is unknown, and our last response goes out.
            self._flush()
        if events:
            self._on_events(self, events)
        self.flush_soon()
