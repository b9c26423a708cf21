"""Store drafts, inside one PostgreSQL transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.domain.states import PartState
from budstikke.store.contract import BulkRow, Draft, RecurringRow, Verdict
from budstikke.store.contract.leases import KEEP_KEYS
from budstikke.store.engines.postgres import sql
from budstikke.store.engines.postgres.media import store_media
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.money import Book, begun

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import MessageRow, MmsRow, PartRow
    from budstikke.store.engines.postgres.connection import Connection

INSERT_RECURRING = """
INSERT INTO recurring (id, access_id, "order", first_at, done, next_at)
VALUES ($1, $2, $3, $4, $5, $6)"""

INSERT_MMS = """
INSERT INTO mms (message_id, text, files, subject, fallback)
VALUES ($1, $2, $3, $4, $5)"""

# Held until the transaction ends: another node's turn or slice waits, and sees ours.
TURN_FREE = """
SELECT 1 FROM recurring WHERE id = $1 AND done < $2 AND next_at IS NOT NULL
FOR UPDATE"""

TAKE_TURN = "UPDATE recurring SET done = $2, next_at = $3 WHERE id = $1"

# There may be no row yet that could be locked.
LOCK_KEY = "SELECT pg_advisory_xact_lock(hashtextextended($2, $1))"

KEY_TAKEN = """
SELECT 1 FROM idempotency WHERE access_id = $1 AND key = $2 AND kept_until > $3"""

KEEP_KEY = """
INSERT INTO idempotency (access_id, key, digest, answer, kept_until)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (access_id, key) DO UPDATE SET digest = excluded.digest,
    answer = excluded.answer, kept_until = excluded.kept_until"""

ANSWERED = """
SELECT digest, answer FROM idempotency
WHERE access_id = $1 AND key = $2 AND kept_until > $3"""

DUE = """
SELECT id, access_id, "order", first_at, done, next_at FROM recurring
WHERE next_at <= $1 ORDER BY next_at LIMIT $2"""

BULK_THERE = "SELECT 1 FROM bulk WHERE id = $1"

ORIGINATOR = "SELECT originator FROM message WHERE id = $1 AND access_id = $2"

_ids = msgspec.json.Decoder(list[int]).decode


async def store_drafts(
    connection: Connection, drafts: Sequence[Draft], now: float
) -> list[Verdict]:
    """Store drafts, but for what is refused."""
    verdicts = [Verdict() for _ in drafts]
    ours = await _hold_keys(connection, drafts, verdicts, now)
    accounts = {d.charge.account_id for d in drafts if d.charge and not d.charge.paid}
    book = await begun(connection, accounts) if accounts else None
    messages: list[MessageRow] = []
    parts: list[PartRow] = []
    for draft, verdict in zip(drafts, verdicts, strict=True):
        kept = _kept(draft, verdict.duplicates)
        verdict.taken = await _is_taken(connection, draft, now)
        if not verdict.taken and draft.messages and not kept[0]:
            continue
        verdict.no_credit = not verdict.taken and not _charge(book, draft, kept[0])
        if verdict.taken or verdict.no_credit:
            await _let_go(connection, draft, kept[0], ours)
            continue
        messages += kept[0]
        parts += kept[1]
        await _store_rest(connection, draft, now)
    if messages:
        await connection.execute(sql.INSERT_MESSAGES, text(messages))
        await connection.execute(sql.INSERT_PARTS, text(parts))
    if book is not None:
        await book.close(now)
    return verdicts


async def _hold_keys(
    connection: Connection,
    drafts: Sequence[Draft],
    verdicts: Sequence[Verdict],
    now: float,
) -> set[int]:
    """
    Take the duplicate lock for what is to be stored; returns the keys that are ours.

    Fills in the verdicts' ``duplicates``. The keys of a bulk order's slice were held
    when it was accepted.
    """
    rows = {
        row.duplicate_key: row.duplicate_until
        for draft in drafts
        if draft.progress is None
        for row in reversed(draft.messages)
        if row.duplicate_key is not None and row.duplicate_until is not None
    }
    if not rows:
        return set()
    ours = set(_ids(await connection.one(HOLD_KEYS, text(list(rows.items())), now)))
    free = set(ours)
    for draft, verdict in zip(drafts, verdicts, strict=True):
        if draft.progress is not None:
            continue
        for index, row in enumerate(draft.messages):
            if row.duplicate_key is None or row.duplicate_until is None:
                continue
            if row.duplicate_key in free:
                free.discard(row.duplicate_key)  # twice in a batch is a duplicate, too
            else:
                verdict.duplicates.append(index)
    return ours


async def _let_go(
    connection: Connection, draft: Draft, messages: Sequence[MessageRow], ours: set[int]
) -> None:
    """Let go what was held for a draft that is not stored."""
    keys = [row.duplicate_key for row in messages if row.duplicate_key in ours]
    if keys and draft.progress is None:
        await connection.execute(sql.LET_GO, text(keys))


HOLD_KEYS = f"""
WITH held AS ({sql.HOLD_KEYS})
SELECT json_agg(key) FROM held"""


def _kept(draft: Draft, held: list[int]) -> tuple[list[MessageRow], list[PartRow]]:
    """Leave out messages that the duplicate lock holds."""
    if not held:
        return draft.messages, draft.parts
    out = {draft.messages[index].id for index in held}
    return (
        [row for row in draft.messages if row.id not in out],
        [row for row in draft.parts if row.id >> 8 not in out],
    )


def _charge(book: Book | None, draft: Draft, messages: Sequence[MessageRow]) -> bool:
    """Take what a draft costs; ``False``: the balance does not cover it."""
    charge = draft.charge
    if charge is None or charge.paid or book is None:
        return True
    amount = charge.amount
    if amount is None:
        amount = sum(row.price for row in messages)
    return amount == 0 or book.take(charge, amount, len(messages))


async def _is_taken(connection: Connection, draft: Draft | BulkRow, now: float) -> bool:
    """Tell whether a draft's turn, key or slice was taken before; holds them."""
    if draft.turn is not None:
        turn = draft.turn
        if await connection.value(TURN_FREE, turn.id, turn.done) is None:
            return True
    if draft.key is not None:
        row = (_access_id(draft), draft.key[0])
        await connection.value(LOCK_KEY, *row)
        if await connection.value(KEY_TAKEN, *row, now) is not None:
            return True
    if isinstance(draft, Draft) and draft.progress is not None:
        step = draft.progress
        found = await connection.value(sql.BULK_OPEN, step.bulk_id, step.done)
        return found is None
    return False


