"""
Settles parts, their messages and callbacks, in one transaction.

A verb first locks the rows that it decides about, parts before messages and by id, so
that nodes wait for each other without deadlocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.callback import Event, SendEvent
from budstikke.domain.settlement import (
    Concerned,
    MessageFinal,
    PartUpdate,
    Settlement,
    Siblings,
    conclude_outcomes,
    settle,
)
from budstikke.domain.states import MessageState, PartState
from budstikke.store.contract import CallbackRow
from budstikke.store.verbs.callback_ids import draw
from budstikke.store.verbs.fail_over import move_siblings
from budstikke.store.verbs.history import record_history
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.money import refund
from budstikke.store.verbs.orphans import (
    KEEP_AGAIN,
    Name,
    keep_orphans,
    take_orphans,
    take_orphans_of_unsure,
)
from budstikke.store.verbs.receipt_matching import (
    CONCERNED_BY_PART,
    decode_concerned,
    match,
    match_former,
)
from budstikke.store.verbs.statement import (
    POSTGRES,
    columns,
    server_only,
    statement,
    two,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.domain.receipt import Receipt
    from budstikke.store.verbs.connection import Connection

# Columns of domain.settlement.PartUpdate. On SQLite it runs for each row, which is
# faster than a join with the batch. ``at`` is the time of the new state; the times of
# the claim and of the operator's answer stay beside it.
UPDATE_PARTS = two(
    sqlite="""
UPDATE part SET state = $2, carrier_id = $3, smsc_id = iif($11, smsc_id, $4),
    smsc_key = iif($11, smsc_key, $5), reason = $6, raw = $7, at = $8, due_at = $9,
    tries = $10, node_id = NULL, tried = coalesce($12, tried),
    claimed_at = iif(state = 'sending', at, claimed_at),
    sent_at = iif(state = 'sent', coalesce(sent_at, at), NULL)
WHERE id = $1""",
    postgres=f"""
UPDATE part SET state = j.value->>1, carrier_id = (j.value->>2)::bigint,
    smsc_id = CASE WHEN (j.value->>10)::boolean THEN part.smsc_id ELSE j.value->>3 END,
    smsc_key = CASE WHEN (j.value->>10)::boolean THEN part.smsc_key
        ELSE j.value->>4 END,
    reason = j.value->>5, raw = j.value->>6, at = (j.value->>7)::float8,
    due_at = (j.value->>8)::float8, tries = (j.value->>9)::integer, node_id = NULL,
    tried = coalesce(j.value->>11, part.tried),
    claimed_at = CASE WHEN part.state = 'sending' THEN part.at
        ELSE part.claimed_at END,
    sent_at = CASE WHEN part.state = 'sent' THEN coalesce(part.sent_at, part.at) END
FROM {POSTGRES.rows()} WHERE part.id = (j.value->>0)::bigint AND part.id >= $2""",
)

# A response and a report about one part do not see each other until one is committed:
# both would search in vain. So those of a carrier exclude each other; responses do not
# wait for responses.
LOCK_ANSWERS = server_only("SELECT pg_advisory_xact_lock_shared(1651729508, $1)")
LOCK_RECEIPTS = server_only("SELECT pg_advisory_xact_lock(1651729508, $1)")

# Parts of the batch that a response can still change, their states and carriers.
STILL_OPEN = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(id, {e.row}(state, carrier_id))) FROM (
    SELECT id, state, carrier_id FROM part
    WHERE id {e.in_ids()} AND id >= $2 AND state IN ('sending', 'unsure')
    ORDER BY id {e.lock}) p"""
    )
)

# Columns of domain.settlement.MessageFinal. SQLite must use each bound value ($6). For
# PostgreSQL's OFFSET see receipt_matching.
FINISH_MESSAGES = two(
    sqlite="""
UPDATE message SET state = $2, reason = $3, raw = $4, final_at = $5
WHERE id = $1 AND state IN ('accepted', 'scheduled') AND $6 IS NOT NULL""",
    postgres=f"""
UPDATE message SET state = j.value->>1, reason = j.value->>2, raw = j.value->>3,
    final_at = (j.value->>4)::float8
FROM {POSTGRES.rows()} CROSS JOIN LATERAL (
    SELECT id FROM message
    WHERE id = (j.value->>0)::bigint AND id >= $2
        AND state IN ('accepted', 'scheduled')
    OFFSET 0) f
WHERE message.id = f.id AND message.id >= $2
    AND message.state IN ('accepted', 'scheduled')""",
)

LOCK_MESSAGES = server_only(f"""
SELECT count(*) FROM (
    SELECT id FROM message WHERE id {POSTGRES.in_ids()} AND id >= $2
    ORDER BY id FOR UPDATE) m""")

