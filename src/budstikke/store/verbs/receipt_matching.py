"""Finds the parts that delivery reports (receipts) are about."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.settlement import Concerned
from budstikke.domain.states import PART_MOVES
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import (
    POSTGRES,
    SQLITE,
    Fragments,
    Statement,
    statement,
    two,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from budstikke.domain.receipt import Receipt
    from budstikke.store.verbs.connection import Connection


def _concerned(e: Fragments, index: str) -> str:
    """Select columns of ``domain.settlement.Concerned``: part ``p``, message ``m``."""
    return f"""
SELECT {e.list}({e.row}({index}, p.id, p.state, p.carrier_id, p.tries, m.id, m.parts,
    m.state, m.notify_on, m.access_id, m.recipient, m.ref,
    {e.greatest}(CASE WHEN p.state = 'unsure' THEN 0.0 ELSE coalesce(p.at, 0.0) END,
        m.accepted_at),
    m.callback_url))
"""


def _match(name: str, column: int, index: tuple[str, str]) -> Statement:
    """
    Make the statement that finds parts of a carrier by a column of a batch.

    ``index`` is the index of a row's receipt, in SQLite's and PostgreSQL's SQL.

    PostgreSQL has a subquery for each row of the batch, which locks the parts (OFFSET
    keeps it separate): without statistics its planner would read all parts of the
    carrier.
    """
    return two(
        sqlite=_concerned(SQLITE, index[0])
        + f"""
FROM json_each($1) j
CROSS JOIN part p ON p.{name} = j.value->>{column} AND p.carrier_id = $2 AND p.id >= $3
CROSS JOIN message m ON m.id = p.id >> 8""",
        postgres=_concerned(POSTGRES, "p.key")
        + f"""
FROM (SELECT {index[1]} AS key, f.id, f.state, f.carrier_id, f.tries, f.at
    FROM {POSTGRES.rows()} CROSS JOIN LATERAL (
        SELECT id, state, carrier_id, tries, at FROM part
        WHERE {name} = j.value->>{column} AND carrier_id = $2 AND id >= $3
        ORDER BY id OFFSET 0 FOR UPDATE) f) p
JOIN message m ON m.id = p.id >> 8 AND m.id >= $3::bigint >> 8""",
    )


# Rows of the batch begin with the operator's message id.
MATCH_ID = _match("smsc_id", 0, ("j.key", "j.key"))

# Rows of the batch: [index, normal form of the operator's message id]
MATCH_KEY = _match("smsc_key", 1, ("j.value->>0", "(j.value->>0)::bigint"))

# By ids of parts, which it locks; the index is not used.
CONCERNED_BY_PART = statement(
    lambda e: (
        _concerned(e, "0")
        + f"""
FROM (SELECT id, state, carrier_id, tries, at FROM part
    WHERE id {e.in_ids()} AND id >= $2 ORDER BY id {e.lock}) p
{e.join} message m ON m.id = p.id >> 8 AND m.id >= $2::bigint >> 8"""
    )
)

# Parts that a carrier had before they went to another one, by the operator's ids. Rows
# of the batch: [index, operator's id]; $2: the carrier.
FORMER = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}((j.value->>0)::bigint, h.part_id)) FROM {e.rows()}
{e.join} part_history h ON h.smsc_id = j.value->>1 AND h.kind = 'moved'
    AND h.carrier_id = $2"""
    )
)

decode_concerned = msgspec.json.Decoder(list[Concerned]).decode

_pairs = msgspec.json.Decoder(list[tuple[int, int]]).decode

Matches = dict[int, list[Concerned]]
"""By index into a batch of receipts: the parts with its id."""


