"""
Parts of long inbound texts, held until their text is complete.

A part is ``held`` until a text has used it, then ``done``. Done parts stay until
``due_at``, because an operator that missed our acknowledgement delivers a part again. A
part that equals a stored one may be such a repeat, or belong to another text with the
same reference: then its state is ``copy`` (``Copy`` says of which kind). A copy can
complete a text, but makes none wait; a text that uses it makes it ``done``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.store.contract import MOST_EQUAL, HeldPart
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import columns, server_only, statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.store.verbs.connection import Connection

# Two nodes may get parts of one text at the same time: the later one waits, so that it
# sees the other's. In order, so that two batches never deadlock.
LOCK_TEXTS = server_only("""
SELECT count(pg_advisory_xact_lock(text)) FROM (
    SELECT DISTINCT hashtextextended(value::text, 0) AS text
    FROM jsonb_array_elements($1::jsonb) ORDER BY 1) t""")

# For each row of the batch, the stored parts that equal it: the newest, how many, and
# whether one is held. An index finds them.
_EQUAL_SQLITE = """(
    SELECT b.key, b.value, max(p.id) AS newest, count(p.id) AS equal,
        max(p.state = 'held') AS waits
    FROM json_each($1) b
    LEFT JOIN inbound_part p ON p.originator = b.value->>2
        AND p.recipient = b.value->>3 AND p.reference = b.value->>9
        AND p.total = b.value->>10 AND p.number = b.value->>11
        AND p.digest = b.value->>12
    GROUP BY b.key)"""

_EQUAL_POSTGRES = """(
    SELECT value, key, kept.* FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY
        AS b (value, key)
    CROSS JOIN LATERAL (
        SELECT max(p.id) AS newest, count(*) AS equal,
            bool_or(p.state = 'held') AS waits
        FROM inbound_part p
        WHERE p.originator = b.value->>2 AND p.recipient = b.value->>3
            AND p.reference = b.value->>9 AND p.total = (b.value->>10)::integer
            AND p.number = (b.value->>11)::integer AND p.digest = b.value->>12) kept)"""

# Rows of the batch: HeldPart. ``copy`` is that struct's ``Copy``, by its ``Equals``.
HOLD = statement(
    lambda e: (
        f"""
INSERT INTO inbound_part (carrier_id, originator, recipient, data_coding, udhi, payload,
    tlvs, at, reference, total, number, digest, due_at, equal_id, copy, state)
SELECT {columns("ittnnttftnntf", 1)}, coalesce(j.newest, 0), j.copy,
    CASE WHEN j.copy = 0 THEN 'held' ELSE 'copy' END
FROM (SELECT k.*, CASE
        WHEN k.equal > 0 AND ((k.value->>14)::integer = 1 OR k.waits)
        THEN (k.value->>14)::integer ELSE 0 END AS copy
    FROM {e.only(sqlite=_EQUAL_SQLITE, postgres=_EQUAL_POSTGRES)} k) j
WHERE j.equal = 0 OR ((j.value->>14)::integer > 0 AND j.equal < {MOST_EQUAL})
ORDER BY j.key
ON CONFLICT DO NOTHING"""
    )
)

_USABLE = "state IN ('held', 'copy')"
"""Parts that can complete a text: held ones, and unused copies."""

DROP = statement(
    lambda e: f"DELETE FROM inbound_part WHERE id {e.in_ids()} AND {_USABLE}"
)

# Rows of the batch: [originator, recipient, reference, total]
HELD_OF = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(p.id, p.carrier_id, p.originator, p.recipient, p.data_coding,
    p.udhi, p.payload, {e.json("p.tlvs")}, p.at, p.reference, p.total, p.number,
    p.digest, p.due_at, 0, p.copy))
FROM {e.rows()} {e.join} inbound_part p
    ON p.originator = j.value->>0 AND p.recipient = j.value->>1
    AND p.reference = j.value->>2 AND p.total = (j.value->>3)::integer
WHERE {_USABLE}"""
    )
)

# Texts with a part that is due, or with all numbers. By itself SQLite would also read
# the parts that are done.
HELD_DUE = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(originator, recipient, reference, total)) FROM (
    SELECT originator, recipient, reference, total
    FROM inbound_part {e.only(sqlite="INDEXED BY inbound_part_held")}
    WHERE state = 'held' GROUP BY originator, recipient, reference, total
    HAVING min(due_at) <= $1 OR total <= count(DISTINCT
        CASE WHEN number BETWEEN 1 AND total THEN number END)
    ORDER BY min(id) LIMIT $2) t"""
    )
)

HELD_STILL = statement(
    lambda e: (
        f"""
SELECT {e.list}(id) FROM (
    SELECT id FROM inbound_part WHERE id {e.in_ids()} AND {_USABLE}
    ORDER BY id {e.lock}) p"""
    )
)

HELD_DONE = statement(
    lambda e: (
        f"""
UPDATE inbound_part SET state = 'done' WHERE id {e.in_ids()}"""
    )
)

FORGET_DONE = statement(
    lambda e: (
        f"""
DELETE FROM inbound_part WHERE id IN (
    SELECT id FROM inbound_part WHERE state <> 'held' AND due_at <= $1
    ORDER BY due_at LIMIT $2 {e.skip_locked})"""
    )
)

_parts = msgspec.json.Decoder(list[HeldPart]).decode
_ids = msgspec.json.Decoder(list[int]).decode


async def hold_parts(
    connection: Connection, parts: Sequence[HeldPart]
) -> list[HeldPart]:
    """Store parts; return all held parts of their texts, oldest first."""
    texts = text(
        list({(p.originator, p.recipient, p.reference, p.total) for p in parts})
    )
    await connection.on_server(LOCK_TEXTS, texts)
    await connection.execute(HOLD, text(parts))
    return await _of_texts(connection, texts)


async def drop_parts(connection: Connection, part_ids: Sequence[int]) -> None:
    """Delete held parts."""
    await connection.execute(DROP, text(part_ids))


async def ready_parts(connection: Connection, now: float, limit: int) -> list[HeldPart]:
    """Find held parts of texts that are due or complete, oldest first."""
    return await _of_texts(connection, await connection.one(HELD_DUE, now, limit))


async def _of_texts(connection: Connection, texts: str) -> list[HeldPart]:
    parts = _parts(await connection.one(HELD_OF, texts))
    return sorted(parts, key=lambda part: part.id)


async def still_held(connection: Connection, part_ids: Sequence[int]) -> set[int]:
    """Return those of these parts that no text has used; lock them."""
    if not part_ids:
        return set()
    return set(_ids(await connection.one(HELD_STILL, text(part_ids))))


async def mark_done(connection: Connection, part_ids: Iterable[int]) -> None:
    """Note that a text has used these parts."""
    ids = list(part_ids)
    if ids:
        await connection.execute(HELD_DONE, text(ids))
