"""
Which commits wait for the disk when ``durability`` is ``process``.

SQLite then runs with ``synchronous=NORMAL``: a commit is in the write-ahead log when
the operating system has it, and the log is synced at checkpoints alone. A transaction
that must be on the disk is committed with ``FULL``, which syncs the log and with it all
that was committed before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

NORMAL = 1
"""What ``PRAGMA synchronous`` says for NORMAL."""


class Syncing:
    """
    Switches a writing connection between NORMAL and FULL, from group to group.

    Args:
        connection: In autocommit mode. One that does not begin with NORMAL stays as it
            is: FULL waits always, and tests have OFF.

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
