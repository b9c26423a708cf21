"""Our requests that have no response yet, and those that expired lately."""

from __future__ import annotations

from collections import OrderedDict
from math import inf
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from budstikke.smpp import commands as cmd

if TYPE_CHECKING:
    from collections.abc import Iterator

LAST_SEQUENCE: Final = 0x7FFFFFFF
"""Sequence numbers run from 1 to this (SMPP 3.4 § 3.2), and wrap."""


class PendingRequest(NamedTuple):
    """One request of ours, and when it expires."""

    command: int
    token: Any
    deadline: float

    def answered_by(self, response: int) -> bool:
        """Whether a PDU of this command is its response: its own, or generic_nack."""
        return response in (self.command | cmd.RESPONSE, cmd.GENERIC_NACK)


class Window:
    """
    Requests in flight by sequence number, oldest first.

    Args:
        timeout: Seconds that each waits for its response; 0: for ever.
        remember: Expired requests to remember.

    Attributes:
        upcoming: The sequence number of the next request: none in flight or remembered
            has it.

    """

    __slots__ = ("_expired", "_in_flight", "_remember", "_timeout", "upcoming")

    def __init__(self, timeout: float, remember: int) -> None:
        self._timeout = timeout or inf
        self._remember = remember
        self.upcoming = 1
        # All wait equally long, so they are in the order of their deadlines.
        self._in_flight: dict[int, PendingRequest] = {}
        self._expired: OrderedDict[int, PendingRequest] = OrderedDict()

    def add(self, command: int, token: Any, now: float) -> None:
        """Note a request with the upcoming number as sent."""
        deadline = now + self._timeout
        self._in_flight[self.upcoming] = PendingRequest(command, token, deadline)
        self.skip()

    def skip(self) -> None:
        """Use up the upcoming number."""
        sequence = self.upcoming
        while True:
            sequence = sequence + 1 if sequence < LAST_SEQUENCE else 1
            if sequence not in self._in_flight and sequence not in self._expired:
                self.upcoming = sequence
                return

    def match(self, sequence: int, response: int) -> PendingRequest | None:
        """Take the request of a response out of flight; ``None``: there is none."""
        return _take(self._in_flight, sequence, response)

    def match_late(self, sequence: int, response: int) -> PendingRequest | None:
        """Take the expired request of a response; ``None``: there is none."""
        return _take(self._expired, sequence, response)

    def deadline(self) -> float:
        """Return when the oldest request expires; infinity: none does."""
        for request in self._in_flight.values():
            return request.deadline
        return inf

    def expire(self, now: float) -> Iterator[tuple[int, PendingRequest]]:
        """Take expired requests out of flight, oldest first, and remember them."""
        while self._in_flight:
            sequence, request = next(iter(self._in_flight.items()))
            if request.deadline > now:
                return
            del self._in_flight[sequence]
            self._expired[sequence] = request
            if len(self._expired) > self._remember:
                self._expired.popitem(last=False)
            yield sequence, request

    def empty(self) -> list[PendingRequest]:
        """Take all requests out of flight, oldest first: the connection is gone."""
        lost = list(self._in_flight.values())
        self._in_flight.clear()
        return lost


def _take(
    requests: dict[int, PendingRequest], sequence: int, response: int
) -> PendingRequest | None:
    request = requests.get(sequence)
    if request is None or not request.answered_by(response):
        return None
    del requests[sequence]
    return request
