"""Heartbeats of the gateway, and a check whether its file is whole."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

from budstikke.store.contract import Beat
from budstikke.store.engines.sqlite.opening import connect_reader

if TYPE_CHECKING:
    from pathlib import Path

BEAT = "INSERT OR REPLACE INTO meta (key, value) VALUES ('beat', ?)"

# A row of its own needs free pages on the disk, as messages do.
TAKE_ROOM = "INSERT OR REPLACE INTO meta (key, value) VALUES ('room', hex(zeroblob(?)))"

GIVE_ROOM = "DELETE FROM meta WHERE key = 'room'"

CONFIRMED = "SELECT value FROM meta WHERE key = 'clock'"


def beat(connection: sqlite3.Connection, now: float, room: int) -> Beat:
    """Write a heartbeat, and reserve room."""
    connection.execute(BEAT, (repr(now),))
    if room:
        connection.execute(TAKE_ROOM, (room // 2,))
    found = connection.execute(CONFIRMED).fetchone()
    return Beat(float(found[0]) if found else 0.0)


def give_room(connection: sqlite3.Connection) -> None:
    """Release the room of a heartbeat: messages can use its pages now."""
    connection.execute(GIVE_ROOM)


def is_whole(path: Path) -> bool:
    """Read each page of the file, from the disk and not from a connection's memory."""
    try:
        with contextlib.closing(connect_reader(path)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.DatabaseError:
        return False
    return found == [("ok",)]
