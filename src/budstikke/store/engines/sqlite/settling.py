"""Settle parts, messages and callbacks inside one SQLite transaction."""

from __future__ import annotations

from collections import defaultdict
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.callback import Event, SendEvent
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
from budstikke.store.engines.sqlite import sql
from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.engines.sqlite.json_rows import each, one
from budstikke.store.engines.sqlite.node import callback_ids
from budstikke.store.settling_rules import (
    Matches,
    Name,
    Update,
    as_named,
    as_orphan,
    give,
    rounds,
    take_others,
    to_look_up_again,
    without_key,
)
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.money import refund

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence


_concerned = msgspec.json.Decoder(list[Concerned]).decode
_siblings = msgspec.json.Decoder(list[tuple[int, MessageState, int, PartState]]).decode
_orphans = msgspec.json.Decoder(list[tuple[int, Receipt, int]]).decode
_ids = msgspec.json.Decoder(list[int]).decode
_fallbacks = msgspec.json.Decoder(list[tuple[int, SendEvent]]).decode

FAILED = {MessageState.UNDELIVERED, MessageState.REJECTED, MessageState.EXPIRED}
"""An MMS that ends so never reached the phone."""


class Settling:
    """
    The verbs that settle, for one node; it goes with each job.

    Args:
        node_id: To whom callbacks are leased.

    """

    def __init__(self, node_id: int = 0) -> None:
        self.node_id = node_id

    def receipts(
        self,
        connection: sqlite3.Connection,
        carrier_id: int,
        receipts: Sequence[Receipt],
        now: float,
        keep: float,
    ) -> list[CallbackRow]:
        """Settle by receipts; those that match nothing become orphans."""
        matches = self._match(connection, carrier_id, dict(enumerate(receipts)))
        found = [concerned for rows in matches.values() for concerned in rows]
        result = settle(receipts, matches, read_siblings(connection, found))
        if result.orphans:
            orphans = text([as_orphan(receipt) for receipt in result.orphans])
            connection.execute(
                sql.INSERT_ORPHANS, (orphans, carrier_id, now, now + keep)
            )
        return self.write(connection, result, now)

    def _match(
        self,
        connection: sqlite3.Connection,
        carrier_id: int,
        receipts: dict[int, Receipt],
    ) -> Matches:
        """Find parts by the id as written, by its normal form, by a second id."""
        matches: Matches = defaultdict(list)
        places = list(receipts)
        batch = text(list(receipts.values()))
        found = one(connection, sql.MATCH_ID, batch, carrier_id)
        for concerned in _concerned(found):
            matches[places[concerned.index]].append(concerned)
        keys = [
            (index, receipt.smsc_key)
            for index, receipt in receipts.items()
            if receipt.smsc_key is not None and index not in matches
        ]
        if keys:
            found = one(connection, sql.MATCH_KEY, text(keys), carrier_id)
            for concerned in _concerned(found):
                matches[concerned.index].append(concerned)
        again = to_look_up_again(receipts, matches)
        if again:
            take_others(matches, receipts, self._match(connection, carrier_id, again))
        return matches

    def outcomes(
        self,
        connection: sqlite3.Connection,
        updates: Sequence[Update],
        now: float,
    ) -> list[CallbackRow]:
        """Write what carriers answered, then settle by receipts that came early."""
        told: list[CallbackRow] = []
        for some in rounds(updates):
            told += self._outcomes(connection, some, now)
        return told

    def _outcomes(
        self,
        connection: sqlite3.Connection,
        updates: Sequence[Update],
        now: float,
    ) -> list[CallbackRow]:
        asked = text([update.id for _, update in updates])
        settled = set(_ids(one(connection, sql.NOT_OPEN, asked)))
        if settled:
            updates = [row for row in updates if row[1].id not in settled]
        # The parts as they were: what is concluded follows the order of the answers.
        siblings = read_siblings(connection, [row for row, _ in updates])
        each(connection, sql.UPDATE_PARTS, [update for _, update in updates])
        result = conclude_outcomes(updates, siblings)
        told = self.write(connection, result, now, parts=False)
        names = [
            (update.smsc_id, update.smsc_key, update.carrier_id)
            for _, update in updates
            if update.smsc_id
        ]
        return told + self._early(connection, names, now)

    def _early(
        self,
        connection: sqlite3.Connection,
        names: Sequence[Name],
        now: float,
    ) -> list[CallbackRow]:
        """Settle by orphans, now that parts have these ids, keys and carriers."""
        if not names:
            return []
        early = _orphans(one(connection, sql.ORPHANS_OF, text(names)))
        if not early:
            return []
        by_carrier: dict[int, dict[int, Receipt]] = defaultdict(dict)
        unkeyed = without_key(names)
        for orphan_id, receipt, carrier_id in sorted(early, key=itemgetter(0)):
            by_carrier[carrier_id][orphan_id] = as_named(receipt, unkeyed)
        told: list[CallbackRow] = []
        for carrier_id, found in by_carrier.items():
            connection.execute(sql.DELETE_ORPHANS, (text(list(found)),))
            receipts = list(found.values())
            told += self.receipts(connection, carrier_id, receipts, now, 0.0)
        return told

    def parts(
        self,
        connection: sqlite3.Connection,
        updates: Mapping[int, PartUpdate],
        now: float,
    ) -> list[CallbackRow]:
        """Settle parts that no carrier answered for: expired ones, given-up ones."""
        if not updates:
            return []
        found = _concerned(one(connection, sql.CONCERNED_BY_PART, text(list(updates))))
        for concerned in found:
            update = updates[concerned.part_id]
            update.carrier_id = concerned.carrier_id
            update.tries = concerned.tries
        pairs = [(concerned, updates[concerned.part_id]) for concerned in found]
        result = conclude_outcomes(pairs, read_siblings(connection, found))
        result.parts = [update for _, update in pairs]
        return self.write(connection, result, now)

    def unsure_receipts(
        self, connection: sqlite3.Connection, part_ids: Sequence[int], now: float
    ) -> list[CallbackRow]:
        """
        Give orphans to unsure parts of the same carrier and recipient.

        Not while another part is being sent there: it may be that one's receipt.
        """
        rows = _orphans(one(connection, sql.ORPHANS_FOR_UNSURE, text(part_ids)))
        if not rows:
            return []
        wanting = text(list({row[2] for row in rows}))
        waiting = set(_ids(one(connection, sql.OTHERS_BEING_SENT, wanting)))
        given = give(row for row in rows if row[2] not in waiting)
        if not given:
            return []
        used = text([orphan_id for orphan_id, _ in given.values()])
        connection.execute(sql.DELETE_ORPHANS, (used,))
        found = _concerned(one(connection, sql.CONCERNED_BY_PART, text(list(given))))
        receipts = [given[concerned.part_id][1] for concerned in found]
        matches = {index: [concerned] for index, concerned in enumerate(found)}
        result = settle(receipts, matches, read_siblings(connection, found))
        told = self.write(connection, result, now)
        ids = [(u.smsc_id, u.smsc_key, u.carrier_id) for u in result.parts if u.smsc_id]
        return told + self._early(connection, ids, now)

    def write(
        self,
        connection: sqlite3.Connection,
        result: Settlement,
        now: float,
        *,
        parts: bool = True,
    ) -> list[CallbackRow]:
        """Write a settlement; returns the callbacks, leased to this node."""
        if parts and result.parts:
            each(connection, sql.UPDATE_PARTS, result.parts)
        if result.messages:
            finals = [(f.id, f.state, f.reason, f.raw, f.at) for f in result.messages]
            connection.executemany(sql.FINISH_MESSAGES, finals)
            finish(refund(Connection(connection), result.messages, 0, now))
        events: list[tuple[int, Event]]
        events = [(told.access_id, told.event) for told in result.told]
        fallbacks = self._fallbacks(connection, result.messages, now)
        if not events and not fallbacks:
            return []
        rows = [
            CallbackRow(id_, access_id, event, 0)
            for (access_id, event), id_ in zip(
                [*events, *fallbacks], callback_ids(connection), strict=False
            )
        ]
        if fallbacks:
            instead = [(r.event.message_id, r.id) for r in rows[len(events) :]]
            connection.execute(sql.FALL_BACK, (text(instead),))
        connection.execute(
            sql.INSERT_CALLBACKS, (text(rows), now + LEASE, self.node_id, now)
        )
        return rows

    def _fallbacks(
        self,
        connection: sqlite3.Connection,
        finals: Sequence[MessageFinal],
        now: float,
    ) -> list[tuple[int, SendEvent]]:
        """Find SMS that are sent instead of MMS that have failed."""
        failed = [final.id for final in finals if final.state in FAILED]
        if not failed:
            return []
        return _fallbacks(one(connection, sql.FALLBACKS, text(failed), now))


def read_siblings(
    connection: sqlite3.Connection, concerned: Sequence[Concerned]
) -> Siblings:
    """Read the states of all parts of those messages that have more than one."""
    many = {row.message_id for row in concerned if row.parts > 1}
    siblings: Siblings = {}
    if not many:
        return siblings
    states: dict[int, MessageState] = {}
    found = _siblings(one(connection, sql.SIBLINGS, text(list(many))))
    for message_id, state, part_id, part_state in found:
        siblings.setdefault(message_id, {})[part_id] = part_state
        states[message_id] = state
    for row in concerned:
        if row.message_id in states:
            row.message_state = states[row.message_id]
    return siblings
