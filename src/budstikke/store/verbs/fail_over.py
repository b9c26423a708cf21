"""
Moves parts to another carrier of their route.

Only parts that are ``queued`` under the lock move: no operator has them. A message of
several parts moves whole, or not at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.history import HistoryKind, HistoryRow
from budstikke.domain.message import Part
from budstikke.domain.receipt import Reason
from budstikke.domain.states import PartState
from budstikke.store.verbs.history import record_history
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.settlement import Concerned, PartUpdate
    from budstikke.store.contract import Move
    from budstikke.store.verbs.connection import Connection

# Of a carrier's queue, behind a part with the priority $3 and the id $4.
QUEUE = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(priority, id)) FROM (
    SELECT priority, id FROM part
    WHERE carrier_id = $1 AND state = 'queued' AND due_at IS NULL AND id >= $2
        AND (priority < $3::integer OR priority = $3::integer AND id > $4::bigint)
    ORDER BY priority DESC, id LIMIT $5) p"""
    )
)

# Columns of domain.message.Part, without text, of the first parts of messages all of
# whose parts are queued for the carrier $3.
WAITING = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(p.id, 1, m.parts, m.originator, m.recipient, '',
    m.encoding, {e.row}(0, 0), {e.boolean("m.flash <> 0")}, m.protocol_id, m.priority,
    m.expires_at, {e.true}, m.access_id, m.ref, m.notify_on, p.tries, m.premium,
    m.callback_url, p.tried))
FROM {e.id_rows()}
{e.join} part p ON p.id = j.value AND p.id >= $2
{e.join} message m ON m.id = p.id >> 8 AND m.id >= $2::bigint >> 8
WHERE m.parts = (
    SELECT count(*) FROM part s
    WHERE s.id BETWEEN m.id * 256 AND m.id * 256 + 255 AND s.id >= $2
        AND s.state = 'queued' AND s.carrier_id = $3)"""
    )
)

# Rows of the batch: [message's id, its carrier, the next carrier]
LOCK_QUEUED = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(p.id, p.carrier_id, p.next_id)) FROM (
    SELECT p.id, p.carrier_id, (j.value->>2)::bigint AS next_id FROM {e.rows()}
    {e.join} part p ON p.id BETWEEN (j.value->>0)::bigint * 256
            AND (j.value->>0)::bigint * 256 + 255
        AND p.state = 'queued' AND p.carrier_id = (j.value->>1)::bigint AND p.id >= $2
    ORDER BY p.id {e.only(postgres="FOR UPDATE OF p SKIP LOCKED")}) p"""
    )
)

# Rows of the batch: [part's id, its carrier, the next carrier]
MOVE_PARTS = statement(
    lambda e: (
        f"""
UPDATE part SET carrier_id = (j.value->>2)::bigint FROM {e.rows()}
WHERE part.id = (j.value->>0)::bigint AND part.id >= $2"""
    )
)

# Unsure parts and sent parts whose time to wait for a delivery report is over, of
# accounts whose rule sends them again elsewhere; text is of no use.
SILENT = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}({e.row}(p.id, p.id & 255, m.parts, m.originator, m.recipient,
    '', m.encoding, {e.row}(0, 0), {e.boolean("m.flash <> 0")}, m.protocol_id,
    m.priority, m.expires_at, {e.true}, m.access_id, m.ref, m.notify_on, p.tries,
    m.premium, m.callback_url, p.tried), p.carrier_id, p.state))
FROM (SELECT id, tries, tried, carrier_id, state FROM part
    WHERE state IN ('sent', 'unsure') AND due_at <= $1 AND id >= $2
    ORDER BY due_at LIMIT $3) p
JOIN message m ON m.id = p.id >> 8 AND m.id >= $2::bigint >> 8
LEFT JOIN access x ON x.id = m.access_id
LEFT JOIN account a ON a.id = x.account_id
WHERE p.state = 'sent' OR a.unsure = 'elsewhere'"""
    )
)

# Parts of the batch that still wait, with their state, carrier and operator's id.
LOCK_SILENT = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(id, {e.row}(state, carrier_id), coalesce(smsc_key, smsc_id)))
FROM (SELECT id, state, carrier_id, smsc_key, smsc_id FROM part
    WHERE id {e.in_ids()} AND id >= $2 AND state IN ('sent', 'unsure')
        AND due_at <= $3
    ORDER BY id {e.skip_locked}) p"""
    )
)

STOP_WAITING = statement(
    lambda e: (
        f"""
UPDATE part SET due_at = NULL
WHERE id {e.in_ids()} AND id >= $2 AND state = 'sent'"""
    )
)

