"""The receipts and messages from phones that wait for one client's binds."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from budstikke.carriers.simulator.redelivery import FINAL, pause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.carriers.simulator.deliver import Delivery

MOST: Final = 200_000
"""Deliveries that wait for a client at most; beyond it the oldest are dropped."""


class Receiver(Protocol):
    """A bind that receives."""

    def deliver(self, delivery: Delivery) -> bool:
        """Send it; ``False``: not now."""


class Mailbox:
    """
    The deliveries of one client, in order, for all its binds.

    Attributes:
        dropped: Deliveries given up: the client refused them for good, or too many.

    """

    def __init__(self) -> None:
        self.dropped = 0
        self._waiting: deque[Delivery] = deque()
        self._refused = 0
        self._given = 0
        self._binds: list[Receiver] = []

    def __len__(self) -> int:
        return len(self._waiting) + self._refused

    def add_bind(self, bind: Receiver) -> None:
        """Deliver on this bind, too."""
        self._binds.append(bind)
        self.pump()

    def remove_bind(self, bind: Receiver, unanswered: Sequence[Delivery]) -> None:
        """Remove a bind; its deliveries without a response go first in the queue."""
        if bind in self._binds:
            self._binds.remove(bind)
        self._waiting.extendleft(reversed(unanswered))
        self.pump()

    def has_room(self) -> bool:
        """Whether a message from a phone would be delivered at once."""
        return bool(self._binds) and not self._waiting

    def put(self, *deliveries: Delivery) -> None:
        """Queue deliveries; ``pump`` sends them."""
        for delivery in deliveries:
            self._given += 1
            delivery.place = self._given
        self._waiting.extend(deliveries)
        while len(self._waiting) > MOST:
            self._waiting.popleft()
            self.dropped += 1

    def pump(self) -> None:
        """Send as many as the binds take."""
        for bind in tuple(self._binds):
            while self._waiting and bind.deliver(self._waiting[0]):
                self._waiting.popleft()

    def refused(self, delivery: Delivery, status: int) -> float | None:
        """
        Note that the client refused a delivery.

        Returns the seconds after which to call ``retry``; ``None``: it is given up.
        """
        if status in FINAL:
            self.dropped += 1
            return None
        delivery.refused += 1
        self._refused += 1
        return pause(delivery.refused)

    def retry(self, delivery: Delivery) -> None:
        """Put a refused delivery back in its place, and send it again."""
        self._refused -= 1
        earlier = []
        while self._waiting and self._waiting[0].place < delivery.place:
            earlier.append(self._waiting.popleft())
        self._waiting.appendleft(delivery)
        self._waiting.extendleft(reversed(earlier))
        self.pump()
