"""
Orphans: delivery reports without a part.

A report may come before the response with the message id, or may be the only sign of an
unsure part. So it is kept, and matched once a part has its id.
"""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.receipt import Receipt
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import (
    POSTGRES,
    SQLITE,
    Fragments,
    columns,
    server_only,
    statement,
    two,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.store.verbs.connection import Connection

INSERT_ORPHANS = statement(
    lambda e: (
        f"""
INSERT INTO orphan (carrier_id, came_at, kept_until, smsc_id, smsc_key, state, reason,
    raw, at, recipient)
SELECT $2, $3, $4, {columns("tttttft")} FROM {e.rows()}"""
    )
)


def _orphans(e: Fragments, also: str) -> str:
    return f"""
SELECT {e.list}({e.row}(o.id, {e.row}(o.smsc_id, o.smsc_key, o.state, o.reason, o.raw,
    o.at, o.recipient), {also}))
"""


# Rows of the batch: [smsc_id, smsc_key, carrier_id]. One subquery each, since the
# planners would read all orphans of a carrier.
ORPHANS_OF = two(
    sqlite=_orphans(SQLITE, "o.carrier_id")
    + """
FROM json_each($1) j
CROSS JOIN orphan o ON o.carrier_id = j.value->>2 AND o.id IN (
    SELECT id FROM orphan WHERE smsc_id = j.value->>0
    UNION ALL SELECT id FROM orphan
    WHERE smsc_key = coalesce(j.value->>1, j.value->>0))""",
    postgres=_orphans(POSTGRES, "o.carrier_id")
    + f"""
FROM {POSTGRES.rows()} CROSS JOIN LATERAL (
    SELECT * FROM orphan WHERE smsc_id = j.value->>0
    UNION SELECT * FROM orphan
    WHERE smsc_key = coalesce(j.value->>1, j.value->>0) OFFSET 0) o
WHERE o.carrier_id = (j.value->>2)::bigint""",
)

DELETE_ORPHANS = statement(lambda e: f"DELETE FROM orphan WHERE id {e.in_ids()}")

# [orphan's id, report, part's id]: same carrier and recipient, and not older than the
# message. Locked: another node may match them with another part.
ORPHANS_FOR_UNSURE = statement(
    lambda e: (
        _orphans(e, "o.part_id")
        + f"""
FROM (SELECT o.*, u.id AS part_id
    FROM {e.id_rows()}
    {e.join} part u ON u.id = j.value
    {e.join} message m ON m.id = u.id >> 8
    {e.join} orphan o ON o.recipient = m.recipient AND o.carrier_id = u.carrier_id
        AND o.came_at >= m.accepted_at
    {e.only(postgres="FOR UPDATE OF o SKIP LOCKED")}) o"""
    )
)

STILL_UNSURE = statement(
    lambda e: (
        f"""
SELECT {e.list}(id) FROM (
    SELECT id FROM part WHERE id {e.in_ids()} AND state = 'unsure'
    ORDER BY id {e.skip_locked}) p"""
    )
)

# No index leads from a recipient to its messages: the next one reads two lists.
JOIN_BY_HASH = server_only("SET LOCAL enable_hashjoin = on")

# Parts of the batch to whose recipient the carrier is sending another part.
OTHERS_BEING_SENT = statement(
    lambda e: (
        f"""
WITH sending AS MATERIALIZED (
    SELECT DISTINCT m.recipient, p.carrier_id FROM part p
    JOIN message m ON m.id = p.id >> 8 WHERE p.state = 'sending')
SELECT {e.list}(u.id)
FROM {e.id_rows()}
{e.join} part u ON u.id = j.value
{e.join} message m ON m.id = u.id >> 8
{e.join} sending s ON s.recipient = m.recipient AND s.carrier_id = u.carrier_id"""
    )
)

_rows = msgspec.json.Decoder(list[tuple[int, Receipt, int]]).decode
_ids = msgspec.json.Decoder(list[int]).decode

KEEP_AGAIN = 7 * 86400.0
"""
Seconds to keep an orphan that was matched with a wrong part: the operator reused the
id, and the right part does not have it yet.
"""

Name = tuple[str, str | None, int]
"""A part's name: the operator's id, its normal form, the carrier."""


async def keep_orphans(
    connection: Connection,
    carrier_id: int,
    receipts: Sequence[Receipt],
    now: float,
    keep: float,
) -> None:
    """Keep delivery reports without a part for ``keep`` seconds."""
    rows = text([_as_orphan(receipt) for receipt in receipts])
    await connection.execute(INSERT_ORPHANS, rows, carrier_id, now, now + keep)


async def take_orphans(
    connection: Connection, names: Sequence[Name]
) -> dict[int, list[Receipt]]:
    """Take the orphans of parts with these names, by carrier, oldest first."""
    rows = _rows(await connection.one(ORPHANS_OF, text(names)))
    if not rows:
        return {}
    by_carrier: dict[int, dict[int, Receipt]] = defaultdict(dict)
    unkeyed = {smsc_id for smsc_id, smsc_key, _ in names if smsc_key is None}
    for orphan_id, receipt, carrier_id in sorted(rows, key=itemgetter(0)):
        by_carrier[carrier_id][orphan_id] = _as_named(receipt, unkeyed)
    ids = [id_ for orphans in by_carrier.values() for id_ in orphans]
    await connection.execute(DELETE_ORPHANS, text(ids))
    return {
        carrier_id: list(orphans.values()) for carrier_id, orphans in by_carrier.items()
    }


async def take_orphans_of_unsure(
    connection: Connection, part_ids: Sequence[int]
) -> dict[int, Receipt]:
    """
    Take an orphan for each unsure part of the same carrier and recipient, by part.

    Not while another part is being sent there: the orphan may be about that one.
    """
    rows = _rows(await connection.one(ORPHANS_FOR_UNSURE, text(part_ids)))
    if not rows:
        return {}
    wanting = text(list({part_id for _, _, part_id in rows}))
    unsure = set(_ids(await connection.one(STILL_UNSURE, wanting)))
    await connection.on_server(JOIN_BY_HASH)
    unsure -= set(_ids(await connection.one(OTHERS_BEING_SENT, wanting)))
    matched = match_orphans(row for row in rows if row[2] in unsure)
    if matched:
        used = text([orphan_id for orphan_id, _ in matched.values()])
        await connection.execute(DELETE_ORPHANS, used)
    return {part_id: receipt for part_id, (_, receipt) in matched.items()}


def match_orphans(
    rows: Iterable[tuple[int, Receipt, int]],
) -> dict[int, tuple[int, Receipt]]:
    """
    Choose an orphan for each part; all orphans of one id belong to one part.

    Rows are [orphan's id, report, part's id]; returns the first two by the third.
    """
    matched: dict[int, tuple[int, Receipt]] = {}
    used: set[object] = set()
    for orphan_id, receipt, part_id in sorted(rows, key=itemgetter(2, 0)):
        names = {orphan_id, receipt.smsc_id or orphan_id, receipt.smsc_key or orphan_id}
        if part_id not in matched and not names & used:
            matched[part_id] = orphan_id, receipt
            used |= names
    return matched


def _as_orphan(receipt: Receipt) -> Receipt:
    """
    Make the row of an orphan.

    If the first id has no normal form, a second id takes its column; see ``_as_named``.
    """
    if receipt.smsc_key is not None or not receipt.other_id:
        return receipt
    key = receipt.other_key or receipt.other_id
    return msgspec.structs.replace(receipt, smsc_key=key)


def _as_named(receipt: Receipt, unkeyed: set[str]) -> Receipt:
    """
    Read an orphan that was found by the names of parts.

    ``unkeyed``: ids of parts without a normal form, since their carrier has no rule. If
    the orphan's normal form is one of them, it is in fact a second id.
    """
    key = receipt.smsc_key
    if key is None or key not in unkeyed:
        return receipt
    return msgspec.structs.replace(receipt, smsc_key=None, other_id=key)
