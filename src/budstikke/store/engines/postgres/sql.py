"""
The statements of the message path.

Each takes a batch as one JSON value; ``v->>n`` is column n of a row of the batch, in
the order of the structs in ``store.contract`` and ``domain``. Rows come back as one
JSON value, too. Rows that a verb decides about are locked first, parts before messages
and by id, so that nodes that meet wait for one another and do not lock each other out.

``low`` is the beginning of a partition: what is meant is not below, and PostgreSQL does
not look at the partitions that are (layout.Lows).
"""

from __future__ import annotations

_KINDS = {
    "i": "::bigint",
    "n": "::integer",
    "f": "::float8",
    "b": "::boolean",
    "t": "",
}
"""What a letter stands for in ``columns``."""


def columns(kinds: str, start: int = 0) -> str:
    """Write the columns of a batch's rows, by the letters of their kinds."""
    return ", ".join(
        f"(v->>{place}){_KINDS[kind]}" for place, kind in enumerate(kinds, start)
    )


def batch(parameter: str = "$1") -> str:
    """Write the rows of a batch, with their places from 0, as a table ``j``."""
    return (
        f"(SELECT v, place - 1 AS place FROM jsonb_array_elements({parameter}::jsonb)"
        " WITH ORDINALITY AS a (v, place)) j"
    )


def ids(parameter: str = "$1") -> str:
    """Write a batch that is a list of ids as an array."""
    return (
        "ARRAY(SELECT v::bigint FROM"
        f" jsonb_array_elements_text({parameter}::jsonb) AS a (v))"
    )


ROWS = batch()
IDS = ids()

LOCKED_KEYS = "SELECT key, until FROM duplicate WHERE until > $1"

FORGET_HELD = """
DELETE FROM duplicate WHERE key IN (
    SELECT key FROM duplicate WHERE until <= $1 ORDER BY until LIMIT $2
    FOR UPDATE SKIP LOCKED)"""

# record and settle: columns of domain.settlement.PartUpdate; low: the last parameter

UPDATE_PARTS = f"""
UPDATE part SET state = v->>1, carrier_id = (v->>2)::bigint,
    smsc_id = CASE WHEN (v->>10)::boolean THEN part.smsc_id ELSE v->>3 END,
    smsc_key = CASE WHEN (v->>10)::boolean THEN part.smsc_key ELSE v->>4 END,
    reason = v->>5, raw = v->>6, at = (v->>7)::float8, due_at = (v->>8)::float8,
    tries = (v->>9)::integer, node_id = NULL
FROM {ROWS} WHERE part.id = (v->>0)::bigint AND part.id >= $2"""

# An answer and a receipt for one part do not know of each other until one of them has
# committed: whichever came first would look for the other in vain. So those of one
# carrier go one after the other; answers do not wait for answers.
ANSWERS = "SELECT pg_advisory_xact_lock_shared(1651729508, $1)"
RECEIPTS = "SELECT pg_advisory_xact_lock(1651729508, $1)"

# Parts of the batch that an answer can still change; from here on they are ours.
STILL_OPEN = f"""
SELECT json_agg(id) FROM (
    SELECT id FROM part
    WHERE id = ANY({IDS}) AND id >= $2 AND state IN ('sending', 'unsure')
    ORDER BY id FOR UPDATE) p"""

# For the OFFSET see _MATCH.
FINISH_MESSAGES = f"""
UPDATE message SET state = v->>1, reason = v->>2, raw = v->>3,
    final_at = (v->>4)::float8
FROM {ROWS} CROSS JOIN LATERAL (
    SELECT id FROM message
    WHERE id = (v->>0)::bigint AND id >= $2 AND state IN ('accepted', 'scheduled')
    OFFSET 0) f
WHERE message.id = f.id AND message.id >= $2
    AND message.state IN ('accepted', 'scheduled')"""

_CONCERNED = """
SELECT json_agg(json_build_array({index}, p.id, p.state, p.carrier_id, p.tries, m.id,
    m.parts, m.state, m.tell, m.access_id, m.recipient, m.ref,
    greatest(CASE WHEN p.state <> 'unsure' THEN p.at END, m.accepted_at),
    m.callback_url))
"""

# A subquery for each row of the batch (OFFSET keeps it one): while there are no
# statistics yet, the planner would go through all parts of the carrier instead.
_MATCH = (
    _CONCERNED.format(index="p.place")
    + """
FROM (SELECT {place} AS place, f.id, f.state, f.carrier_id, f.tries, f.at
    FROM {rows} CROSS JOIN LATERAL (
        SELECT id, state, carrier_id, tries, at FROM part
        WHERE {name} = v->>{column} AND carrier_id = $2 AND id >= $3
        ORDER BY id OFFSET 0 FOR UPDATE) f) p
JOIN message m ON m.id = p.id >> 8 AND m.id >= $3::bigint >> 8"""
)

