"""
Accepts orders: stores messages and parts, charges for them, and stores what goes along.

All that an order is checked against is locked until the transaction ends, in this
order: duplicate keys, balances by id, then each order's occurrence, idempotency key or
slice. So two nodes never both store an order that both accept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.states import PartState
from budstikke.store.contract import BulkRow, Draft, Hint, Verdict
from budstikke.store.contract.leases import KEEP_KEYS
from budstikke.store.verbs.media import store_media
from budstikke.store.verbs.money import Book, begun
from budstikke.store.verbs.statement import columns, server_only, statement, two

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import MessageRow, MmsRow, PartRow
    from budstikke.store.verbs.connection import Connection

_MESSAGE_COLUMNS = """id, order_id, access_id, recipient, originator, ref, encoding,
    segments, parts, flash, protocol_id, priority, notify_on, duplicate_key,
    duplicate_until, accepted_at, expires_at, state, account_id, price, refund, premium,
    send_at, callback_url, reason, raw"""

_PART_COLUMNS = """id, carrier_id, state, text, tables, priority, due_at, node_id, at,
    tries, reason, raw"""

# Two texts: on SQLite ``each`` runs a statement for each row, which is faster than
# taking a batch apart (docs/why/sqlite.md); on PostgreSQL a batch is one round trip.
INSERT_MESSAGES = two(
    sqlite=f"""
INSERT INTO message ({_MESSAGE_COLUMNS})
VALUES ({", ".join(f"${n}" for n in range(1, 25))}, '', '')""",
    postgres=f"""
INSERT INTO message ({_MESSAGE_COLUMNS})
SELECT {columns("iiittttnnnnnniffftiinnft")}, '', ''
FROM jsonb_array_elements($1::jsonb) AS j (value)""",
)

INSERT_PARTS = two(
    sqlite=f"""
INSERT INTO part ({_PART_COLUMNS})
VALUES ({", ".join(f"${n}" for n in range(1, 10))}, 0, '', '')""",
    postgres=f"""
INSERT INTO part ({_PART_COLUMNS})
SELECT {columns("iittnnfif")}, 0, '', ''
FROM jsonb_array_elements($1::jsonb) AS j (value)""",
)

INSERT_RECURRING = statement("""
INSERT INTO recurring (id, access_id, "order", first_at, done, next_at)
VALUES ($1, $2, $3, $4, $5, $6)""")

INSERT_MMS = statement("""
INSERT INTO mms (message_id, text, files, subject, fallback)
VALUES ($1, $2, $3, $4, $5)""")

OCCURRENCE_FREE = statement(
    lambda e: (
        f"""
SELECT 1 FROM recurring WHERE id = $1 AND done < $2 AND next_at IS NOT NULL
{e.lock}"""
    )
)

TAKE_OCCURRENCE = statement("""
UPDATE recurring SET done = $2, next_at = $3 WHERE id = $1""")

# The row to lock may not exist yet.
LOCK_KEY = server_only("SELECT pg_advisory_xact_lock(hashtextextended($2, $1))")

KEY_TAKEN = statement("""
SELECT 1 FROM idempotency WHERE access_id = $1 AND key = $2 AND kept_until > $3""")

KEEP_KEY = statement("""
INSERT INTO idempotency (access_id, key, digest, answer, kept_until)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (access_id, key) DO UPDATE SET digest = excluded.digest,
    answer = excluded.answer, kept_until = excluded.kept_until""")

BULK_OPEN = statement(
    lambda e: (
        f"""
