"""
What all acts of administrators have in common: error, audit line, new revision.

An act is a transaction of ``store.admin.immediate`` and blocks; none is on the message
path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Integer, String, cast, insert, update

from budstikke.store import schema
from budstikke.store.admin import announce_directory

if TYPE_CHECKING:
    from collections.abc import Iterable


class AdminError(Exception):
    """An act that is not possible; the message says why."""


def write_audit(
    connection: Connection, actor: str, acts: Iterable[str], now: float
) -> None:
    """Record who did what, and when (Unix seconds), without secrets."""
    rows = [{"at": now, "actor": actor, "act": act} for act in acts]
    connection.execute(insert(schema.audit), rows)


def touch_directory(connection: Connection) -> None:
    """Let every gateway read the directory again after this transaction's commit."""
    meta = schema.meta
    later = cast(cast(meta.c.value, Integer) + 1, String)
    connection.execute(update(meta).where(meta.c.key == "revision").values(value=later))
    announce_directory(connection)
