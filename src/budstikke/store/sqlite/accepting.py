"""Store drafts, inside one SQLite transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.contract import RecurringRow, Verdict
from budstikke.store.sqlite import sql
from budstikke.store.sqlite.json_rows import text
from budstikke.store.sqlite.money import Book

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from budstikke.store.contract import BulkRow, Draft, MessageRow, PartRow

KEEP_KEYS = 86400.0
"""Seconds that an idempotency key is answered as the first time."""

INSERT_RECURRING = """
INSERT INTO recurring (id, access_id, "order", first_at, done, next_at)
VALUES (?, ?, ?, ?, ?, ?)"""

INSERT_MMS = "INSERT INTO mms (message_id, text, files) VALUES (?, ?, ?)"

TAKE_TURN = """
UPDATE recurring SET done = ?2, next_at = ?3 WHERE id = ?1 AND done < ?2"""

KEY_TAKEN = """
SELECT 1 FROM idempotency WHERE access_id = ? AND key = ? AND kept_until > ?"""

KEEP_KEY = """
INSERT INTO idempotency (access_id, key, digest, answer, kept_until)
VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (access_id, key) DO UPDATE SET digest = ?3, answer = ?4, kept_until = ?5"""


def store_drafts(
    connection: sqlite3.Connection,
    drafts: Sequence[Draft],
    duplicates: Sequence[list[int]],
    now: float,
) -> list[Verdict]:
    """
    Store drafts, but for what is refused.

    Args:
        connection: In a transaction.
        drafts: What is to be stored.
        duplicates: For each, the indexes of messages that the duplicate lock holds.
        now: Unix seconds.

    """
    verdicts = [Verdict(held) for held in duplicates]
    kept = [_kept(draft, held) for draft, held in zip(drafts, duplicates, strict=True)]
    accounts = {d.charge.account_id for d in drafts if d.charge and not d.charge.paid}
    book = Book(connection, accounts) if accounts else None
    messages: list[MessageRow] = []
    parts: list[PartRow] = []
    for draft, verdict, rows in zip(drafts, verdicts, kept, strict=True):
        access_id = draft.messages[0].access_id if draft.messages else 0
        verdict.taken = _is_taken(connection, draft, access_id, now)
        if verdict.taken or (not rows[0] and draft.messages):
            continue
        verdict.no_credit = not _charge(book, draft, rows[0])
        if not verdict.no_credit:
            messages += rows[0]
            parts += rows[1]
            if draft.progress is not None:
                step = draft.progress
                connection.execute(sql.ADVANCE_BULK, (step.bulk_id, step.done))
            _store_repeats(connection, draft.repeats)
            _keep_key(connection, draft, access_id, now)
            if draft.mms is not None:
                held = draft.mms[1].decode()
                values = (draft.messages[0].id, draft.mms[0], held)
                connection.execute(INSERT_MMS, values)
    if messages:
        connection.execute(sql.INSERT_MESSAGES, (text(messages),))
        connection.execute(sql.INSERT_PARTS, (text(parts),))
    if book is not None:
        book.close(now)
    return verdicts


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
    return amount == 0 or book.take(charge, amount)


def _is_taken(
    connection: sqlite3.Connection, draft: Draft | BulkRow, access_id: int, now: float
) -> bool:
    """Take a recurring order's turn; tell whether it, or the key, was taken before."""
    if draft.turn is not None:
        turn = draft.turn
        row = (turn.id, turn.done, turn.next_at)
        return connection.execute(TAKE_TURN, row).rowcount == 0
    if draft.key is not None:
        values = (access_id, draft.key[0], now)
        return connection.execute(KEY_TAKEN, values).fetchone() is not None
    return False


def _keep_key(
    connection: sqlite3.Connection, draft: Draft | BulkRow, access_id: int, now: float
) -> None:
    """Keep what an idempotency key is answered, now that its order is stored."""
    if draft.turn is None and draft.key is not None:
        key, digest, answer = draft.key
        values = (access_id, key, digest, answer.decode(), now + KEEP_KEYS)
        connection.execute(KEEP_KEY, values)


def _store_repeats(connection: sqlite3.Connection, row: RecurringRow | None) -> None:
    if row is None:
        return
    connection.execute(
        INSERT_RECURRING,
        (
            row.id,
            row.access_id,
            row.order.decode(),
            row.first_at,
            row.done,
            row.next_at,
        ),
    )


def store_bulk(
    connection: sqlite3.Connection, bulk: BulkRow, node_id: int, now: float
) -> Verdict:
    """Store a bulk order whole, if the balance covers it."""
    if _is_taken(connection, bulk, bulk.access_id, now):
        return Verdict(taken=True)
    charge = bulk.charge
    if charge is not None and charge.amount:
        book = Book(connection, [charge.account_id])
        if not book.take(charge, charge.amount):
            return Verdict(no_credit=True)
        book.close(now)
    connection.execute(
        sql.INSERT_BULK,
        (
            bulk.id,
            bulk.access_id,
            bulk.accepted_at,
            bulk.first_id,
            bulk.total,
            bulk.done,
            bulk.content.decode(),
            bulk.recipients.decode(),
            node_id,
        ),
    )
    _store_repeats(connection, bulk.repeats)
    _keep_key(connection, bulk, bulk.access_id, now)
    return Verdict()


def originator_of(
    connection: sqlite3.Connection, access_id: int, message_id: int
) -> str | None:
    """Find what an access's message was sent from."""
    row = connection.execute(
        "SELECT originator FROM message WHERE id = ? AND access_id = ?",
        (message_id, access_id),
    ).fetchone()
    return row[0] if row else None


def answered(
    connection: sqlite3.Connection, access_id: int, key: str
) -> tuple[str, bytes] | None:
    """Find what an idempotency key was answered."""
    row = connection.execute(
        "SELECT digest, answer FROM idempotency WHERE access_id = ? AND key = ?",
        (access_id, key),
    ).fetchone()
    return (row[0], row[1].encode()) if row else None


def due_recurring(
    connection: sqlite3.Connection, now: float, limit: int
) -> list[RecurringRow]:
    """Find orders whose next time has come."""
    rows = connection.execute(
        'SELECT id, access_id, "order", first_at, done, next_at FROM recurring '
        "WHERE next_at <= ? ORDER BY next_at LIMIT ?",
        (now, limit),
    ).fetchall()
    return [
        RecurringRow(
            id=row[0],
            access_id=row[1],
            order=row[2].encode(),
            first_at=row[3],
            done=row[4],
            next_at=row[5],
        )
        for row in rows
    ]