SELECT 1 FROM bulk WHERE id = $1 AND done < $2 AND NOT cancelled {e.lock}"""
    )
)

ADVANCE_BULK = statement("UPDATE bulk SET done = $2 WHERE id = $1")

INSERT_BULK = statement("""
INSERT INTO bulk (id, access_id, accepted_at, first_id, total, done, content,
    recipients, node_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)""")


async def store_drafts(
    connection: Connection,
    drafts: Sequence[Draft],
    held: Sequence[Sequence[int]],
    now: float,
) -> list[Verdict]:
    """
    Store orders and charge for them, except those that are refused.

    Args:
        connection: In a transaction.
        drafts: The orders.
        held: For each, the indexes of messages that are known duplicates.
        now: Unix seconds.

    """
    verdicts = [Verdict(list(indexes)) for indexes in held]
    ours = await _hold_keys(connection, drafts, verdicts, now)
    accounts = {d.charge.account_id for d in drafts if d.charge and not d.charge.paid}
    book = await begun(connection, accounts) if accounts else None
    messages: list[MessageRow] = []
    parts: list[PartRow] = []
    for draft, verdict in zip(drafts, verdicts, strict=True):
        kept = _without(draft, verdict.duplicates)
        verdict.taken = await _is_taken(connection, draft, now)
        if not verdict.taken and draft.messages and not kept[0]:
            continue
        verdict.no_credit = not verdict.taken and not _charge(book, draft, kept[0])
        if verdict.taken or verdict.no_credit:
            await _release_keys(connection, draft, kept[0], ours)
            continue
        messages += kept[0]
        parts += kept[1]
        await _store_rest(connection, draft, now)
    if messages:
        await connection.each(INSERT_MESSAGES, messages)
        await connection.each(INSERT_PARTS, parts)
        carriers = {
            part.carrier_id
            for part in parts
            if part.state is PartState.QUEUED and part.due_at is None
        }
        if carriers:  # their nodes claim parts that no node is sending
            hint = Hint(connection.node_id, carriers=sorted(carriers))
            await connection.notify(hint)
    if book is not None:
        await book.close(now)
    return verdicts


async def store_again(connection: Connection, rows: Sequence[Draft | BulkRow]) -> None:
    """
    Insert these orders' rows again, to find out whether they were committed.

    It fails if they were, because of their ids, and waits for transactions that
    inserted one and are still open. The caller rolls it back.
    """
    bulks = [row for row in rows if isinstance(row, BulkRow)]
    drafts = [row for row in rows if isinstance(row, Draft)]
    if messages := [message for draft in drafts for message in draft.messages]:
        await connection.each(INSERT_MESSAGES, messages)
    for bulk in bulks:
        await _insert_bulk(connection, bulk)


async def _hold_keys(
    connection: Connection,
    drafts: Sequence[Draft],
    verdicts: Sequence[Verdict],
    now: float,
) -> set[int]:
    """
    Lock the duplicate keys of these orders; return those that this locked.

    It adds to the verdicts' ``duplicates``. A bulk order's keys were locked when it was
    accepted.
    """
    rows: list[tuple[int, float, Verdict, int]] = []
    for draft, verdict in zip(drafts, verdicts, strict=True):
        if draft.progress is not None:
            continue
        known = set(verdict.duplicates)
        rows += [
            (row.duplicate_key, row.duplicate_until, verdict, index)
            for index, row in enumerate(draft.messages)
            if row.duplicate_key is not None and row.duplicate_until is not None
            if index not in known
        ]
    if not rows:
        return set()
    until = {key: until for key, until, _, _ in reversed(rows)}
    ours = await connection.hold_keys(list(until.items()), now)
    free = set(ours)
    for key, _, verdict, index in rows:
        if key in free:
            free.discard(key)  # the second one of a batch is a duplicate, too
        else:
            verdict.duplicates.append(index)
    return ours


async def _release_keys(
    connection: Connection, draft: Draft, messages: Sequence[MessageRow], ours: set[int]
) -> None:
    """Unlock the keys of an order that is not stored."""
    keys = [
        row.duplicate_key
        for row in messages
        if row.duplicate_key is not None and row.duplicate_key in ours
    ]
    if keys and draft.progress is None:
        await connection.release_keys(keys)


def _without(
    draft: Draft, duplicates: Sequence[int]
) -> tuple[list[MessageRow], list[PartRow]]:
    """Return an order's rows without the messages that are duplicates."""
    if not duplicates:
        return draft.messages, draft.parts
    out = {draft.messages[index].id for index in duplicates}
    return (
        [row for row in draft.messages if row.id not in out],
        [row for row in draft.parts if row.id >> 8 not in out],
    )


