"""What the passing of time does, inside SQLite transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.receipt import Reason
from budstikke.domain.settlement import PartUpdate
from budstikke.domain.states import PartState
from budstikke.store.contract import CallbackRow, Woken
from budstikke.store.contract.leases import LEASE
from budstikke.store.engines.sqlite import sql
from budstikke.store.engines.sqlite.json_rows import one
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.reassembly import FORGET_DONE

if TYPE_CHECKING:
    import sqlite3

    from budstikke.store.engines.sqlite.settling import Settling

_pairs = msgspec.json.Decoder(list[tuple[int, int]]).decode
_unsure = msgspec.json.Decoder(list[tuple[int, str, float]]).decode
_expiring = msgspec.json.Decoder(list[tuple[int, float]]).decode
_ids = msgspec.json.Decoder(list[int]).decode
_callbacks = msgspec.json.Decoder(list[CallbackRow]).decode


def wake(
    connection: sqlite3.Connection,
    settling: Settling,
    now: float,
    limit: int,
    most: int,
) -> Woken:
    """Lease ``most`` callbacks, release parts that waited, conclude unsure ones."""
    callbacks = _lease(connection, settling.node_id, now, most)
    due = one(connection, sql.DUE_PARTS, now, limit)
    pairs = _pairs(due)
    carriers = {carrier_id for _, carrier_id in pairs}
    if carriers:
        connection.execute(sql.RELEASE_PARTS, (due,))
        connection.execute(sql.START_SCHEDULED, (due,))
    rows = _unsure(one(connection, sql.DUE_UNSURE, now, limit))
    resent, told = _conclude_unsure(connection, settling, rows, now)
    more = limit in (len(pairs), len(rows)) or 0 < most == len(callbacks)
    queues = _ids(one(connection, sql.DUE_QUEUES, now, limit))
    return Woken(carriers | resent, callbacks + told, more, queues)


def _lease(
    connection: sqlite3.Connection, node_id: int, now: float, limit: int
) -> list[CallbackRow]:
    """Lease callbacks that are due to this node."""
    callbacks = _callbacks(one(connection, sql.DUE_CALLBACKS, now, limit))
    if callbacks:
        ids = text([row.id for row in callbacks])
        connection.execute(sql.LEASE_CALLBACKS, (ids, now + LEASE, node_id))
    return callbacks


def _conclude_unsure(
    connection: sqlite3.Connection,
    settling: Settling,
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
    told = settling.parts(connection, updates, now)
    queued = {u.carrier_id for u in updates.values() if u.state is PartState.QUEUED}
    return queued, told


class Places(msgspec.Struct, frozen=True):
    """Where the next slices of a sweep begin: ids of parts; 0: at the front."""

    waiting: int = 0
    unsure: int = 0


def sweep(
    connection: sqlite3.Connection,
    settling: Settling,
    places: Places,
    now: float,
    limit: int,
) -> tuple[Places, list[CallbackRow]]:
    """
    Expire a slice of the backlog, give orphans to a slice of unsure parts, forget.

    Returns where the next slices begin, and callbacks.
    """
    rows = _expiring(one(connection, sql.QUEUED_SLICE, places.waiting, limit))
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
    told = settling.parts(connection, updates, now)
    unsure = _ids(one(connection, sql.UNSURE_SLICE, places.unsure, limit))
    told += settling.unsure_receipts(connection, unsure, now)
    connection.execute(sql.FORGET_ORPHANS, (now, limit))
    connection.execute(sql.FORGET_KEYS, (now, limit))
    connection.execute(FORGET_DONE.sqlite, (now, limit))
    after = Places(
        rows[-1][0] if len(rows) == limit else 0,
        unsure[-1] if len(unsure) == limit else 0,
    )
    return after, told
