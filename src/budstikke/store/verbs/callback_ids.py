"""
Ids of callbacks, given so that a reader of events, which follows them, passes none.

On SQLite one transaction writes at a time: the next id is one more than the last. On
PostgreSQL ids are drawn from a sequence before their transaction commits, so a reader
may see an id before a lower one. Therefore a transaction that draws first holds a lock,
until it ends, that says above which id its own will be. A reader lists events up to the
lowest of these locks; what is below is committed, or never will be.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.store.verbs.statement import two

if TYPE_CHECKING:
    from budstikke.store.verbs.connection import Connection

KIND = 0x6576
"""
The upper 16 bits of the locks' keys; the rest is the id.

Another lock, whose key is a hash, may have them by chance (one in 65,536): readers then
wait for that transaction, too.
"""

# SQLite: an id is never given again, though its callback is purged (``meta`` keeps the
# last one). PostgreSQL: the lock is taken before the first id is drawn.
DRAW = two(
    sqlite="""
WITH RECURSIVE n (id) AS (
    SELECT 1 + max(coalesce(max(id), 0), coalesce((SELECT CAST(value AS INTEGER)
        FROM meta WHERE key = 'callback_id'), 0)) FROM callback
    UNION ALL SELECT id + 1 FROM n LIMIT $1)
SELECT json_group_array(id) FROM n""",
    postgres=f"""
WITH above AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(
        ({KIND}::bigint << 48) + last_value - CASE WHEN is_called THEN 0 ELSE 1 END)
    FROM callback_id_seq)
SELECT json_agg(nextval('callback_id_seq')) FROM above, generate_series(1, $1)""",
)

# PostgreSQL shows the halves of a lock's key; ``objsubid`` 1 says it is one number.
LOWEST_OPEN = two(
    sqlite="SELECT NULL",
    postgres=f"""
SELECT min(((classid::bigint & 65535) << 32) + objid::bigint) FROM pg_locks
WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 16 = {KIND}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())""",
)

_ids = msgspec.json.Decoder(list[int]).decode


async def draw(connection: Connection, count: int) -> list[int]:
    """
    Draw ids, in a transaction that stores them in their order.

    They are above all that were drawn before: the callbacks of a queue, whose row the
    transaction has locked, keep their order.
    """
    return _ids(await connection.one(DRAW, count))


async def settled(connection: Connection, last: int) -> int:
    """
    Find up to which id, at most ``last``, the next statement sees every event.

    ``last`` is an id that was seen before. The next statement must see what was
    committed until then: this is not for a transaction that reads in one snapshot.
    """
    lowest: int | None = await connection.value(LOWEST_OPEN)
    return last if lowest is None else min(last, lowest)
