"""What a database knows of the time, for a start and for an administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select, text
from sqlalchemy.exc import DatabaseError

from budstikke.store.admin import immediate, open_engine
from budstikke.store.contract import Seen, StoreUnavailable
from budstikke.store.schema import meta

if TYPE_CHECKING:
    from sqlalchemy import Connection

BEAT = "beat"
"""The key of SQLite's one gateway; a node's on PostgreSQL is this and its name."""

CONFIRMED = "clock"

SERVER_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8"


def read_seen(url: str) -> Seen:
    """Read it; raises what opening the database raises."""
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            return _read(connection)
    finally:
        engine.dispose()


def seen_or_unavailable(url: str) -> Seen:
    """Do as ``read_seen`` for a gateway: raises StoreUnavailable."""
    try:
        return read_seen(url)
    except DatabaseError as error:
        said = str(error.orig or error).splitlines()
        raise StoreUnavailable(said[0] if said else "no database") from error


def _read(connection: Connection) -> Seen:
    wanted = or_(
        meta.c.key == BEAT, meta.c.key.like(f"{BEAT} %"), meta.c.key == CONFIRMED
    )
    rows = connection.execute(select(meta.c.key, meta.c.value).where(wanted))
    found = {row.key: row.value for row in rows}
    confirmed = float(found.pop(CONFIRMED, 0.0))
    server: float | None = None
    if connection.dialect.name == "postgresql":
        server = connection.execute(text(SERVER_CLOCK)).scalar_one()
    return Seen(max(map(float, found.values()), default=0.0), confirmed, server)


def confirm(url: str, now: float) -> None:
    """Say that it is this time now; gateways hear of it with their next beat."""
    engine = open_engine(url)
    try:
        with immediate(engine) as connection:
            connection.execute(delete(meta).where(meta.c.key == CONFIRMED))
            row = {"key": CONFIRMED, "value": repr(now)}
            connection.execute(insert(meta).values(row))
    finally:
        engine.dispose()
