"""
Ids of callbacks, in such an order that a reader who follows them misses none.

On SQLite one transaction writes at a time: the next id is the last one plus one. On
PostgreSQL a transaction draws ids from a sequence before it commits, so that a reader
may see an id before a lower one. Therefore a transaction holds an advisory lock, until
it ends, that names an id below its own. A reader lists events up to the lowest of these
locks; lower ids are committed, or never will be.
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

Another lock, whose key is a hash, may have them by chance (one in 65,536): then readers
wait for its transaction, too.
"""

# SQLite: the id of a purged callback is not used again (``meta`` has the last one).
# PostgreSQL: the lock is taken before the first id is drawn.
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

# PostgreSQL shows the two halves of a key; ``objsubid`` 1 marks a single number.
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
    Draw ids; the transaction has to store callbacks in their order.

    They are above all that were drawn before, so that the callbacks of a queue, whose
    row the transaction has locked, stay in order. transaction has locked, keep their
    order.
    """
    return _ids(await connection.one(DRAW, count))


async def settled(connection: Connection, last: int) -> int:
    """
    Return the id, at most ``last``, up to which the next statement sees every event.

    ``last`` is the id of an event that was read. The next statement must see what was
    committed until then, so that this is not for a snapshot.
    """
    lowest: int | None = await connection.value(LOWEST_OPEN)
    return last if lowest is None else min(last, lowest)