SIBLINGS = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(m.id, m.state, p.id, p.state))
FROM {e.id_rows()}
{e.join} message m ON m.id = j.value AND m.id >= $2
{e.join} part p ON p.id BETWEEN m.id * 256 AND m.id * 256 + 255
    AND p.id >= $2::bigint * 256"""
    )
)

# Failed MMS that an SMS follows: [access's id, SendEvent]
FALLBACKS = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(m.access_id, {e.row}('send', m.id, m.recipient, m.originator,
    x.fallback, 'fallback', $2::float8)))
FROM {e.id_rows()}
{e.join} mms x ON x.message_id = j.value
{e.join} message m ON m.id = x.message_id
WHERE x.fallback IS NOT NULL AND x.fallback_id IS NULL"""
    )
)

# Rows of the batch: [message's id, callback's id]
FALL_BACK = statement(
    lambda e: (
        f"""
UPDATE mms SET fallback_id = (j.value->>1)::bigint FROM {e.rows()}
WHERE mms.message_id = (j.value->>0)::bigint"""
    )
)

# Columns of store.contract.CallbackRow. An event's first column is its kind, the second
# its message.
INSERT_CALLBACKS = statement(
    lambda e: (
        f"""
INSERT INTO callback (id, access_id, event, tries, message_id, state, due_at, node_id,
    answer, at)
SELECT {columns("iit")}, 0, (j.value->2->>1)::bigint, 'due', $2, $3, '', $4
FROM {e.rows()}"""
    )
)

_siblings = msgspec.json.Decoder(list[tuple[int, MessageState, int, PartState]]).decode
_open = msgspec.json.Decoder(list[tuple[int, tuple[PartState, int]]]).decode
_fallbacks = msgspec.json.Decoder(list[tuple[int, SendEvent]]).decode

FAILED = {MessageState.UNDELIVERED, MessageState.REJECTED, MessageState.EXPIRED}
"""An MMS in one of these states did not reach the phone."""

Update = tuple[Concerned, PartUpdate]
"""A carrier's outcome: the part as it was, and its update."""


async def settle_receipts(
    connection: Connection,
    carrier_id: int,
    receipts: Sequence[Receipt],
    now: float,
    keep: float,
) -> list[CallbackRow]:
    """Settle by delivery reports; keep orphans for ``keep`` seconds."""
    await connection.on_server(LOCK_RECEIPTS, carrier_id)
    return await _settle_receipts(connection, carrier_id, receipts, now, keep)


async def _settle_receipts(
    connection: Connection,
    carrier_id: int,
    receipts: Sequence[Receipt],
    now: float,
    keep: float,
) -> list[CallbackRow]:
    matches = await match(connection, carrier_id, receipts)
    if len(matches) < len(receipts):
        await match_former(connection, carrier_id, receipts, matches)
    parts = [part for rows in matches.values() for part in rows]
    siblings: Siblings = {}
    if any(part.parts > 1 for part in parts):
        siblings = await read_siblings(connection, parts)
    result = settle(receipts, matches, siblings)
    if result.orphans:
        await keep_orphans(connection, carrier_id, result.orphans, now, keep)
    return await write_settlement(connection, result, now)


async def record_outcomes(
    connection: Connection, updates: Sequence[Update], now: float
) -> list[CallbackRow]:
    """Write carriers' outcomes, then settle by reports that came early."""
    for carrier_id in sorted({update.carrier_id for _, update in updates}):
        await connection.on_server(LOCK_ANSWERS, carrier_id)
    callbacks: list[CallbackRow] = []
    for batch in without_repeats(updates):
        callbacks += await _record_outcomes(connection, batch, now)
    return callbacks


def without_repeats(updates: Sequence[Update]) -> list[Sequence[Update]]:
    """Cut a batch so that no part is twice in a piece: the order of answers counts."""
    if len({update.id for _, update in updates}) == len(updates):
        return [updates]
    pieces: list[Sequence[Update]] = []
    piece: dict[int, Update] = {}
    for row in updates:
        if row[1].id in piece:
            pieces.append(list(piece.values()))
            piece = {}
        piece[row[1].id] = row
    return [*pieces, list(piece.values())]


async def _record_outcomes(
    connection: Connection, updates: Sequence[Update], now: float
) -> list[CallbackRow]:
    part_ids = [update.id for _, update in updates]
    low = connection.bounds.part(part_ids)
    still_open = dict(_open(await connection.one(STILL_OPEN, text(part_ids), low)))
    updates = [row for row in updates if _is_about(row[0], still_open)]
    if not updates:
        return []
    # The parts as they were: what is concluded follows the order of the answers.
    siblings: Siblings = {}
    if any(part.parts > 1 for part, _ in updates):
        siblings = await read_siblings(connection, [part for part, _ in updates])
    await connection.each(UPDATE_PARTS, [update for _, update in updates], low)
    await move_siblings(connection, updates, now)
    result = conclude_outcomes(updates, siblings)
    callbacks = await write_settlement(connection, result, now, parts=False)
    written = [update for _, update in updates]
    return callbacks + await _settle_by_orphans(connection, written, now)


def _is_about(part: Concerned, still_open: Mapping[int, tuple[PartState, int]]) -> bool:
    """
    Whether an outcome is about the part as it is.

    One that came after the timeout is not, once the part is being sent again.
    """
    there = still_open.get(part.part_id)
    if there is None or part.part_state is not PartState.UNSURE:
        return there is not None
    return there == (PartState.UNSURE, part.carrier_id)


