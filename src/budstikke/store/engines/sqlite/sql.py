"""
The statements of the message path.

Those with ``?1`` to ``?n`` for columns are run for each row of a batch. The others take
the batch as one JSON value, and return rows as one (why: docs/why/sqlite.md);
``j.value->>n`` is column n of a row of the batch. The order of columns is that of the
structs in ``store.contract`` and ``domain``.
"""

from __future__ import annotations

from budstikke.store.engines.sqlite.json_rows import columns

# Newest first; the reader stops at the first that is older than any lock.
LOCKED_KEYS = """
SELECT duplicate_key, duplicate_until, accepted_at FROM message ORDER BY id DESC"""

MARK_QUEUED = """
UPDATE part SET state = 'queued', node_id = NULL
WHERE id IN (SELECT value FROM json_each(?1)) AND state = 'sending'"""

# record and settle: columns of domain.settlement.PartUpdate

UPDATE_PARTS = """
UPDATE part SET state = ?2, carrier_id = ?3, smsc_id = iif(?11, smsc_id, ?4),
    smsc_key = iif(?11, smsc_key, ?5), reason = ?6, raw = ?7, at = ?8, due_at = ?9,
    tries = ?10, node_id = NULL
WHERE id = ?1"""

# Parts of the batch that no answer can change any more, and unknown ones.
NOT_OPEN = """
SELECT json_group_array(j.value) FROM json_each(?1) j
LEFT JOIN part p ON p.id = j.value
WHERE coalesce(p.state, '') NOT IN ('sending', 'unsure')"""

FINISH_MESSAGES = """
UPDATE message SET state = ?2, reason = ?3, raw = ?4, final_at = ?5
WHERE id = ?1 AND state IN ('accepted', 'scheduled')"""

_CONCERNED = """
SELECT json_group_array(json_array({index}, p.id, p.state, p.carrier_id, p.tries, m.id,
    m.parts, m.state, m.tell, m.access_id, m.recipient, m.ref,
    max(iif(p.state = 'unsure', 0.0, coalesce(p.at, 0.0)), m.accepted_at),
    m.callback_url))
"""

MATCH_ID = (
    _CONCERNED.format(index="j.key")
    + """
FROM json_each(?1) j
CROSS JOIN part p ON p.smsc_id = j.value->>0 AND p.carrier_id = ?2
CROSS JOIN message m ON m.id = p.id >> 8"""
)

MATCH_KEY = (
    _CONCERNED.format(index="j.value->>0")
    + """
FROM json_each(?1) j
CROSS JOIN part p ON p.smsc_key = j.value->>1 AND p.carrier_id = ?2
CROSS JOIN message m ON m.id = p.id >> 8"""
)

CONCERNED_BY_PART = (
    _CONCERNED.format(index="j.key")
    + """
FROM json_each(?1) j
CROSS JOIN part p ON p.id = j.value
CROSS JOIN message m ON m.id = p.id >> 8"""
)

SIBLINGS = """
SELECT json_group_array(json_array(m.id, m.state, p.id, p.state))
FROM json_each(?1) j
CROSS JOIN message m ON m.id = j.value
CROSS JOIN part p ON p.id BETWEEN m.id * 256 AND m.id * 256 + 255"""

INSERT_ORPHANS = f"""
INSERT INTO orphan (carrier_id, came_at, kept_until, smsc_id, smsc_key, state, reason,
    raw, at, recipient)
SELECT ?2, ?3, ?4, {columns(7)} FROM json_each(?1) j"""

_ORPHANS = """
SELECT json_group_array(json_array(o.id, json_array(o.smsc_id, o.smsc_key, o.state,
    o.reason, o.raw, o.at, o.recipient), {also}))
"""

# Rows of the batch: [smsc_id, smsc_key, carrier_id]
ORPHANS_OF = (
    _ORPHANS.format(also="o.carrier_id")
    + """
FROM json_each(?1) j
CROSS JOIN orphan o ON o.carrier_id = j.value->>2 AND o.id IN (
    SELECT id FROM orphan WHERE smsc_id = j.value->>0
    UNION ALL SELECT id FROM orphan
    WHERE smsc_key = coalesce(j.value->>1, j.value->>0))"""
)

DELETE_ORPHANS = "DELETE FROM orphan WHERE id IN (SELECT value FROM json_each(?1))"

# MMS that failed and are to be followed by an SMS: [access id, SendEvent]
FALLBACKS = """
SELECT json_group_array(json_array(m.access_id, json_array('send', m.id, m.recipient,
    m.originator, x.fallback, 'fallback', ?2)))
FROM json_each(?1) j
CROSS JOIN mms x ON x.message_id = j.value
CROSS JOIN message m ON m.id = x.message_id
WHERE x.fallback IS NOT NULL AND x.fallback_id IS NULL"""

