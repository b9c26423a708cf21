"""Claims queued parts, and returns those that were not sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import statement, two

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.verbs.connection import Connection

# Columns of domain.message.Part. Two texts: PostgreSQL marks and reads the parts in one
# statement, one round trip; SQLite has no UPDATE in a WITH, so that MARK_SENDING
# follows.
CLAIM = two(
    sqlite="""
SELECT json_group_array(json_array(p.id, p.id & 255, m.parts, m.originator,
    m.recipient, p.text, m.encoding,
    json_array(p.tables >> 8, p.tables & 255),
    json(CASE WHEN m.flash THEN 'true' ELSE 'false' END), m.protocol_id, m.priority,
    m.expires_at, json('true'), m.access_id, m.ref, m.notify_on, p.tries,
    m.premium, m.callback_url, p.tried))
FROM (SELECT id, text, tables, tries, tried FROM part
      WHERE carrier_id = :carrier AND state = 'queued' AND due_at IS NULL
      ORDER BY priority DESC, id LIMIT :limit) p
JOIN message m ON m.id = p.id >> 8""",
    postgres="""
WITH chosen AS MATERIALIZED (
    SELECT id FROM part
    WHERE carrier_id = :carrier AND state = 'queued' AND due_at IS NULL AND id >= :low
    ORDER BY priority DESC, id LIMIT :limit FOR UPDATE SKIP LOCKED),
taken AS (
    UPDATE part SET state = 'sending', node_id = :node, at = :now
    FROM chosen WHERE part.id = chosen.id AND part.id >= :low
    RETURNING part.id, part.text, part.tables, part.tries, part.tried)
SELECT json_agg(json_build_array(p.id, p.id & 255, m.parts, m.originator, m.recipient,
    p.text, m.encoding, json_build_array(p.tables >> 8, p.tables & 255), m.flash <> 0,
    m.protocol_id, m.priority, m.expires_at, true, m.access_id, m.ref, m.notify_on,
    p.tries, m.premium, m.callback_url, p.tried))
FROM taken p JOIN message m ON m.id = p.id >> 8 AND m.id >= :low::bigint >> 8""",
)

MARK_SENDING = two(
    sqlite="""
UPDATE part SET state = 'sending', node_id = $2, at = $3
WHERE id IN (SELECT value->>0 FROM json_each($1))""",
    postgres="",
)

# Of this node alone: a release without an answer is repeated, and another node may have
# claimed the part meanwhile.
RELEASE = statement(
    lambda e: (
        f"""
UPDATE part SET state = 'queued', node_id = NULL
WHERE id {e.in_ids()} AND id >= $2 AND state = 'sending' AND node_id = $3"""
    )
)

BACKLOG = statement("""
SELECT carrier_id, count(*) FROM part
WHERE state = 'queued' AND due_at IS NULL AND id >= $1
GROUP BY carrier_id""")


async def claim(connection: Connection, carrier_id: int, limit: int, now: float) -> str:
    """
    Claim queued parts of a carrier: highest priority first, then oldest.

    Returns a list of ``domain.message.Part``, in no order, as the database's JSON: the
    sender decodes it, once.
    """
    values = {
        "carrier": carrier_id,
        "limit": limit,
        "node": connection.node_id,
        "now": now,
        "low": connection.bounds.open_part,
    }
    parts = await connection.one(CLAIM, values)
    await connection.execute(MARK_SENDING, parts, connection.node_id, now)
    return parts


async def release(connection: Connection, part_ids: Sequence[int]) -> None:
    """Return parts that this node has claimed to their queues."""
    low = connection.bounds.part(part_ids)
    await connection.execute(RELEASE, text(part_ids), low, connection.node_id)


async def backlog(connection: Connection) -> dict[int, int]:
    """Count queued parts by carrier."""
    rows = await connection.rows(BACKLOG, connection.bounds.open_part)
    return dict(map(tuple, rows))
