"""
An endpoint: the callbacks that wait for one URL of a customer, and how it answers.

Callbacks start in order of id. Those of one message never run at the same time, and
"sent" never follows its final state, so that the last callback has the true state.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from budstikke.domain.callback import SendEvent
from budstikke.domain.message import StatusEvent
from budstikke.domain.states import FINAL_MESSAGE, MessageState
from budstikke.flow.circuit_breaker import CircuitBreaker

if TYPE_CHECKING:
    import asyncio

    from budstikke.domain.callback import Event
    from budstikke.domain.directory import Directory
    from budstikke.flow.callback_attempt import Target
    from budstikke.store.contract import CallbackRow

Key = tuple[int, str, int] | int
"""Access, topic and number or keyword; of statuses, the most frequent, the access."""

SPREAD = 0.005
"""Seconds between the due times of callbacks that an endpoint returns."""

SMOOTHED = 0.1
"""Weight of the latest response time in the smoothed one."""


WIDTH = 16
"""Concurrent requests to an endpoint that answers slowly, or never has."""

QUICK = 0.1
"""Seconds: an endpoint that answers in less gets all concurrency that is allowed."""

FINALS = 4096
"""Messages whose final state was delivered, to remember for each endpoint."""


def is_interim(row: CallbackRow) -> bool:
    """Whether a callback only says that an operator has the message."""
    event = row.event
    return isinstance(event, StatusEvent) and event.state == MessageState.SENT


def _is_final(row: CallbackRow) -> bool:
    event = row.event
    return isinstance(event, StatusEvent) and event.state in FINAL_MESSAGE


def key_of(access_id: int, event: Event) -> Key:
    """Return the key of an event's endpoint."""
    if isinstance(event, StatusEvent):
        return access_id
    if isinstance(event, SendEvent):
        return access_id, "send", 0
    place = event.keyword_id or -event.number_id
    return access_id, "reply" if event.reply else "inbound", place


class Endpoint:
    """
    One endpoint.

    Args:
        access_id: The access that it belongs to.
        event: One of its events.
        most: Requests at a time, if it answers quickly.

    Attributes:
        seen: The directory in which ``target`` was found.
        workers: Tasks that make its requests now.
        took: Smoothed seconds of its latest answers; ``None``: no answer yet.
        width: How many requests it may have at a time.

    """

    __slots__ = (
        "_behind",
        "_busy",
        "_finals",
        "_free_at",
        "_most",
        "_slot",
        "access_id",
        "circuit",
        "event",
        "seen",
        "target",
        "took",
        "waiting",
        "width",
        "workers",
    )

    def __init__(self, access_id: int, event: Event, most: int) -> None:
        self.access_id = access_id
        self.event = event
        self.circuit = CircuitBreaker()
        self.seen: Directory | None = None
        self.target: Target | None = None
        self.waiting: list[tuple[int, CallbackRow]] = []  # a heap
        self.workers: set[asyncio.Task[None]] = set()
        self.took: float | None = None
        self.width = min(most, WIDTH)
        self._most = most
        self._busy: set[int] = set()
        self._behind: dict[int, list[CallbackRow]] = {}
        self._finals: dict[int, None] = {}  # newest last
        self._slot = 0.0
        self._free_at = 0.0

    def put(self, row: CallbackRow) -> None:
        """Add a callback."""
        heappush(self.waiting, (row.id, row))

    def take(self) -> CallbackRow | None:
        """Take the next callback; call ``done`` when its attempt has ended."""
        while self.waiting:
            row = heappop(self.waiting)[1]
            message_id = row.event.message_id
            if message_id not in self._busy:
                self._busy.add(message_id)
                if _is_final(row):
                    self._remember(message_id)
                return row
            self._behind.setdefault(message_id, []).append(row)
        return None

    def _remember(self, message_id: int) -> None:
        self._finals[message_id] = None
        if len(self._finals) > FINALS:
            del self._finals[next(iter(self._finals))]

    def overtaken(self, row: CallbackRow) -> bool:
        """
        Whether an interim callback need not be made any more.

        The final state of its message is waiting or was taken: results of two
        transactions may come in either order, and the store may return a callback
        again.
        """
        message_id = row.event.message_id
        return is_interim(row) and (
            message_id in self._behind or message_id in self._finals
        )

    def too_late(self, row: CallbackRow) -> bool:
        """Whether the final state of an interim callback's message was taken."""
        return row.event.message_id in self._finals and is_interim(row)

    def done(self, row: CallbackRow, took: float | None = None) -> None:
        """
        Release a callback; the next one of its message may be made.

        ``took``: seconds until the customer's server answered; ``None``: it did not.
        """
        message_id = row.event.message_id
        self._busy.discard(message_id)
        if self._behind:
            for other in self._behind.pop(message_id, ()):
                self.put(other)
        if took is not None:
            before = took if self.took is None else self.took
            self.took = before + (took - before) * SMOOTHED
            self._adjust()

    def empty(self) -> list[CallbackRow]:
        """Take all waiting callbacks, in order of id."""
        rows = [row for _, row in self.waiting]
        for behind in self._behind.values():
            rows += behind
        self.waiting.clear()
        self._behind.clear()
        return sorted(rows, key=lambda row: row.id)

    def idle(self) -> bool:
        """Whether nothing waits, runs or fails here."""
        return not (self.waiting or self.workers or self.circuit.failures)

    def comes_back(self, now: float, pause: float) -> float:
        """
        Compute when a returned callback is due: one after another.

        ``pause`` is the time allowed for a probe that is already in flight, seconds.
        """
        first = max(
            self.circuit.until, now if not self.circuit.probing else now + pause
        )
        self._slot = max(self._slot + SPREAD, first)
        return self._slot

    def failed(self, now: float) -> bool:
        """Note that it did not answer; returns whether its circuit opens."""
        opens = self.circuit.failed(now)
        self._adjust()
        return opens

    def answered(self) -> bool:
        """Note that it answers again; returns whether its circuit was open."""
        was_open = self.circuit.answered()
        self._adjust()
        if was_open:
            self._slot = 0.0  # callbacks returned from now on are due at once
        return was_open

    def _adjust(self) -> None:
        """
        Adjust the width: all concurrency that is allowed, if it answers quickly.

        The slower it answers the fewer requests it has, down to ``WIDTH``: more would
        wait in a slow server, and none would be answered sooner.
        """
        most, least = self._most, min(self._most, WIDTH)
        if self.took is None or self.circuit.failures:
            self.width = least
        elif self.took <= QUICK:
            self.width = most
        else:
            self.width = max(least, int(most * QUICK / self.took))

    def pace(self, now: float, seconds: float) -> float:
        """Compute how long to wait so that requests are ``seconds`` apart."""
        start = max(self._free_at, now)
        self._free_at = start + seconds
        return start - now
