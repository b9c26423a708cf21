"""Our requests without an answer: matched, expired, remembered for a while, lost."""

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
    """One request of ours; ``deadline`` is when it expires."""

    command: int
    token: Any
    deadline: float

    def answered_by(self, response: int) -> bool:
        """Whether this response command answers it: its own, or generic_nack."""
        return response in (self.command | cmd.RESPONSE, cmd.GENERIC_NACK)


class Window:
    """
    Requests in flight by sequence number, oldest first.

    Args:
        timeout: Seconds that each waits for its answer; 0: for ever.
        remember: Most expired requests that are still known.

    """

    __slots__ = ("_expired", "_in_flight", "_remember", "_sequence", "_timeout")

    def __init__(self, timeout: float, remember: int) -> None:
        self._timeout = timeout or inf
        self._remember = remember
        self._sequence = 0
        # All wait equally long, so the order of sending is that of deadlines.
        self._in_flight: dict[int, PendingRequest] = {}
        self._expired: OrderedDict[int, PendingRequest] = OrderedDict()

    def next_sequence(self) -> int:
        """Take the next number that neither is in flight nor may be answered late."""
        sequence = self._sequence
        while True:
            sequence = sequence + 1 if sequence < LAST_SEQUENCE else 1
            if sequence not in self._in_flight and sequence not in self._expired:
                self._sequence = sequence
                return sequence

    def add(self, sequence: int, command: int, token: Any, now: float) -> None:
        """Note a request as sent."""
        self._in_flight[sequence] = PendingRequest(command, token, now + self._timeout)

    def match(self, sequence: int, response: int) -> PendingRequest | None:
        """Match a response with its request, which is then no longer in flight."""
        asked = self._in_flight.get(sequence)
        if asked is None or not asked.answered_by(response):
            return None
        del self._in_flight[sequence]
        return asked

    def match_late(self, sequence: int, response: int) -> PendingRequest | None:
        """Match a response with a request that has expired."""
        asked = self._expired.get(sequence)
        if asked is None or not asked.answered_by(response):
            return None
        del self._expired[sequence]
        return asked

    def deadline(self) -> float:
        """Say when the oldest expires; infinity if none does."""
        for asked in self._in_flight.values():
            return asked.deadline
        return inf

    def expire(self, now: float) -> Iterator[tuple[int, PendingRequest]]:
        """Take out those whose time is over, oldest first, and remember them."""
        while self._in_flight:
            sequence, asked = next(iter(self._in_flight.items()))
            if asked.deadline > now:
                return
            del self._in_flight[sequence]
            self._expired[sequence] = asked
            if len(self._expired) > self._remember:
                self._expired.popitem(last=False)
            yield sequence, asked

    def empty(self) -> list[PendingRequest]:
        """Take out all, oldest first: the link is gone."""
        lost = list(self._in_flight.values())
        self._in_flight.clear()
        return lost
