"""
Which commits wait for the disk when ``durability`` is ``process``.

SQLite then runs with ``synchronous=NORMAL``: a commit is in the write-ahead log when
the operating system has it, and the log is synced at checkpoints alone. A transaction
that must be on the disk is committed with ``FULL``, which syncs the log and with it all
that was committed before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.store.engines.sqlite.connection import call
from budstikke.store.engines.sqlite.deadline import until

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from budstikke.store.engines.sqlite.connection import Connection

NORMAL = 1
"""What ``PRAGMA synchronous`` says for NORMAL."""


async def to_disk(
    connection: Connection, function: Callable[..., Any], *args: object
) -> Any:
    """Do a job whose commit waits for the disk, whatever ``durability`` is."""
    return call(connection, function, *args)


def _waits(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Tell whether a job is ``to_disk``, perhaps within a deadline."""
    return function is to_disk or (function is until and arguments[1] is to_disk)


class Syncing:
    """
    Switches a writing connection between NORMAL and FULL, from group to group.

    Args:
        connection: In autocommit mode. One that does not begin with NORMAL stays as it
            is: FULL waits always, and tests have OFF.

    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        (level,) = connection.execute("PRAGMA synchronous").fetchone()
        self._switches = level == NORMAL
        self._full = False

    def prepare(
        self, jobs: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]]
    ) -> None:
        """Choose the level for a transaction of these jobs; it has not begun."""
        if not self._switches:
            return
        full = any(_waits(*job) for job in jobs)
        if full is not self._full:
            level = "FULL" if full else "NORMAL"
            self._connection.execute(f"PRAGMA synchronous = {level}")
            self._full = full
