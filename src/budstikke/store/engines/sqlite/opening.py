"""Opens a database for this process, and takes over from a dead one."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.history import of_dead
from budstikke.store.verbs.history import record_history

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from budstikke.store.contract.durability import Durability
    from budstikke.store.engines.sqlite.connection import Connection

SYNCHRONOUS: Mapping[Durability, str] = {"power": "FULL", "process": "NORMAL"}
"""SQLite's pragma by durability."""

LONGEST_LOCK = 3600.0
"""Seconds of the longest duplicate lock, so that older messages need not be read."""


# Newest first; the reader stops at the first one older than any lock.
LOCKED_KEYS = """
SELECT duplicate_key, duplicate_until, accepted_at FROM message ORDER BY id DESC"""

MOVED_LOCKS = "SELECT key, until FROM duplicate WHERE until > ?"
"""Locks of a database that was imported from PostgreSQL."""


# A dead process's parts: the operator may have them or not.
RECOVER_PARTS = """
UPDATE part SET state = 'unsure', node_id = NULL, claimed_at = at, at = ?1,
    reason = 'unsure',
    raw = 'the gateway stopped while it was being sent',
    due_at = ?1 + coalesce((SELECT a.unsure_after FROM message m
        JOIN access x ON x.id = m.access_id JOIN account a ON a.id = x.account_id
        WHERE m.id = part.id >> 8), 3600)
WHERE state = 'sending' AND node_id <> ?2
RETURNING id, carrier_id, raw"""

RECOVER_CALLBACKS = """
UPDATE callback SET due_at = ?1, node_id = NULL
WHERE state = 'due' AND node_id IS NOT NULL AND node_id <> ?2"""

RECOVER_QUEUES = """
UPDATE queue SET due_at = ?1, node_id = NULL
WHERE state = 'due' AND node_id IS NOT NULL AND node_id <> ?2"""

RECOVER_ALERTS = """
UPDATE queue SET due_at = NULL, node_id = NULL
WHERE alert AND node_id IS NOT NULL AND node_id <> ?1"""


class Taken(msgspec.Struct):
    """
    Where this process continues.

    Attributes:
        node_id: Its own.
        next_id: The first id to use.
        locks: Duplicate keys that are locked, and until when.

    """

    node_id: int
    next_id: int
    locks: list[tuple[int, float]]


def connect(path: Path, synchronous: str) -> sqlite3.Connection:
    """Connect for writing; the file exists."""
    connection = sqlite3.connect(
        path, isolation_level=None, cached_statements=256, timeout=10.0
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Connect for reading only."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=10.0)


async def take_over(connection: Connection, now: float) -> Taken:
    """
    Make a dead process's work unsure or due again, and continue after it.

    From here on this connection runs verbs as the new node.
    """
    raw = connection.raw
    found = dict(raw.execute("SELECT key, value FROM meta").fetchall())
    (node_id,) = raw.execute("SELECT 1 + coalesce(max(id), 0) FROM node").fetchone()
    raw.execute("DELETE FROM node")
    raw.execute(
        "INSERT INTO node (id, name, lease_until) VALUES (?, ?, ?)",
        (node_id, "sqlite", now),
    )
    parts = raw.execute(RECOVER_PARTS, (now, node_id)).fetchall()
    if parts:
        await record_history(connection, [of_dead(*row) for row in parts], now)
    raw.execute(RECOVER_CALLBACKS, (now, node_id))
    raw.execute(RECOVER_QUEUES, (now, node_id))
    raw.execute(RECOVER_ALERTS, (node_id,))
    connection.node_id = node_id
    next_id = max(int(found.get("next_id", 0)), 1001)
    return Taken(node_id, next_id, list(_locks(raw, now)))


def _locks(connection: sqlite3.Connection, now: float) -> Iterator[tuple[int, float]]:
    yield from connection.execute(MOVED_LOCKS, (now,))
    for key, until, accepted_at in connection.execute(LOCKED_KEYS):
        if accepted_at < now - LONGEST_LOCK:
            break
        if key is not None and until > now:
            yield key, until