MATCH_ID = _MATCH.format(place="j.place", rows=ROWS, name="smsc_id", column=0)

MATCH_KEY = _MATCH.format(place="(v->>0)::bigint", rows=ROWS, name="smsc_key", column=1)

CONCERNED_BY_PART = (
    _CONCERNED.format(index="p.place")
    + f"""
FROM (SELECT j.place, p.id, p.state, p.carrier_id, p.tries, p.at
    FROM {ROWS} JOIN part p ON p.id = v::text::bigint AND p.id >= $2
    ORDER BY p.id FOR UPDATE OF p) p
JOIN message m ON m.id = p.id >> 8 AND m.id >= $2::bigint >> 8"""
)

LOCK_MESSAGES = f"""
SELECT count(*) FROM (
    SELECT id FROM message WHERE id = ANY({IDS}) AND id >= $2
    ORDER BY id FOR UPDATE) m"""

SIBLINGS = f"""
SELECT json_agg(json_build_array(m.id, m.state, p.id, p.state))
FROM unnest({IDS}) AS j (v)
JOIN message m ON m.id = j.v AND m.id >= $2
JOIN part p ON p.id BETWEEN m.id * 256 AND m.id * 256 + 255
    AND p.id >= $2::bigint * 256"""

INSERT_ORPHANS = f"""
INSERT INTO orphan (carrier_id, came_at, kept_until, smsc_id, smsc_key, state, reason,
    raw, at, recipient)
SELECT $2, $3, $4, {columns("tttttft")} FROM {ROWS}"""

_ORPHANS = """
SELECT json_agg(json_build_array(o.id, json_build_array(o.smsc_id, o.smsc_key, o.state,
    o.reason, o.raw, o.at, o.recipient), {also}))
"""

# Rows of the batch: [smsc_id, smsc_key, carrier_id]
ORPHANS_OF = (
    _ORPHANS.format(also="o.carrier_id")
    + f"""
FROM {ROWS} CROSS JOIN LATERAL (
    SELECT * FROM orphan WHERE smsc_id = v->>0
    UNION SELECT * FROM orphan WHERE smsc_key = coalesce(v->>1, v->>0) OFFSET 0) o
WHERE o.carrier_id = (v->>2)::bigint"""
)

DELETE_ORPHANS = f"DELETE FROM orphan WHERE id = ANY({IDS})"

# MMS that failed and are to be followed by an SMS: [access id, SendEvent]
FALLBACKS = f"""
SELECT json_agg(json_build_array(m.access_id, json_build_array('send', m.id,
    m.recipient, m.originator, x.fallback, 'fallback', $2::float8)))
FROM mms x JOIN message m ON m.id = x.message_id
WHERE x.message_id = ANY({IDS}) AND x.fallback IS NOT NULL AND x.fallback_id IS NULL"""

FALL_BACK = f"""
UPDATE mms SET fallback_id = (v->>1)::bigint FROM {ROWS}
WHERE mms.message_id = (v->>0)::bigint"""

# callbacks

# An event's first column says what kind it is, the second what message it is of.
INSERT_CALLBACKS = f"""
INSERT INTO callback (id, access_id, event, tries, message_id, state, due_at, node_id,
    answer, at)
SELECT (v->>0)::bigint, (v->>1)::bigint, v->>2, 0, (v->2->>1)::bigint, 'due', $2, $3,
    '', $4
FROM {ROWS}"""

LEASE_CALLBACKS = f"""
UPDATE callback SET due_at = $2, node_id = $3 WHERE id = ANY({IDS})"""

DUE_CALLBACKS = """
WITH due AS MATERIALIZED (
    SELECT id, due_at FROM callback
    WHERE state = 'due' AND due_at <= $1 AND id >= $5
    ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED),
leased AS (
    UPDATE callback c SET due_at = $2, node_id = $3 FROM due
    WHERE c.id = due.id AND c.id >= $5
    RETURNING c.id, c.access_id, c.event, c.tries, due.due_at)
SELECT json_agg(json_build_array(id, access_id, event::json, tries) ORDER BY due_at)
FROM leased"""

DUE_QUEUES = """
SELECT json_agg(id) FROM (
    SELECT id FROM queue WHERE state = 'due' AND due_at <= $1
    ORDER BY due_at LIMIT $2) q"""

# clock

