"""What the passing of time does, inside PostgreSQL transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.receipt import Reason
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PartState
from budstikke.store.contract import CallbackRow, Woken
from budstikke.store.contract.leases import LEASE
from budstikke.store.engines.postgres import sql
from budstikke.store.engines.postgres.settling import settle_parts, settle_unsure
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.reassembly import FORGET_DONE

if TYPE_CHECKING:
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.engines.postgres.node import Node

_pairs = msgspec.json.Decoder(list[tuple[int, int]]).decode
_unsure = msgspec.json.Decoder(list[tuple[int, str, float]]).decode
_expiring = msgspec.json.Decoder(list[tuple[int, float]]).decode
_ids = msgspec.json.Decoder(list[int]).decode
_callbacks = msgspec.json.Decoder(list[CallbackRow]).decode


async def wake(
    connection: Connection,
    node: Node,
    now: float,
    limit: int,
    most: int,
) -> Woken:
    """Lease ``most`` callbacks, release parts that waited, conclude unsure ones."""
    await node.renew(connection, now)
    callbacks = await _lease(connection, node, now, most)
    low = node.lows.open_part
    due = await connection.one(sql.DUE_PARTS, now, limit, low)
    pairs = _pairs(due)
    carriers = {carrier_id for _, carrier_id in pairs}
    rows = _unsure(await connection.one(sql.DUE_UNSURE, now, limit, low))
    resent, told = await _conclude_unsure(connection, node, rows, now)
    more = limit in (len(pairs), len(rows)) or 0 < most == len(callbacks)
    queues = _ids(await connection.one(sql.DUE_QUEUES, now, limit))
    return Woken(carriers | resent, callbacks + told, more, queues)


async def _lease(
    connection: Connection, node: Node, now: float, limit: int
) -> list[CallbackRow]:
    """Lease callbacks that are due to this node."""
    asked = (now, now + LEASE, node.id, limit, node.lows.open_callback)
    return _callbacks(await connection.one(sql.DUE_CALLBACKS, *asked))


async def _conclude_unsure(
    connection: Connection,
    node: Node,
    rows: list[tuple[int, str, float]],
    now: float,
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
    told = await settle_parts(connection, node, updates, now)
    queued = {u.carrier_id for u in updates.values() if u.state is PartState.QUEUED}
    return queued, told


class Places(msgspec.Struct, frozen=True):
    """Where the next slices of a sweep begin: ids of parts; 0: at the front."""

    waiting: int = 0
    unsure: int = 0


async def sweep(
    connection: Connection,
    node: Node,
    places: Places,
    now: float,
    limit: int,
) -> tuple[Places, list[CallbackRow]]:
    """
    Expire a slice of the backlog, give orphans to a slice of unsure parts, forget.

    Returns where the next slices begin, and callbacks.
    """
    low = node.lows.open_part
    waiting = max(places.waiting, low - 1)
    rows = _expiring(await connection.one(sql.QUEUED_SLICE, waiting, limit))
    updates = {
        part_id: PartUpdate(
            part_id,
            PartState.EXPIRED,
            0,
            reason=Reason.EXPIRED,
            raw="validity over before it could be sent",
            at=now,
        )
        for part_id, expires_at in rows
        if expires_at <= now
    }
    still = set(_ids(await connection.one(sql.STILL_QUEUED, text(list(updates)))))
    updates = {id_: update for id_, update in updates.items() if id_ in still}
    told = await settle_parts(connection, node, updates, now)
    begin = max(places.unsure, low - 1)
    unsure = _ids(await connection.one(sql.UNSURE_SLICE, begin, limit))
    told += await settle_unsure(connection, node, unsure, now)
    await connection.execute(sql.FORGET_ORPHANS, now, limit)
    await connection.execute(sql.FORGET_KEYS, now, limit)
    await connection.execute(sql.FORGET_HELD, now, limit)
    await connection.execute(FORGET_DONE, now, limit)
    after = Places(
        rows[-1][0] if len(rows) == limit else 0,
        unsure[-1] if len(unsure) == limit else 0,
    )
    return after, told
