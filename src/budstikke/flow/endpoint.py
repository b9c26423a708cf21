"""
An endpoint: what waits for one URL of a customer, and how that URL is doing.

What waits starts in order of id. Callbacks of the same message are never under way
together, so that they arrive in the order in which they happened.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from budstikke.domain.callback import SendEvent
from budstikke.domain.message import StatusEvent
from budstikke.flow.circuit_breaker import CircuitBreaker

if TYPE_CHECKING:
    import asyncio

    from budstikke.domain.callback import Event
    from budstikke.domain.directory import Directory
    from budstikke.flow.callback_attempt import Target
    from budstikke.store.contract import CallbackRow

Key = tuple[int, str, int] | int
"""Access, topic and place; of status, which is most of what is told, the access."""

SPREAD = 0.005
"""Seconds between callbacks that are handed back, so that they come back slowly."""

SMOOTHED = 0.1
"""How much of the smoothed time of answers is the latest one's."""


def key_of(access_id: int, event: Event) -> Key:
    """Name the endpoint of an event."""
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
        access_id: Whose it is.
        event: One that is told there.

    Attributes:
        seen: The directory that ``target`` was found in.
        workers: Those that work it now.
        took: Seconds that its latest answers took, smoothed; ``None``: none came yet.

    """

    __slots__ = (
        "_behind",
        "_busy",
        "_free_at",
        "_slot",
        "access_id",
        "circuit",
        "event",
        "seen",
        "target",
        "took",
        "waiting",
        "workers",
    )

    def __init__(self, access_id: int, event: Event) -> None:
        self.access_id = access_id
        self.event = event
        self.circuit = CircuitBreaker()
        self.seen: Directory | None = None
        self.target: Target | None = None
        self.waiting: list[tuple[int, CallbackRow]] = []  # a heap
        self.workers: set[asyncio.Task[None]] = set()
        self.took: float | None = None
        self._busy: set[int] = set()
        self._behind: dict[int, list[CallbackRow]] = {}
        self._slot = 0.0
        self._free_at = 0.0

    def put(self, row: CallbackRow) -> None:
        """Add one that waits."""
        heappush(self.waiting, (row.id, row))

    def take(self) -> CallbackRow | None:
        """Take the next that can be told now; ``done`` must be called for it."""
        while self.waiting:
            row = heappop(self.waiting)[1]
            message_id = row.event.message_id
            if message_id not in self._busy:
                self._busy.add(message_id)
                return row
            self._behind.setdefault(message_id, []).append(row)
        return None

    def overtaken(self, row: CallbackRow) -> bool:
        """Tell whether something newer of its message waits for this one."""
        return row.event.message_id in self._behind

    def done(self, row: CallbackRow) -> None:
        """Let go of one that was taken; what waited for it can be told."""
        message_id = row.event.message_id
        self._busy.discard(message_id)
        if self._behind:
            for other in self._behind.pop(message_id, ()):
                self.put(other)

    def empty(self) -> list[CallbackRow]:
        """Take all that wait, in order."""
        rows = [row for _, row in self.waiting]
        for behind in self._behind.values():
            rows += behind
        self.waiting.clear()
        self._behind.clear()
        return sorted(rows, key=lambda row: row.id)

    def idle(self) -> bool:
        """Tell whether it can be forgotten."""
        return not (self.waiting or self.workers or self.circuit.failures)

    def comes_back(self, now: float, pause: float) -> float:
        """
        Say when one that is handed back is due: one after another.

        ``pause`` is how many seconds somebody who tries now is given for it.
        """
        first = max(
            self.circuit.until, now if not self.circuit.probing else now + pause
        )
        self._slot = max(self._slot + SPREAD, first)
        return self._slot

    def closed(self) -> None:
        """Have what is handed back from now on come back without a queue before it."""
        self._slot = 0.0

    def answered_in(self, seconds: float | None) -> None:
        """Note how long an answer took."""
        if seconds is not None:
            before = seconds if self.took is None else self.took
            self.took = before + (seconds - before) * SMOOTHED

    def pace(self, now: float, seconds: float) -> float:
        """Say how many seconds to wait so that requests are so far apart."""
        start = max(self._free_at, now)
        self._free_at = start + seconds
        return start - now
