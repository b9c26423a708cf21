"""Settle parts, messages and callbacks inside one PostgreSQL transaction."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.callback import Event
from budstikke.domain.receipt import Receipt
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
from budstikke.store.contract.leases import LEASE
from budstikke.store.engines.postgres import sql
from budstikke.store.engines.postgres.callback_ids import draw
from budstikke.store.engines.postgres.matching import match
from budstikke.store.settling_rules import (
    Name,
    Update,
    as_named,
    as_orphan,
    give,
    rounds,
    without_key,
)
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.money import refund

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node

_concerned = msgspec.json.Decoder(list[Concerned]).decode
_siblings = msgspec.json.Decoder(list[tuple[int, MessageState, int, PartState]]).decode
_orphans = msgspec.json.Decoder(list[tuple[int, Receipt, int]]).decode
_ids = msgspec.json.Decoder(list[int]).decode
_sends = msgspec.json.Decoder(list[tuple[int, Event]]).decode

FAILED = {MessageState.UNDELIVERED, MessageState.REJECTED, MessageState.EXPIRED}
"""An MMS that ends so never reached the phone."""


async def by_receipts(
    connection: Connection,
    node: Node,
    carrier_id: int,
    receipts: Sequence[Receipt],
    *,
    now: float,
    keep: float,
) -> list[CallbackRow]:
    """Settle by receipts; those that match nothing become orphans."""
    await connection.value(sql.RECEIPTS, carrier_id)
    return await _by_receipts(
        connection, node, carrier_id, receipts, now=now, keep=keep
    )


async def _by_receipts(
    connection: Connection,
    node: Node,
    carrier_id: int,
    receipts: Sequence[Receipt],
    *,
    now: float,
    keep: float,
) -> list[CallbackRow]:
    matches = await match(connection, carrier_id, receipts, node.lows.recent)
    found = [concerned for rows in matches.values() for concerned in rows]
    result = settle(receipts, matches, await read_siblings(connection, node, found))
    if result.orphans:
        orphans = text([as_orphan(receipt) for receipt in result.orphans])
        await connection.execute(
            sql.INSERT_ORPHANS, orphans, carrier_id, now, now + keep
        )
    return await write(connection, node, result, now)


async def by_outcomes(
    connection: Connection, node: Node, updates: Sequence[Update], now: float
) -> list[CallbackRow]:
    """Write what carriers answered, then settle by receipts that came early."""
    for carrier_id in sorted({update.carrier_id for _, update in updates}):
        await connection.value(sql.ANSWERS, carrier_id)
    told: list[CallbackRow] = []
    for some in rounds(updates):
        told += await _by_outcomes(connection, node, some, now)
    return told


async def _by_outcomes(
    connection: Connection, node: Node, updates: Sequence[Update], now: float
) -> list[CallbackRow]:
    part_ids = [update.id for _, update in updates]
    low = node.lows.part(part_ids)
    still = set(_ids(await connection.one(sql.STILL_OPEN, text(part_ids), low)))
    updates = [row for row in updates if row[1].id in still]
    if not updates:
        return []
    batch = text([update for _, update in updates])
    # The parts as they were: what is concluded follows the order of the answers.
    siblings = await read_siblings(connection, node, [row for row, _ in updates])
    await connection.execute(sql.UPDATE_PARTS, batch, low)
    result = conclude_outcomes(updates, siblings)
    told = await write(connection, node, result, now, parts=False)
    names = [
        (update.smsc_id, update.smsc_key, update.carrier_id)
        for _, update in updates
        if update.smsc_id
    ]
    return told + await _early(connection, node, names, now)


async def _early(
    connection: Connection,
    node: Node,
    names: Sequence[Name],
    now: float,
) -> list[CallbackRow]:
    """Settle by orphans, now that parts have these ids, keys and carriers."""
    if not names:
        return []
    early = _orphans(await connection.one(sql.ORPHANS_OF, text(names)))
    if not early:
        return []
    by_carrier: dict[int, dict[int, Receipt]] = defaultdict(dict)
    unkeyed = without_key(names)
    for orphan_id, receipt, carrier_id in sorted(early, key=itemgetter(0)):
        by_carrier[carrier_id][orphan_id] = as_named(receipt, unkeyed)
    told: list[CallbackRow] = []
    for carrier_id, found in by_carrier.items():
        await connection.execute(sql.DELETE_ORPHANS, text(list(found)))
        receipts = list(found.values())
        told += await _by_receipts(
            connection, node, carrier_id, receipts, now=now, keep=0.0
        )
    return told


async def settle_parts(
    connection: Connection,
    node: Node,
    updates: Mapping[int, PartUpdate],
    now: float,
) -> list[CallbackRow]:
    """
    Settle parts that no carrier answered for: expired ones, given-up ones.

    Whoever calls this has locked them, in the state that the updates are for.
    """
    if not updates:
        return []
    asked, low = text(list(updates)), node.lows.part(list(updates))
    found = _concerned(await connection.one(sql.CONCERNED_BY_PART, asked, low))
    for concerned in found:
        update = updates[concerned.part_id]
        update.carrier_id = concerned.carrier_id
        update.tries = concerned.tries
    pairs = [(concerned, updates[concerned.part_id]) for concerned in found]
    result = conclude_outcomes(pairs, await read_siblings(connection, node, found))
    result.parts = [update for _, update in pairs]
    return await write(connection, node, result, now)


async def settle_unsure(
    connection: Connection, node: Node, part_ids: Sequence[int], now: float
) -> list[CallbackRow]:
    """
    Give orphans to unsure parts of the same carrier and recipient.

    Not while another part is being sent there: it may be that one's receipt.
    """
    asked = text(part_ids)
    rows = _orphans(await connection.one(sql.ORPHANS_FOR_UNSURE, asked))
    if not rows:
        return []
    wanting = text(list({row[2] for row in rows}))
    still = set(_ids(await connection.one(sql.STILL_UNSURE, wanting)))
    await connection.execute(sql.BY_HASH)
    still -= set(_ids(await connection.one(sql.OTHERS_BEING_SENT, wanting)))
    given = give(row for row in rows if row[2] in still)
    if not given:
        return []
    used = text([orphan_id for orphan_id, _ in given.values()])
    await connection.execute(sql.DELETE_ORPHANS, used)
    asked, low = text(list(given)), node.lows.part(list(given))
    found = _concerned(await connection.one(sql.CONCERNED_BY_PART, asked, low))
    receipts = [given[concerned.part_id][1] for concerned in found]
    matches = {index: [concerned] for index, concerned in enumerate(found)}
    result = settle(receipts, matches, await read_siblings(connection, node, found))
    told = await write(connection, node, result, now)
    names = [(u.smsc_id, u.smsc_key, u.carrier_id) for u in result.parts if u.smsc_id]
    return told + await _early(connection, node, names, now)


async def write(
    connection: Connection,
    node: Node,
    result: Settlement,
    now: float,
    *,
    parts: bool = True,
) -> list[CallbackRow]:
    """Write a settlement; returns the callbacks, leased to this node."""
    if parts and result.parts:
        low = node.lows.part([part.id for part in result.parts])
        await connection.execute(sql.UPDATE_PARTS, text(result.parts), low)
    if result.messages:
        low = node.lows.message([message.id for message in result.messages])
        await connection.execute(sql.FINISH_MESSAGES, text(result.messages), low)
        await refund(connection, result.messages, low, now)
    events: list[tuple[int, Event]]
    events = [(told.access_id, told.event) for told in result.told]
    fallbacks = await _fallbacks(connection, result.messages, now)
    if not events and not fallbacks:
        return []
    ids = await draw(connection, len(events) + len(fallbacks))
    rows = [
        CallbackRow(id_, access_id, event, 0)
        for id_, (access_id, event) in zip(ids, events + fallbacks, strict=True)
    ]
    if fallbacks:
        instead = [(r.event.message_id, r.id) for r in rows[len(events) :]]
        await connection.execute(sql.FALL_BACK, text(instead))
    await connection.execute(
        sql.INSERT_CALLBACKS, text(rows), now + LEASE, node.id, now
    )
    return rows


async def _fallbacks(
    connection: Connection, finals: Sequence[MessageFinal], now: float
) -> list[tuple[int, Event]]:
    """Find SMS that are sent instead of MMS that have failed."""
    failed = [final.id for final in finals if final.state in FAILED]
    if not failed:
        return []
    return _sends(await connection.one(sql.FALLBACKS, text(failed), now))


async def read_siblings(
    connection: Connection, node: Node, concerned: Sequence[Concerned]
) -> Siblings:
    """
    Read the states of all parts of those messages that have more than one.

    The messages are held from here on: two nodes that settle two parts of one message
    would otherwise each think that the other part is still open.
    """
    many = {row.message_id for row in concerned if row.parts > 1}
    siblings: Siblings = {}
    if not many:
        return siblings
    asked, low = text(sorted(many)), node.lows.message(list(many))
    await connection.value(sql.LOCK_MESSAGES, asked, low)
    states: dict[int, MessageState] = {}
    found = _siblings(await connection.one(sql.SIBLINGS, asked, low))
    for message_id, state, part_id, part_state in found:
        siblings.setdefault(message_id, {})[part_id] = part_state
        states[message_id] = state
    for row in concerned:
        if row.message_id in states:
            row.message_state = states[row.message_id]
    return siblings
