"""The health of a store: whether it answers writes, and how old they are."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import msgspec

from budstikke.store.contract.errors import StoreDamaged, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOM = 1 << 18
"""Octets that a heartbeat reserves after a failed write: some hundred messages."""


class Beat(msgspec.Struct):
    """
    What a heartbeat read.

    Attributes:
        confirmed: The time that an administrator confirmed last, Unix seconds; 0: none.
        database_time: Unix seconds by the database server's clock; ``None``: there is
            no server.

    """

    confirmed: float = 0.0
    database_time: float | None = None


class Seen(msgspec.Struct):
    """
    What a database knows of the time, before a gateway opens it.

    Attributes:
        beat: The time of the last heartbeat by its gateway's clock; 0: none.
        confirmed: As in ``Beat``.
        database_time: As in ``Beat``.

    """

    beat: float = 0.0
    confirmed: float = 0.0
    database_time: float | None = None


class Pulse:
    """
    The state of a store's writes, for ``flow.health``. A write costs a dict's entry.

    Attributes:
        failures: How often the store could not be used.
        why: Why, the last time.
        damaged: What cannot be read any more; empty: nothing.
        damaged_at: When that was noticed last, by the monotonic clock.

    """

    def __init__(self) -> None:
        self.failures = 0
        self.why = ""
        self.damaged = ""
        self.damaged_at = 0.0
        self._begun: dict[object, float] = {}  # oldest first

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count a write as unanswered for the block."""
        key = object()
        self._begun[key] = time.monotonic()
        try:
            yield
        finally:
            del self._begun[key]

    def oldest(self) -> float:
        """Return for how many seconds the oldest write has waited; 0: none waits."""
        for began in self._begun.values():
            return time.monotonic() - began
        return 0.0

    def failed(self, error: BaseException) -> None:
        """Note a verb's error, if the store could not be used."""
        if isinstance(error, StoreUnavailable):
            self.failures += 1
            self.why = str(error)
        if isinstance(error, StoreDamaged):
            self.damaged = str(error)
            self.damaged_at = time.monotonic()


class HealthStore(Protocol):
    """Whether a store can be written to."""

    pulse: Pulse

    async def beat(self, now: float, room: int) -> Beat:
        """
        Write a heartbeat, like any other write; raises StoreUnavailable.

        Args:
            now: Unix seconds, by this process's clock.
            room: Octets that must be free beside; they are released again.

        """

    async def whole(self) -> bool:
        """Check whether damaged data can be read again; may take long."""
