"""What each act of an administrator leaves: a line of the audit, a new revision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Integer, String, cast, insert, update

from budstikke.store import schema
from budstikke.store.admin import announce_directory

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_audit(
    connection: Connection, actor: str, acts: Iterable[str], now: float
) -> None:
    """Keep who did what, and when (Unix seconds); an act never holds a secret."""
    rows = [{"at": now, "actor": actor, "act": act} for act in acts]
    connection.execute(insert(schema.audit), rows)


def touch_directory(connection: Connection) -> None:
    """Have gateways read the directory anew once the transaction is committed."""
    meta = schema.meta
    later = cast(cast(meta.c.value, Integer) + 1, String)
    connection.execute(update(meta).where(meta.c.key == "revision").values(value=later))
    announce_directory(connection)