# The first of the rows are released, with what they are parts of.
DUE_PARTS = """
WITH due AS MATERIALIZED (
    SELECT id FROM part WHERE due_at <= $1 AND state = 'queued' AND id >= $3
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED),
released AS (
    UPDATE part SET due_at = NULL FROM due WHERE part.id = due.id AND part.id >= $3
    RETURNING part.id, part.carrier_id),
started AS (
    UPDATE message SET state = 'accepted'
    FROM (SELECT DISTINCT id >> 8 AS id FROM released) r
    WHERE message.id = r.id AND message.id >= $3::bigint >> 8
        AND message.state = 'scheduled')
SELECT json_agg(json_build_array(id, carrier_id)) FROM released"""

DUE_UNSURE = """
SELECT json_agg(json_build_array(p.id, coalesce(a.unsure, 'fail'), m.expires_at))
FROM (SELECT id FROM part WHERE due_at <= $1 AND state = 'unsure' AND id >= $3
    ORDER BY due_at LIMIT $2 FOR UPDATE SKIP LOCKED) p
JOIN message m ON m.id = p.id >> 8 AND m.id >= $3::bigint >> 8
LEFT JOIN access x ON x.id = m.access_id
LEFT JOIN account a ON a.id = x.account_id"""

QUEUED_SLICE = """
SELECT json_agg(json_build_array(p.id, m.expires_at) ORDER BY p.id) FROM (
    SELECT id FROM part WHERE state = 'queued' AND id > $1 ORDER BY id LIMIT $2) p
JOIN message m ON m.id = p.id >> 8 AND m.id >= $1::bigint >> 8"""

STILL_QUEUED = f"""
SELECT json_agg(id) FROM (
    SELECT id FROM part WHERE id = ANY({IDS}) AND state = 'queued'
    ORDER BY id FOR UPDATE SKIP LOCKED) p"""

UNSURE_SLICE = """
SELECT json_agg(id ORDER BY id) FROM (
    SELECT id FROM part WHERE state = 'unsure' AND id > $1 ORDER BY id LIMIT $2) p"""

STILL_UNSURE = f"""
SELECT json_agg(id) FROM (
    SELECT id FROM part WHERE id = ANY({IDS}) AND state = 'unsure'
    ORDER BY id FOR UPDATE SKIP LOCKED) p"""

# [orphan id, receipt, part id]: of one carrier and recipient, not from before the
# message. Locked: another node may give it to another part.
ORPHANS_FOR_UNSURE = f"""
SELECT json_agg(json_build_array(f.id, json_build_array(f.smsc_id, f.smsc_key, f.state,
    f.reason, f.raw, f.at, f.recipient), f.part_id))
FROM (SELECT o.*, u.id AS part_id
    FROM unnest({IDS}) AS j (v)
    JOIN part u ON u.id = j.v
    JOIN message m ON m.id = u.id >> 8
    JOIN orphan o ON o.recipient = m.recipient AND o.carrier_id = u.carrier_id
        AND o.came_at >= m.accepted_at
    FOR UPDATE OF o SKIP LOCKED) f"""

# Nothing leads from a recipient to its messages: this one does go through two lists.
BY_HASH = "SET LOCAL enable_hashjoin = on"

# Those of the batch to whose recipient their carrier is sending another part.
OTHERS_BEING_SENT = f"""
WITH sending AS MATERIALIZED (
    SELECT DISTINCT m.recipient, p.carrier_id FROM part p
    JOIN message m ON m.id = p.id >> 8 WHERE p.state = 'sending')
SELECT json_agg(u.id)
FROM unnest({IDS}) AS j (v)
JOIN part u ON u.id = j.v
JOIN message m ON m.id = u.id >> 8
JOIN sending s ON s.recipient = m.recipient AND s.carrier_id = u.carrier_id"""

FORGET_ORPHANS = """
DELETE FROM orphan WHERE id IN (
    SELECT id FROM orphan WHERE kept_until <= $1 ORDER BY kept_until LIMIT $2
    FOR UPDATE SKIP LOCKED)"""

FORGET_KEYS = """
DELETE FROM idempotency i USING (
    SELECT access_id, key FROM idempotency WHERE kept_until <= $1
    ORDER BY kept_until LIMIT $2 FOR UPDATE SKIP LOCKED) d
WHERE i.access_id = d.access_id AND i.key = d.key"""

# look-ups


def state(within: str) -> str:
    """
    Write how a message stands: one that has left whole is ``sent``.

    ``within`` says more of the ids of its parts ``p``, so that partitions are left out.
    """
    return f"""CASE WHEN m.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255 AND {within}
        AND p.state IN ('queued', 'sending', 'unsure')) THEN 'sent' ELSE m.state END"""


MESSAGES = f"""
SELECT json_agg(json_build_array(m.id, m.access_id, m.recipient, m.ref, m.segments,
    {state("p.id >= $2::bigint * 256")}, m.reason, m.raw, m.accepted_at, m.final_at))
FROM unnest({IDS}) AS j (v) JOIN message m ON m.id = j.v AND m.id >= $2"""
