"""
Which commits wait for the disk when ``durability`` is ``process``.

Then SQLite runs with ``synchronous=NORMAL``: a commit is in the write-ahead log once
the operating system has it, and the log is synced only at checkpoints. A transaction
that must reach the disk is committed with ``FULL``, which syncs the log with all
earlier commits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

NORMAL = 1
"""The value of ``PRAGMA synchronous`` for NORMAL."""


class Syncing:
    """
    Switches a writing connection between NORMAL and FULL, transaction by transaction.

    Args:
        connection: In autocommit mode. One that does not begin with NORMAL stays as it
            is: FULL always waits, and tests use OFF.

    Attributes:
        full: Whether commits wait for the disk now; ``None``: it does not switch.

    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
        self.full = False if level == NORMAL else None

    def switch(self) -> None:
        """Change to the other level, before a transaction begins."""
        level = "NORMAL" if self.full else "FULL"
        self._connection.execute(f"PRAGMA synchronous = {level}")
        self.full = not self.full
