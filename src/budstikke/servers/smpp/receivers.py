"""
The bound sessions that may receive, by access, and deliver_sm on them.

A session is here from its bind_receiver or bind_transceiver until its end. Whoever has
a delivery report or an inbound message for an access calls ``Receivers.deliver``, and
gets the command status with which the customer responded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from budstikke.dialects.smpp.address_range import serves
from budstikke.flow.transports import NoSessionFor, NotReached
from budstikke.smpp.pdus import DataSm, Sm

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.smpp import Body, Tlvs

WINDOW_WAIT: Final = 10.0
"""Seconds that a delivery waits for a window with room; then it is not reached."""

_MESSAGE_TYPE: Final = 0x3C
"""Bits of esm_class that are 0 in a message from a phone (SMPP 3.4 § 5.2.12)."""


class Receiver(Protocol):
    """A bound session that may receive: ``session.SmppSession``."""

    address_range: str
    """The range of its bind, as the customer wrote it; empty: all addresses."""

    def room(self) -> int:
        """How many deliveries its window still holds."""

    def send(
        self, command: int, body: Body, tlvs: Tlvs, response: asyncio.Future[int]
    ) -> bool:
        """
        Send a request; ``False``: not sent, and ``response`` is left alone.

        ``response`` gets the command status, or ``NotReached`` if the session ends or
        the customer does not respond in time. May raise PduError.
        """


@dataclass(slots=True)
class _Bound:
    """The receivers of one access, and the deliveries that wait for a window."""

    receivers: list[Receiver] = field(default_factory=list)
    waiting: deque[_Delivery] = field(default_factory=deque)


@dataclass(slots=True, eq=False)
class _Delivery:
    """A deliver_sm that is not sent yet; ``response`` gets its outcome."""

    command: int
    body: Body
    tlvs: Tlvs
    response: asyncio.Future[int]

    @property
    def address(self) -> str:
        """The address that a receiver's range must cover; empty: any receiver's."""
        body = self.body
        if not isinstance(body, Sm | DataSm) or body.esm_class & _MESSAGE_TYPE:
            return ""  # a delivery report: its addresses are those of a submission
        return body.destination_addr


class Receivers:
    """
    Sends deliveries to bound customers; use from one event loop.

    Deliveries of one access are sent in the order of the calls, on whichever of its
    sessions has room in its window. A message from a phone goes only to a session whose
    ``address_range`` covers its destination; a delivery report goes to any.

    Attributes:
        on_change: Is called with an access's id when its first receiver binds.

    """

    def __init__(self) -> None:
        self.on_change: Callable[[int], None] = lambda _access_id: None
        self._by_access: dict[int, _Bound] = {}

    def bound(self, access_id: int) -> bool:
        """Tell whether any session of this access may receive."""
        return access_id in self._by_access

    def add(self, access_id: int, receiver: Receiver) -> None:
        """Add a session that has bound as receiver or transceiver."""
        bound = self._by_access.get(access_id)
        if bound is None:
            bound = self._by_access[access_id] = _Bound()
        bound.receivers.append(receiver)
        if len(bound.receivers) == 1:
            self.on_change(access_id)
        else:
            self.pump(access_id)

    def remove(self, access_id: int, receiver: Receiver) -> None:
        """Remove a session that unbinds or has ended."""
        bound = self._by_access.get(access_id)
        if bound is None or receiver not in bound.receivers:
            return
        bound.receivers.remove(receiver)
        if bound.receivers:
            return
        del self._by_access[access_id]
        for delivery in bound.waiting:
            _fail(delivery.response, "the last receiver has gone")

    def pump(self, access_id: int) -> None:
        """Send what waits; sessions call this when their window has room again."""
        bound = self._by_access.get(access_id)
        while bound is not None and bound.waiting:
            delivery = bound.waiting[0]
            if not (delivery.response.done() or _sent(bound.receivers, delivery)):
                return
            bound.waiting.popleft()

    async def deliver(
        self, access_id: int, command: int, body: Body, tlvs: Tlvs = ()
    ) -> int:
        """
        Send a deliver_sm or data_sm; return the command status of the response.

        A generic_nack counts as a response, with its own status.

        Raises:
            NotReached: No receiver is bound whose range has the address, no window had
                room within ``WINDOW_WAIT`` seconds, the customer did not respond in
                time, or the connection ended.
            PduError: The body cannot be written.

        """
        bound = self._by_access.get(access_id)
        if bound is None:
            raise NotReached("no receiver is bound")
        loop = asyncio.get_running_loop()
        delivery = _Delivery(command, body, tlvs, loop.create_future())
        if not any(_covers(each, delivery.address) for each in bound.receivers):
            raise NoSessionFor("no receiver's address_range covers the address")
        if not bound.waiting and _sent(bound.receivers, delivery):
            return await delivery.response
        bound.waiting.append(delivery)
        timer = loop.call_later(WINDOW_WAIT, self._give_up, bound, delivery)
        try:
            return await delivery.response
        finally:
            timer.cancel()

    def _give_up(self, bound: _Bound, delivery: _Delivery) -> None:
        """Fail a delivery that still waits for a window."""
        if delivery in bound.waiting:
            bound.waiting.remove(delivery)
            _fail(delivery.response, "the receivers' windows are full")


def _covers(receiver: Receiver, address: str) -> bool:
    return not address or serves(receiver.address_range, address)


def _sent(receivers: list[Receiver], delivery: _Delivery) -> bool:
    """Send on the session with most room; ``False``: none has room."""
    able = [each for each in receivers if _covers(each, delivery.address)]
    best = max(able, key=lambda each: each.room(), default=None)
    if best is None or best.room() < 1:
        return False
    return best.send(delivery.command, delivery.body, delivery.tlvs, delivery.response)


def _fail(response: asyncio.Future[int], reason: str) -> None:
    if not response.done():
        response.set_exception(NotReached(reason))
