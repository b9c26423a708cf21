"""The times that a database has recorded, for a start and for an administrator."""

from __future__ import annotations

from budstikke.store.contract import Seen
from budstikke.store.select import file_of, reading

BEAT = "beat"
"""Key of the time of SQLite's gateway; on PostgreSQL followed by the node's name."""

CONFIRMED = "clock"

TIMES = f"""
SELECT key, value FROM meta
WHERE key = '{BEAT}' OR key LIKE '{BEAT} %' OR key = '{CONFIRMED}'"""

SERVER_CLOCK = "SELECT extract(epoch FROM clock_timestamp())::float8 AS at"


def read_seen(url: str) -> Seen:
    """Read the recorded times; raises StoreUnavailable."""
    with reading(url) as select:
        found = {row.key: row.value for row in select(TIMES)}
        server: float | None = None
        if file_of(url) is None:
            (server,) = (row.at for row in select(SERVER_CLOCK))
    confirmed = float(found.pop(CONFIRMED, 0.0))
    return Seen(max(map(float, found.values()), default=0.0), confirmed, server)