def _charge(book: Book | None, draft: Draft, messages: Sequence[MessageRow]) -> bool:
    """Charge for an order; ``False``: the balance does not cover it."""
    charge = draft.charge
    if charge is None or charge.paid or book is None:
        return True
    amount = charge.amount
    if amount is None:
        amount = sum(row.price for row in messages)
    return amount == 0 or book.take(charge, amount, len(messages))


async def _is_taken(connection: Connection, draft: Draft | BulkRow, now: float) -> bool:
    """Lock an order's occurrence, key or slice; return whether it was stored before."""
    if draft.occurrence is not None:
        values = (draft.occurrence.id, draft.occurrence.done)
        if await connection.value(OCCURRENCE_FREE, *values) is None:
            return True
    if draft.key is not None:
        row = (_access_id(draft), draft.key[0])
        await connection.on_server(LOCK_KEY, *row)
        if await connection.value(KEY_TAKEN, *row, now) is not None:
            return True
    if isinstance(draft, Draft) and draft.progress is not None:
        step = draft.progress
        return await connection.value(BULK_OPEN, step.bulk_id, step.done) is None
    return False


async def _store_rest(
    connection: Connection, draft: Draft | BulkRow, now: float
) -> None:
    """Store what an order has beside messages."""
    if draft.occurrence is not None:
        occurrence = draft.occurrence
        await connection.execute(
            TAKE_OCCURRENCE, occurrence.id, occurrence.done, occurrence.next_at
        )
    if draft.key is not None:
        key, digest, answer = draft.key
        kept = (_access_id(draft), key, digest, answer.decode(), now + KEEP_KEYS)
        await connection.execute(KEEP_KEY, *kept)
    if draft.repeats is not None:
        row = draft.repeats
        values = (row.id, row.access_id, row.order.decode(), row.first_at, row.done)
        await connection.execute(INSERT_RECURRING, *values, row.next_at)
    if isinstance(draft, Draft) and draft.progress is not None:
        step = draft.progress
        await connection.execute(ADVANCE_BULK, step.bulk_id, step.done)
    if isinstance(draft, Draft) and draft.mms is not None:
        await _store_mms(connection, draft.messages[0].id, draft.mms)


async def _store_mms(connection: Connection, message_id: int, mms: MmsRow) -> None:
    row = (message_id, mms.text, mms.files.decode(), mms.subject, mms.fallback)
    await connection.execute(INSERT_MMS, *row)
    await store_media(connection, message_id, mms.media)


def _access_id(draft: Draft | BulkRow) -> int:
    return draft.messages[0].access_id if isinstance(draft, Draft) else draft.access_id


async def store_bulk(
    connection: Connection, bulk: BulkRow, keys: Sequence[int], until: float
) -> Verdict:
    """
    Store a bulk order whole, if none of its keys is locked and the balance covers it.

    Args:
        connection: In a transaction.
        bulk: The order.
        keys: Duplicate keys of its recipients, each once.
        until: When their locks end, Unix seconds.

    """
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
            await connection.release_keys(keys)
            return Verdict(no_credit=True)
        await book.close(now)
    await _store_rest(connection, bulk, now)
    await _insert_bulk(connection, bulk)
    return Verdict()


async def _insert_bulk(connection: Connection, bulk: BulkRow) -> None:
    values = (bulk.id, bulk.access_id, bulk.accepted_at, bulk.first_id, bulk.total)
    texts = (bulk.content.decode(), bulk.recipients.decode())
    node_id = connection.node_id
    await connection.execute(INSERT_BULK, *values, bulk.done, *texts, node_id)


async def _hold_all(
    connection: Connection, keys: Sequence[int], until: float, now: float
) -> list[int]:
    """Lock these keys, or none: return the indexes of those that were locked before."""
    if not keys:
        return []
    ours = await connection.hold_keys([(key, until) for key in keys], now)
    held = [index for index, key in enumerate(keys) if key not in ours]
    if held:
        await connection.release_keys(list(ours))
    return held