async def _store_rest(
    connection: Connection, draft: Draft | BulkRow, now: float
) -> None:
    """Store what a draft has beside messages: they are, or will be, stored."""
    if draft.turn is not None:
        turn = draft.turn
        await connection.execute(TAKE_TURN, turn.id, turn.done, turn.next_at)
    if draft.key is not None:
        key, digest, answer = draft.key
        row = (_access_id(draft), key, digest, answer.decode(), now + KEEP_KEYS)
        await connection.execute(KEEP_KEY, *row)
    await _store_repeats(connection, draft.repeats)
    if isinstance(draft, Draft) and draft.progress is not None:
        step = draft.progress
        await connection.execute(sql.ADVANCE_BULK, step.bulk_id, step.done)
    if isinstance(draft, Draft) and draft.mms is not None:
        await _store_mms(connection, draft.messages[0].id, draft.mms)


async def _store_mms(connection: Connection, message_id: int, mms: MmsRow) -> None:
    row = (message_id, mms.text, mms.files.decode(), mms.subject, mms.fallback)
    await connection.execute(INSERT_MMS, *row)
    await store_media(connection, message_id, mms.media)


def _access_id(draft: Draft | BulkRow) -> int:
    return draft.messages[0].access_id if isinstance(draft, Draft) else draft.access_id


