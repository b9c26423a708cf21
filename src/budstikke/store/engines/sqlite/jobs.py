"""Jobs of SQLite's connections that are not verbs of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


def revision(connection: sqlite3.Connection) -> int:
    """Read the revision of the directory."""
    rows = connection.execute("SELECT value FROM meta WHERE key = 'revision'")
    return int(rows.fetchone()[0])