async def _settle_by_orphans(
    connection: Connection, updates: Sequence[PartUpdate], now: float
) -> list[CallbackRow]:
    """Settle by orphans of parts that now have their ids and carriers."""
    names: list[Name] = [
        (update.smsc_id, update.smsc_key, update.carrier_id)
        for update in updates
        if update.smsc_id
    ]
    if not names:
        return []
    callbacks: list[CallbackRow] = []
    for carrier_id, receipts in (await take_orphans(connection, names)).items():
        callbacks += await _settle_receipts(
            connection, carrier_id, receipts, now, KEEP_AGAIN
        )
    return callbacks


async def settle_parts(
    connection: Connection, updates: Mapping[int, PartUpdate], now: float
) -> list[CallbackRow]:
    """
    Settle parts without an outcome: expired ones, and those that are given up.

    The caller has locked them, in the state that the updates are for.
    """
    if not updates:
        return []
    parts = await _read_parts(connection, list(updates))
    for part in parts:
        update = updates[part.part_id]
        update.carrier_id = part.carrier_id
        update.tries = part.tries
    pairs = [(part, updates[part.part_id]) for part in parts]
    result = conclude_outcomes(pairs, await read_siblings(connection, parts))
    result.parts = [update for _, update in pairs]
    return await write_settlement(connection, result, now)


async def settle_unsure(
    connection: Connection, part_ids: Sequence[int], now: float
) -> list[CallbackRow]:
    """Settle unsure parts by orphans of the same carrier and recipient."""
    receipts = await take_orphans_of_unsure(connection, part_ids)
    if not receipts:
        return []
    parts = await _read_parts(connection, list(receipts))
    matches = {index: [part] for index, part in enumerate(parts)}
    by_index = [receipts[part.part_id] for part in parts]
    result = settle(by_index, matches, await read_siblings(connection, parts))
    callbacks = await write_settlement(connection, result, now)
    return callbacks + await _settle_by_orphans(connection, result.parts, now)


async def _read_parts(
    connection: Connection, part_ids: Sequence[int]
) -> list[Concerned]:
    low = connection.bounds.part(part_ids)
    return decode_concerned(
        await connection.one(CONCERNED_BY_PART, text(part_ids), low)
    )


async def write_settlement(
    connection: Connection, result: Settlement, now: float, *, parts: bool = True
) -> list[CallbackRow]:
    """Write a settlement; returns its callbacks, leased to this node."""
    bounds, finals = connection.bounds, result.messages
    if result.history:
        await record_history(connection, result.history, now)
    part_low = bounds.part([part.id for part in result.parts])
    low = bounds.message([message.id for message in finals])
    if parts and result.parts:
        await connection.each(UPDATE_PARTS, result.parts, part_low)
    if finals:
        await connection.each(FINISH_MESSAGES, finals, low)
    fallbacks: list[tuple[int, SendEvent]] = []
    if any(final.state is not MessageState.DELIVERED for final in finals):
        await refund(connection, finals, low, now)
        fallbacks = await _find_fallbacks(connection, finals, now)
    events: list[tuple[int, Event]]
    events = [(each.access_id, each.event) for each in result.notifications]
    if not events and not fallbacks:
        return []
    ids = await draw(connection, len(events) + len(fallbacks))
    rows = [
        CallbackRow(id_, access_id, event, 0)
        for id_, (access_id, event) in zip(ids, [*events, *fallbacks], strict=True)
    ]
    if fallbacks:
        instead = [(row.event.message_id, row.id) for row in rows[len(events) :]]
        await connection.execute(FALL_BACK, text(instead))
    until = connection.lease_until(now)
    values = (text(rows), until, connection.node_id, now)
    await connection.execute(INSERT_CALLBACKS, *values)
    return rows


async def _find_fallbacks(
    connection: Connection, finals: Sequence[MessageFinal], now: float
) -> list[tuple[int, SendEvent]]:
    """Find the SMS that follow failed MMS."""
    failed = [final.id for final in finals if final.state in FAILED]
    if not failed:
        return []
    return _fallbacks(await connection.one(FALLBACKS, text(failed), now))


async def read_siblings(connection: Connection, parts: Sequence[Concerned]) -> Siblings:
    """
    Read the states of all parts of messages with more than one.

    This locks the messages: otherwise two nodes that settle two parts of one message
    would each see the other part as open.
    """
    many = {part.message_id for part in parts if part.parts > 1}
    siblings: Siblings = {}
    if not many:
        return siblings
    values = (text(sorted(many)), connection.bounds.message(list(many)))
    await connection.on_server(LOCK_MESSAGES, *values)
    states: dict[int, MessageState] = {}
    rows = _siblings(await connection.one(SIBLINGS, *values))
    for message_id, state, part_id, part_state in rows:
        siblings.setdefault(message_id, {})[part_id] = part_state
        states[message_id] = state
    for part in parts:
        if part.message_id in states:
            part.message_state = states[part.message_id]
    return siblings
