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
"""Octets that a heartbeat asks for after a failed write: some hundred messages."""


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
    What a database knows of the time, before anybody serves it.

    Attributes:
        beat: When a gateway beat last, by the time that it believed in; 0: never.
        confirmed: As in ``Beat``.
        database_time: As in ``Beat``.

    """

    beat: float = 0.0
    confirmed: float = 0.0
    database_time: float | None = None


class Pulse:
    """
    What became of a store's writes, for whoever watches it. Costs a dict's entry each.

    Attributes:
        failures: How often the store could not be used.
        why: What it said the last time.
        damaged: What cannot be read any more; empty: nothing.
        damaged_at: When that was met last, by the monotonic clock.

    """

    def __init__(self) -> None:
        self.failures = 0
        self.why = ""
        self.damaged = ""
        self.damaged_at = 0.0
        self._begun: dict[object, float] = {}  # the oldest first

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
        """Tell for how long the oldest write has had no answer, seconds; 0: none."""
        for began in self._begun.values():
            return time.monotonic() - began
        return 0.0

    def failed(self, error: BaseException) -> None:
        """Note what a verb came to, if the store could not be used."""
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
        Write that this process lives, as all else is written; raises StoreUnavailable.

        Args:
            now: Unix seconds, as this process believes.
            room: Octets that there must be room for beside; they are given back.

        """

    async def whole(self) -> bool:
        """Look whether what was damaged can be read again; may take long."""