async def match(
    connection: Connection, carrier_id: int, receipts: Sequence[Receipt]
) -> Matches:
    """
    Find parts by the id as written, by its normal form, by a second id.

    If the operator writes ids in two bases, one part's id may be written like another
    part's in the other base. So a part of the wrong recipient gives way to one that has
    the recipient and the id in its normal form.

    First among recent messages: an operator's id does not tell the partition, and each
    one takes a look-up. A part found there that is open and has the receipt's recipient
    is the right one (``domain.settlement.best``); for other receipts the old partitions
    are read.
    """
    recent = connection.bounds.recent
    by_index = dict(enumerate(receipts))
    matches = await _find(connection, carrier_id, by_index, recent << 8)
    if recent == 0:
        return matches
    uncertain = {
        index: receipt
        for index, receipt in by_index.items()
        if not _is_meant(receipt, matches.get(index, ()))
    }
    if uncertain:
        matches.update(await _find(connection, carrier_id, uncertain, 0))
    return matches


async def match_former(
    connection: Connection,
    carrier_id: int,
    receipts: Sequence[Receipt],
    matches: Matches,
) -> None:
    """Add parts that this carrier had before they went to another one."""
    names = [
        (index, name)
        for index, receipt in enumerate(receipts)
        if index not in matches
        for name in {receipt.smsc_id, receipt.smsc_key, receipt.other_id}
        if name
    ]
    found = dict(_pairs(await connection.one(FORMER, text(names), carrier_id)))
    if not found:
        return
    ids = sorted(set(found.values()))
    low = connection.bounds.part(ids)
    rows = await connection.one(CONCERNED_BY_PART, text(ids), low)
    parts = {part.part_id: part for part in decode_concerned(rows)}
    for index, part_id in found.items():
        if part_id in parts:
            part = msgspec.structs.replace(parts[part_id], former=True)
            part.carrier_id = carrier_id
            matches[index] = [part]


async def _find(
    connection: Connection, carrier_id: int, receipts: dict[int, Receipt], low: int
) -> Matches:
    indexes = list(receipts)
    matches: Matches = defaultdict(list)
    batch = text(list(receipts.values()))
    rows = await connection.one(MATCH_ID, batch, carrier_id, low)
    for part in decode_concerned(rows):
        part.index = indexes[part.index]
        matches[part.index].append(part)
    keys = [
        (index, receipt.smsc_key)
        for index, receipt in receipts.items()
        if receipt.smsc_key is not None
        and not _has_recipient(receipt, matches.get(index, ()))
    ]
    if keys:
        by_key: Matches = defaultdict(list)
        rows = await connection.one(MATCH_KEY, text(keys), carrier_id, low)
        for part in decode_concerned(rows):
            by_key[part.index].append(part)
        _take_others(matches, receipts, by_key)
    by_other_id: dict[int, Receipt] = {}
    if any(receipt.other_id for receipt in receipts.values()):
        by_other_id = _with_another_id(receipts, matches)
    if by_other_id:
        others = await _find(connection, carrier_id, by_other_id, low)
        _take_others(matches, receipts, others)
    return matches


def _with_another_id(
    receipts: Mapping[int, Receipt], matches: Mapping[int, Sequence[Concerned]]
) -> dict[int, Receipt]:
    """List receipts to find by their second id: the first found no such recipient."""
    return {
        index: receipt.by_other_id()
        for index, receipt in receipts.items()
        if receipt.other_id and not _has_recipient(receipt, matches.get(index, ()))
    }


def _take_others(
    matches: Matches, receipts: Mapping[int, Receipt], others: Matches
) -> None:
    """Add matches of second ids, in front of matches of another recipient."""
    for index, parts in others.items():
        if index not in matches or _has_recipient(receipts[index], parts):
            matches[index] = parts


def _has_recipient(receipt: Receipt, parts: Sequence[Concerned]) -> bool:
    tail = receipt.recipient[-8:]
    return any(part.recipient.endswith(tail) for part in parts)


def _is_meant(receipt: Receipt, parts: Sequence[Concerned]) -> bool:
    tail = receipt.recipient[-8:]
    return any(
        PART_MOVES[part.part_state] and part.recipient.endswith(tail) for part in parts
    )
