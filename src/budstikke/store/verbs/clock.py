"""What becomes due as time passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.receipt import Reason
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PartState
from budstikke.store.contract import CallbackRow, DueWork
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.reassembly import FORGET_DONE
from budstikke.store.verbs.settlement import settle_parts, settle_unsure
from budstikke.store.verbs.statement import statement, two

if TYPE_CHECKING:
    from budstikke.store.verbs.connection import Connection
    from budstikke.store.verbs.statement import Fragments

# Where each kind of work that waits for its time is; $1 is now.
_CALLBACKS = "callback WHERE state = 'due' AND due_at <= $1 AND id >= {callback}"
_QUEUED = "part WHERE state = 'queued' AND due_at <= $1 AND id >= {part}"
_UNSURE = "part WHERE state = 'unsure' AND due_at <= $1 AND id >= {part}"
_QUEUES = "queue WHERE state = 'due' AND due_at <= $1"

# $2 and $3 are bounds of parts and of callbacks.
IS_DUE = statement(
    "SELECT "
    + " OR ".join(
        f"EXISTS (SELECT 1 FROM {each.format(part='$2', callback='$3')})"
        for each in (_CALLBACKS, _QUEUED, _UNSURE, _QUEUES)
    )
)


def _due(e: Fragments) -> str:
    """
    List callbacks, parts, unsure parts and queues that are due, as one JSON array.

    Nodes leave out what another has locked: each takes callbacks and parts of its own.
    $2 is how many parts, $4 how many callbacks; $3 and $5 are bounds of their ids.
    """
    callbacks, queued, unsure = (
        each.format(part="$3", callback="$5") for each in (_CALLBACKS, _QUEUED, _UNSURE)
    )
    lists = (
        f"""
SELECT {e.list}({e.row}(id, access_id, {e.json("event")}, tries)) FROM (
    SELECT id, access_id, event, tries FROM {callbacks}
    ORDER BY due_at LIMIT $4 {e.skip_locked}) c""",
        f"""
SELECT {e.list}({e.row}(id, carrier_id)) FROM (
    SELECT id, carrier_id FROM {queued}
    ORDER BY due_at LIMIT $2 {e.skip_locked}) p""",
        f"""
SELECT {e.list}({e.row}(p.id, coalesce(a.unsure, 'fail'), m.expires_at))
FROM (SELECT id FROM {unsure}
    ORDER BY due_at LIMIT $2 {e.skip_locked}) p
JOIN message m ON m.id = p.id >> 8 AND m.id >= $3::bigint >> 8
LEFT JOIN access x ON x.id = m.access_id
LEFT JOIN account a ON a.id = x.account_id
WHERE coalesce(a.unsure, 'fail') <> 'elsewhere'""",
        f"""
SELECT {e.list}(id) FROM (SELECT id FROM {_QUEUES} ORDER BY due_at LIMIT $2) q""",
    )
    return f"SELECT {e.row}({', '.join(e.json(f'({each})') for each in lists)})"


DUE = statement(_due)

LEASE_CALLBACKS = statement(
    lambda e: (
        f"""
UPDATE callback SET due_at = $2, node_id = $3 WHERE id {e.in_ids()} AND id >= $4"""
    )
)

RELEASE_PARTS = statement(
    lambda e: f"UPDATE part SET due_at = NULL WHERE id {e.in_ids()} AND id >= $2"
)

START_MESSAGES = statement(
    lambda e: (
        f"""
UPDATE message SET state = 'accepted'
WHERE id {e.in_ids()} AND id >= $2 AND state = 'scheduled'"""
    )
)

QUEUED_SLICE = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(p.id, m.expires_at)) FROM (
    SELECT id FROM part WHERE state = 'queued' AND id > $1 ORDER BY id LIMIT $2) p
JOIN message m ON m.id = p.id >> 8 AND m.id >= $1::bigint >> 8"""
    )
)

STILL_QUEUED = statement(
    lambda e: (
        f"""
SELECT {e.list}(id) FROM (
    SELECT id FROM part WHERE id {e.in_ids()} AND state = 'queued'
    ORDER BY id {e.skip_locked}) p"""
    )
)

UNSURE_SLICE = statement(
    lambda e: (
        f"""
SELECT {e.list}(id) FROM (
    SELECT id FROM part WHERE state = 'unsure' AND id > $1 ORDER BY id LIMIT $2) p"""
    )
)

FORGET_ORPHANS = statement(
    lambda e: (
        f"""
DELETE FROM orphan WHERE id IN (
    SELECT id FROM orphan WHERE kept_until <= $1 ORDER BY kept_until LIMIT $2
    {e.skip_locked})"""
    )
)

# Two texts: SQLite would use only the first column of their key.
FORGET_KEYS = two(
    sqlite="""
DELETE FROM idempotency WHERE rowid IN (
    SELECT rowid FROM idempotency WHERE kept_until <= $1
    ORDER BY kept_until LIMIT $2)""",
    postgres="""
DELETE FROM idempotency i USING (
    SELECT access_id, key FROM idempotency WHERE kept_until <= $1
    ORDER BY kept_until LIMIT $2 FOR UPDATE SKIP LOCKED) d
WHERE i.access_id = d.access_id AND i.key = d.key""",
)