async def _store_repeats(connection: Connection, row: RecurringRow | None) -> None:
    if row is None:
        return
    values = (row.id, row.access_id, row.order.decode(), row.first_at, row.done)
    await connection.execute(INSERT_RECURRING, *values, row.next_at)


async def store_bulk(
    connection: Connection,
    bulk: BulkRow,
    keys: Sequence[int],
    until: float,
    node_id: int,
) -> Verdict:
    """Store a bulk order whole, if it holds its keys and the balance covers it."""
    now = bulk.accepted_at
    if await _is_taken(connection, bulk, now):
        return Verdict(taken=True)
    held = await _hold_all(connection, keys, until, now)
    if held:
        return Verdict(held)
    charge = bulk.charge
    if charge is not None and charge.amount:
        book = await begun(connection, [charge.account_id])
        if not book.take(charge, charge.amount, bulk.total):
            await connection.execute(sql.LET_GO, text(keys))
            return Verdict(no_credit=True)
        await book.close(now)
    await _store_rest(connection, bulk, now)
    values = (bulk.id, bulk.access_id, now, bulk.first_id, bulk.total, bulk.done)
    texts = (bulk.content.decode(), bulk.recipients.decode())
    await connection.execute(sql.INSERT_BULK, *values, *texts, node_id)
    return Verdict()


async def _hold_all(
    connection: Connection, keys: Sequence[int], until: float, now: float
) -> list[int]:
    """Hold keys; when others hold some, hold none and return the places of those."""
    if not keys:
        return []
    rows = text([(key, until) for key in keys])
    ours = set(_ids(await connection.one(HOLD_KEYS, rows, now)))
    held = [place for place, key in enumerate(keys) if key not in ours]
    if held:
        await connection.execute(sql.LET_GO, text(list(ours)))
    return held


async def is_there(connection: Connection, bulk_id: int) -> bool:
    """Tell whether a bulk order is stored."""
    return await connection.value(BULK_THERE, bulk_id) is not None


async def open_bulks(connection: Connection, node_id: int) -> list[BulkRow]:
    """Take the bulk orders that are not yet all messages, and that no node makes."""
    rows = await connection.rows(sql.OPEN_BULKS, node_id)
    return sorted(map(_bulk, rows), key=lambda bulk: bulk.id)


def _bulk(row: Any) -> BulkRow:
    return BulkRow(
        id=row[0],
        access_id=row[1],
        accepted_at=row[2],
        first_id=row[3],
        total=row[4],
        done=row[5],
        content=row[6].encode(),
        recipients=row[7].encode(),
    )


async def originator_of(
    connection: Connection, access_id: int, message_id: int
) -> str | None:
    """Find what an access's message was sent from."""
    found: str | None = await connection.value(ORIGINATOR, message_id, access_id)
    return found


async def answered(
    connection: Connection, access_id: int, key: str, now: float
) -> tuple[str, bytes] | None:
    """Find what an idempotency key was answered."""
    row = await connection.row(ANSWERED, access_id, key, now)
    return (row[0], row[1].encode()) if row else None


async def due_recurring(
    connection: Connection, now: float, limit: int
) -> list[RecurringRow]:
    """Find orders whose next time has come."""
    return [
        RecurringRow(id_, access_id, order.encode(), first_at, done, next_at)
        for id_, access_id, order, first_at, done, next_at in await connection.rows(
            DUE, now, limit
        )
    ]


def waiting(drafts: Sequence[Draft]) -> list[int]:
    """Find the carriers that have parts to send now which this node is not sending."""
    found = {
        part.carrier_id
        for draft in drafts
        for part in draft.parts
        if part.state is PartState.QUEUED and part.due_at is None
    }
    return sorted(found)