FALL_BACK = """
UPDATE mms SET fallback_id = j.value->>1 FROM json_each(?1) j
WHERE mms.message_id = j.value->>0"""

# callbacks

INSERT_CALLBACKS = """
INSERT INTO callback (id, access_id, event, tries, message_id, state, due_at, node_id,
    answer, at)
SELECT j.value->>0, j.value->>1, j.value->>2, 0, j.value->2->>1, 'due', ?2, ?3, '', ?4
FROM json_each(?1) j"""

DUE_CALLBACKS = """
SELECT json_group_array(json_array(id, access_id, json(event), tries)) FROM (
    SELECT id, access_id, event, tries FROM callback
    WHERE state = 'due' AND due_at <= ?1 ORDER BY due_at LIMIT ?2)"""

DUE_QUEUES = """
SELECT json_group_array(id) FROM (
    SELECT id FROM queue WHERE state = 'due' AND due_at <= ?1
    ORDER BY due_at LIMIT ?2)"""

LEASE_CALLBACKS = """
UPDATE callback SET due_at = ?2, node_id = ?3
WHERE id IN (SELECT value FROM json_each(?1))"""

# clock

DUE_PARTS = """
SELECT json_group_array(json_array(id, carrier_id)) FROM (
    SELECT id, carrier_id FROM part
    WHERE due_at <= ?1 AND state = 'queued' ORDER BY due_at LIMIT ?2)"""

RELEASE_PARTS = """
UPDATE part SET due_at = NULL WHERE id IN (SELECT value->>0 FROM json_each(?1))"""

START_SCHEDULED = """
UPDATE message SET state = 'accepted'
WHERE id IN (SELECT (value->>0) >> 8 FROM json_each(?1)) AND state = 'scheduled'"""

DUE_UNSURE = """
SELECT json_group_array(json_array(p.id, coalesce(a.unsure, 'fail'), m.expires_at))
FROM (SELECT id FROM part WHERE due_at <= ?1 AND state = 'unsure'
    ORDER BY due_at LIMIT ?2) p
JOIN message m ON m.id = p.id >> 8
LEFT JOIN access x ON x.id = m.access_id
LEFT JOIN account a ON a.id = x.account_id"""

QUEUED_SLICE = """
SELECT json_group_array(json_array(p.id, m.expires_at)) FROM (
    SELECT id FROM part WHERE state = 'queued' AND id > ?1 ORDER BY id LIMIT ?2) p
JOIN message m ON m.id = p.id >> 8"""

UNSURE_SLICE = """
SELECT json_group_array(id) FROM (
    SELECT id FROM part WHERE state = 'unsure' AND id > ?1 ORDER BY id LIMIT ?2)"""

# [orphan id, receipt, part id]: of one carrier and recipient, not from before the
# message.
ORPHANS_FOR_UNSURE = (
    _ORPHANS.format(also="u.id")
    + """
FROM json_each(?1) j
CROSS JOIN part u ON u.id = j.value
CROSS JOIN message m ON m.id = u.id >> 8
CROSS JOIN orphan o ON o.recipient = m.recipient AND o.carrier_id = u.carrier_id
    AND o.came_at >= m.accepted_at"""
)

# Those of the batch to whose recipient their carrier is sending another part.
OTHERS_BEING_SENT = """
WITH sending AS MATERIALIZED (
    SELECT DISTINCT m.recipient, p.carrier_id FROM part p
    JOIN message m ON m.id = p.id >> 8 WHERE p.state = 'sending')
SELECT json_group_array(u.id) FROM json_each(?1) j
CROSS JOIN part u ON u.id = j.value
CROSS JOIN message m ON m.id = u.id >> 8
CROSS JOIN sending s ON s.recipient = m.recipient AND s.carrier_id = u.carrier_id"""

FORGET_ORPHANS = """
DELETE FROM orphan WHERE id IN (
    SELECT id FROM orphan WHERE kept_until <= ?1 ORDER BY kept_until LIMIT ?2)"""

FORGET_KEYS = """
DELETE FROM idempotency WHERE rowid IN (
    SELECT rowid FROM idempotency WHERE kept_until <= ?1
    ORDER BY kept_until LIMIT ?2)"""

# look-ups

MESSAGES = """
SELECT json_group_array(json_array(m.id, m.access_id, m.recipient, m.ref, m.segments,
    iif(m.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255
        AND p.state IN ('queued', 'sending', 'unsure')), 'sent', m.state),
    m.reason, m.raw, m.accepted_at, m.final_at))
FROM json_each(?1) j JOIN message m ON m.id = j.value"""