# The duplicate lock's keys on PostgreSQL; on SQLite those of an import.
FORGET_DUPLICATES = statement(
    lambda e: (
        f"""
DELETE FROM duplicate WHERE key IN (
    SELECT key FROM duplicate WHERE until <= $1 ORDER BY until LIMIT $2
    {e.skip_locked})"""
    )
)

FORGET = (FORGET_ORPHANS, FORGET_KEYS, FORGET_DUPLICATES, FORGET_DONE)
"""Deletions of a slice of rows whose time is over."""

_expiring = msgspec.json.Decoder(list[tuple[int, float]]).decode
_ids = msgspec.json.Decoder(list[int]).decode


class _Due(msgspec.Struct, array_like=True):
    """What ``DUE`` lists; ``None``: nothing of that kind."""

    callbacks: list[CallbackRow] | None
    queued: list[tuple[int, int]] | None
    unsure: list[tuple[int, str, float]] | None
    queues: list[int] | None


_lists = msgspec.json.Decoder(_Due).decode


async def is_due(connection: Connection, now: float) -> bool:
    """Tell whether there is anything for ``wake`` to do, as one look without locks."""
    bounds = connection.bounds
    values = (now, bounds.open_part, bounds.open_callback)
    return bool(await connection.value(IS_DUE, *values))


async def wake(
    connection: Connection, now: float, limit: int, callbacks: int
) -> DueWork:
    """Lease callbacks, so many; release parts that waited; conclude unsure ones."""
    bounds = connection.bounds
    values = (now, limit, bounds.open_part, callbacks, bounds.open_callback)
    due = _lists(await connection.value(DUE, *values))
    leased, queued, unsure = due.callbacks or [], due.queued or [], due.unsure or []
    if leased:
        await lease_callbacks(connection, leased, now)
    if queued:
        await _release(connection, [part_id for part_id, _ in queued])
    resent, concluded = await _conclude_unsure(connection, unsure, now)
    carriers = {carrier_id for _, carrier_id in queued} | resent
    more = limit in (len(queued), len(unsure)) or 0 < callbacks == len(leased)
    return DueWork(carriers, leased + concluded, more, due.queues or [])


async def lease_callbacks(
    connection: Connection, callbacks: list[CallbackRow], now: float
) -> None:
    """Lease callbacks that are due to this node."""
    ids, low = text([row.id for row in callbacks]), connection.bounds.open_callback
    values = (ids, connection.lease_until(now), connection.node_id, low)
    await connection.execute(LEASE_CALLBACKS, *values)


async def _release(connection: Connection, part_ids: list[int]) -> None:
    """Queue parts that are due, and start scheduled messages."""
    low = connection.bounds.open_part
    await connection.execute(RELEASE_PARTS, text(part_ids), low)
    messages = text(sorted({part_id >> 8 for part_id in part_ids}))
    await connection.execute(START_MESSAGES, messages, low >> 8)


async def _conclude_unsure(
    connection: Connection, rows: list[tuple[int, str, float]], now: float
) -> tuple[set[int], list[CallbackRow]]:
    updates: dict[int, PartUpdate] = {}
    for part_id, rule, expires_at in rows:
        resend = rule == "resend" and now < expires_at
        updates[part_id] = PartUpdate(
            part_id,
            PartState.QUEUED if resend else PartState.UNDELIVERED,
            0,
            reason=Reason.UNSURE,
            raw="resent" if resend else "no answer and no receipt",
            at=now,
        )
    callbacks = await settle_parts(connection, updates, now)
    queued = {u.carrier_id for u in updates.values() if u.state is PartState.QUEUED}
    return queued, callbacks


class SweepCursor(msgspec.Struct, frozen=True):
    """Where the next slices of a sweep begin: ids of parts; 0: at the front."""

    waiting: int = 0
    unsure: int = 0


async def sweep(
    connection: Connection, cursor: SweepCursor, now: float, limit: int
) -> tuple[SweepCursor, list[CallbackRow]]:
    """
    Expire a slice of the backlog, settle a slice of unsure parts by orphans, delete.

    Returns where the next slices begin, and callbacks.
    """
    first = connection.bounds.open_part - 1
    begin = max(cursor.waiting, first)
    queued = sorted(_expiring(await connection.one(QUEUED_SLICE, begin, limit)))
    expired = [part_id for part_id, expires_at in queued if expires_at <= now]
    callbacks = await _expire(connection, expired, now)
    begin = max(cursor.unsure, first)
    unsure = sorted(_ids(await connection.one(UNSURE_SLICE, begin, limit)))
    callbacks += await settle_unsure(connection, unsure, now)
    for forget in FORGET:
        await connection.execute(forget, now, limit)
    after = SweepCursor(
        queued[-1][0] if len(queued) == limit else 0,
        unsure[-1] if len(unsure) == limit else 0,
    )
    return after, callbacks


async def _expire(
    connection: Connection, part_ids: list[int], now: float
) -> list[CallbackRow]:
    """Expire those of these parts that are still queued."""
    if not part_ids:
        return []
    still = _ids(await connection.one(STILL_QUEUED, text(part_ids)))
    updates = {
        part_id: PartUpdate(
            part_id,
            PartState.EXPIRED,
            0,
            reason=Reason.EXPIRED,
            raw="validity over before it could be sent",
            at=now,
        )
        for part_id in still
    }
    return await settle_parts(connection, updates, now)