_places = msgspec.json.Decoder(list[tuple[int, int]]).decode
_parts = msgspec.json.Decoder(list[Part]).decode
_silent = msgspec.json.Decoder(list[tuple[Part, int, PartState]]).decode
_waited = msgspec.json.Decoder(
    list[tuple[int, tuple[PartState, int], str | None]]
).decode
_rows = msgspec.json.Decoder(list[tuple[int, int, int]]).decode


async def waiting_parts(
    connection: Connection, carrier_id: int, after: tuple[int, int], limit: int
) -> tuple[list[Part], tuple[int, int] | None]:
    """
    List queued parts of a carrier that may move, without their texts.

    Looks at ``limit`` parts behind one with this (priority, id), in the order in which
    they are claimed. Returns also where the next look begins; ``None``: the end.
    """
    low = connection.bounds.open_part
    queue = await connection.one(QUEUE, carrier_id, low, *after, limit)
    looked = sorted(_places(queue), key=lambda place: (-place[0], place[1]))
    firsts = [part_id for _, part_id in looked if part_id & 255 == 1]
    found: list[Part] = []
    if firsts:
        found = _parts(await connection.one(WAITING, text(firsts), low, carrier_id))
    return found, looked[-1] if len(looked) == limit else None


async def move_queued(
    connection: Connection, moves: Sequence[Move], why: str, now: float
) -> set[int]:
    """
    Move messages that are still queued whole; return the carriers that got parts.

    ``why`` is for the history of the parts.
    """
    batch = [(move.message_id, move.carrier_id, move.next_id) for move in moves]
    parts = {move.message_id: move.parts for move in moves}
    locked = await _lock(connection, batch)
    count: dict[int, int] = {}
    for part_id, _, _ in locked:
        count[part_id >> 8] = count.get(part_id >> 8, 0) + 1
    whole = [row for row in locked if count[row[0] >> 8] == parts[row[0] >> 8]]
    await _move(connection, whole, why, now)
    return {next_id for _, _, next_id in whole}


async def silent_parts(
    connection: Connection, now: float, limit: int
) -> list[tuple[Part, int, PartState]]:
    """List parts that waited too long, their carriers and states."""
    low = connection.bounds.open_part
    return _silent(await connection.one(SILENT, now, low, limit))


async def lock_silent(
    connection: Connection,
    updates: Sequence[tuple[Concerned, PartUpdate]],
    now: float,
) -> dict[int, str | None]:
    """
    Lock those of these parts that still wait as they are, and stop their waiting.

    Returns the operators' ids, by part.
    """
    ids = text(sorted(update.id for _, update in updates))
    low = connection.bounds.part([update.id for _, update in updates])
    rows = _waited(await connection.one(LOCK_SILENT, ids, low, now))
    there = {part_id: (known, name) for part_id, known, name in rows}
    locked = {
        part.part_id: there[part.part_id][1]
        for part, _ in updates
        if part.part_id in there
        and there[part.part_id][0] == (part.part_state, part.carrier_id)
    }
    await connection.execute(STOP_WAITING, text(sorted(locked)), low)
    return locked


async def move_siblings(
    connection: Connection, updates: Sequence[tuple[Concerned, PartUpdate]], now: float
) -> None:
    """Let the queued parts of a message follow a part that its carrier refused."""
    moved = {
        (part.message_id, part.carrier_id, update.carrier_id)
        for part, update in updates
        if part.parts > 1
        and update.state is PartState.QUEUED
        and update.carrier_id != part.carrier_id
    }
    if moved:
        locked = await _lock(connection, sorted(moved))
        await _move(connection, locked, "another part of the message moved", now)


async def _lock(
    connection: Connection, batch: Sequence[tuple[int, int, int]]
) -> list[tuple[int, int, int]]:
    low = connection.bounds.message([message_id for message_id, _, _ in batch]) << 8
    return _rows(await connection.one(LOCK_QUEUED, text(batch), low))


async def _move(
    connection: Connection, rows: Sequence[tuple[int, int, int]], why: str, now: float
) -> None:
    if not rows:
        return
    low = connection.bounds.part([part_id for part_id, _, _ in rows])
    await connection.execute(MOVE_PARTS, text(rows), low)
    history = [
        HistoryRow(
            part_id,
            HistoryKind.MOVED,
            now,
            carrier_id,
            None,
            Reason.INTERNAL,
            why,
            None,
            next_id,
        )
        for part_id, carrier_id, next_id in rows
    ]
    await record_history(connection, history, now)
