"""
The statements of the message path.

Those with ``?1`` to ``?n`` for columns are run for each row of a batch. The others take
the batch as one JSON value, and return rows as one (why: docs/why/sqlite.md);
``j.value->>n`` is column n of a row of the batch. The order of columns is that of the
structs in ``store.contract`` and ``domain``.
"""

from __future__ import annotations

# Newest first; the reader stops at the first that is older than any lock.
LOCKED_KEYS = """
SELECT duplicate_key, duplicate_until, accepted_at FROM message ORDER BY id DESC"""

# look-ups

MESSAGES = """
SELECT json_group_array(json_array(m.id, m.access_id, m.recipient, m.ref, m.segments,
    iif(m.state = 'accepted' AND NOT EXISTS (SELECT 1 FROM part p
        WHERE p.id BETWEEN m.id * 256 AND m.id * 256 + 255
        AND p.state IN ('queued', 'sending', 'unsure')), 'sent', m.state),
    m.reason, m.raw, m.accepted_at, m.final_at))
FROM json_each(?1) j JOIN message m ON m.id = j.value"""
