"""Find the parts that receipts are about, inside one PostgreSQL transaction."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.settlement import Concerned
from budstikke.domain.states import PART_MOVES
from budstikke.store.engines.postgres import sql
from budstikke.store.settling_rules import Matches, take_others, to_look_up_again
from budstikke.store.verbs.json_text import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.domain.receipt import Receipt
    from budstikke.store.engines.postgres.connection import Connection

_concerned = msgspec.json.Decoder(list[Concerned]).decode


async def match(
    connection: Connection, carrier_id: int, receipts: Sequence[Receipt], recent: int
) -> Matches:
    """
    Find parts by the id as written, by its normal form, by a second id.

    First among messages from ``recent`` on, an id: nothing leads from an operator's id
    to a partition, so that each more costs a look. A part that is found there, is open
    and has the receipt's recipient is the one that is meant, whatever older ones there
    are (``domain.settlement.best``); for other receipts all are looked through.
    """
    found = await _match(connection, carrier_id, dict(enumerate(receipts)), recent << 8)
    if recent == 0:
        return found
    unsure = {
        index: receipt
        for index, receipt in enumerate(receipts)
        if not _is_meant(receipt, found.get(index, ()))
    }
    if unsure:
        found.update(await _match(connection, carrier_id, unsure, 0))
    return found


async def _match(
    connection: Connection, carrier_id: int, receipts: dict[int, Receipt], low: int
) -> Matches:
    places = list(receipts)
    matches: Matches = defaultdict(list)
    batch = text(list(receipts.values()))
    found = await connection.one(sql.MATCH_ID, batch, carrier_id, low)
    for concerned in _concerned(found):
        concerned.index = places[concerned.index]
        matches[concerned.index].append(concerned)
    keys = [
        (index, receipt.smsc_key)
        for index, receipt in receipts.items()
        if receipt.smsc_key is not None and index not in matches
    ]
    if keys:
        found = await connection.one(sql.MATCH_KEY, text(keys), carrier_id, low)
        for concerned in _concerned(found):
            matches[concerned.index].append(concerned)
    again = to_look_up_again(receipts, matches)
    if again:
        others = await _match(connection, carrier_id, again, low)
        take_others(matches, receipts, others)
    return matches


def _is_meant(receipt: Receipt, parts: Sequence[Concerned]) -> bool:
    tail = receipt.recipient[-8:]
    return any(
        PART_MOVES[part.part_state] and part.recipient.endswith(tail) for part in parts
    )
