"""
Counts that all workers share: connections and bodies by address, requests by access.

They lie in memory that the processes share. Each worker writes to a row of its own and
reads all rows, so that nothing is locked and no limit needs a message. Whoever counts
adds first and looks then: of two that come at the same time both may see one too many,
but never both may pass. When a worker dies, the gateway clears its row.
"""

from __future__ import annotations

import mmap
import os
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

SLOTS = 1 << 16
"""Slots of a row; two addresses that share one share its limit. Few pages are used."""

SIZE = 8
"""Octets of a slot."""

TABLES = ("connections", "bodies", "requests")


class SharedMemory:
    """
    The memory of all counts.

    Args:
        fileno: Its file.
        rows: As many as there are workers.
        key: Of the hash that finds an address's slot, so that nobody can choose theirs.

    """

    def __init__(self, fileno: int, rows: int, key: bytes) -> None:
        self.fileno = fileno
        self.rows = rows
        self.key = key
        self._map = mmap.mmap(fileno, len(TABLES) * rows * SLOTS * SIZE)
        self.slots = memoryview(self._map).cast("q")

    @classmethod
    def make(cls, rows: int) -> Self:
        """Make memory that is all zeros, in a file that has no name."""
        fileno = os.memfd_create("budstikke-counts")
        os.ftruncate(fileno, len(TABLES) * rows * SLOTS * SIZE)
        return cls(fileno, rows, os.urandom(16))

    def clear(self, row: int) -> None:
        """Forget what a worker had counted."""
        for table in range(len(TABLES)):
            start = (table * self.rows + row) * SLOTS
            for index, value in enumerate(self.slots[start : start + SLOTS], start):
                if value:  # an unused page stays unused
                    self.slots[index] = 0

    def close(self) -> None:
        """Unmap it, and close its file."""
        self.slots.release()
        self._map.close()
        os.close(self.fileno)


class SharedCounts:
    """
    ``servers.limits.Counts`` of one kind, as one worker has them.

    Args:
        memory: Of all of them.
        table: Which kind: one of ``TABLES``.
        row: The worker's own.

    """

    def __init__(self, memory: SharedMemory, table: str, row: int) -> None:
        first = TABLES.index(table) * memory.rows
        self._slots = memory.slots
        self._key = memory.key
        self._own = (first + row) * SLOTS
        self._rows = range(first * SLOTS, (first + memory.rows) * SLOTS, SLOTS)

    def add(self, key: int | str, by: int = 1) -> int:
        """Count more; returns how much is under way now, in all workers."""
        slot, slots = self._slot(key), self._slots
        slots[self._own + slot] += by
        total = 0
        for row in self._rows:
            total += slots[row + slot]
        return total

    def drop(self, key: int | str, by: int = 1) -> None:
        """Count less."""
        self._slots[self._own + self._slot(key)] -= by

    def _slot(self, key: int | str) -> int:
        if isinstance(key, int):
            return key % SLOTS
        digest = blake2b(key.encode(), key=self._key, digest_size=4).digest()
        return int.from_bytes(digest, "big") % SLOTS
