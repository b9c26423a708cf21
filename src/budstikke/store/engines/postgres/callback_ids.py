"""
Ids of callbacks, given so that whoever reads events by them passes none.

They are drawn from a sequence before their transaction commits, so one may be seen
before a lower one is. Whoever draws therefore first holds a lock, until its
transaction ends, that says above which id its own will be. A reader lists events up to
the lowest of these; what is below is committed, or never will be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.connection import Connection

KIND = 0x6576
"""
The upper 16 bits of the locks' keys; the rest is the id.

A lock by somebody's hash may have them by chance (one in 65,536): events then wait for
it, too.
"""

# The lock is taken before the first id is drawn: no row comes from ``above`` without.
DRAW = f"""
WITH above AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(
        ({KIND}::bigint << 48) + last_value - CASE WHEN is_called THEN 0 ELSE 1 END)
    FROM callback_id_seq)
SELECT json_agg(nextval('callback_id_seq')) FROM above, generate_series(1, $1)"""

# Of a lock by one number PostgreSQL shows the halves; ``objsubid`` 1 says it is one.
SETTLED = f"""
SELECT min(((classid::bigint & 65535) << 32) + objid::bigint) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = {KIND}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""

_ids = msgspec.json.Decoder(list[int]).decode


async def draw(connection: Connection, count: int) -> list[int]:
    """
    Draw ids, in a transaction; they are above all that were drawn till now.

    So the callbacks of a queue, whose ids are their order, are in it when the queue's
    row is held.
    """
    return _ids(await connection.one(DRAW, count))


async def settled(connection: Connection, last: int) -> int:
    """
    Find up to where, at most ``last``, every event is there for the next statement.

    ``last`` is an id that was seen before. The next statement must see what was
    committed until then: this is not for a transaction that reads in one snapshot.
    """
    lowest: int | None = await connection.value(SETTLED)
    return last if lowest is None else min(last, lowest)
