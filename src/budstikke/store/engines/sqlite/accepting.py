"""Store drafts, inside one SQLite transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.contract import Draft, RecurringRow, Verdict
from budstikke.store.contract.leases import KEEP_KEYS
from budstikke.store.engines.sqlite import sql
from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.engines.sqlite.json_rows import each
from budstikke.store.engines.sqlite.media import store_media
from budstikke.store.verbs.money import Book, begun

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from budstikke.store.contract import BulkRow, MessageRow, MmsRow, PartRow

INSERT_RECURRING = """
INSERT INTO recurring (id, access_id, "order", first_at, done, next_at)
VALUES (?, ?, ?, ?, ?, ?)"""

INSERT_MMS = """
INSERT INTO mms (message_id, text, files, subject, fallback) VALUES (?, ?, ?, ?, ?)"""

TURN_FREE = """
SELECT 1 FROM recurring WHERE id = ? AND done < ? AND next_at IS NOT NULL"""

TAKE_TURN = "UPDATE recurring SET done = ?2, next_at = ?3 WHERE id = ?1"

KEY_TAKEN = """
SELECT 1 FROM idempotency WHERE access_id = ? AND key = ? AND kept_until > ?"""

KEEP_KEY = """
INSERT OR REPLACE INTO idempotency (access_id, key, digest, answer, kept_until)
VALUES (?, ?, ?, ?, ?)"""

ANSWERED = """
SELECT digest, answer FROM idempotency
WHERE access_id = ? AND key = ? AND kept_until > ?"""

DUE = """
SELECT id, access_id, "order", first_at, done, next_at FROM recurring
WHERE next_at <= ? ORDER BY next_at LIMIT ?"""


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
    accounts = {d.charge.account_id for d in drafts if d.charge and not d.charge.paid}
    book = finish(begun(Connection(connection), accounts)) if accounts else None
    messages: list[MessageRow] = []
    parts: list[PartRow] = []
    for draft, verdict in zip(drafts, verdicts, strict=True):
        kept = _kept(draft, verdict.duplicates)
        verdict.taken = _is_taken(connection, draft, now)
        if verdict.taken or (draft.messages and not kept[0]):
            continue
        verdict.no_credit = not _charge(book, draft, kept[0])
        if not verdict.no_credit:
            messages += kept[0]
            parts += kept[1]
            _store_rest(connection, draft, now)
    if messages:
        each(connection, sql.INSERT_MESSAGES, messages)
        each(connection, sql.INSERT_PARTS, parts)
    if book is not None:
        finish(book.close(now))
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
    return amount == 0 or book.take(charge, amount, len(messages))


def _is_taken(
    connection: sqlite3.Connection, draft: Draft | BulkRow, now: float
) -> bool:
    """Tell whether a draft's turn, key or slice was taken before; writes nothing."""
    if draft.turn is not None:
        row: tuple[object, ...] = (draft.turn.id, draft.turn.done)
        if connection.execute(TURN_FREE, row).fetchone() is None:
            return True
    if draft.key is not None:
        row = (_access_id(draft), draft.key[0], now)
        if connection.execute(KEY_TAKEN, row).fetchone() is not None:
            return True
    if isinstance(draft, Draft) and draft.progress is not None:
        row = (draft.progress.bulk_id, draft.progress.done)
        return connection.execute(sql.BULK_OPEN, row).fetchone() is None
    return False


def _store_rest(
    connection: sqlite3.Connection, draft: Draft | BulkRow, now: float
) -> None:
    """Store what a draft has beside messages: they are, or will be, stored."""
    if draft.turn is not None:
        turn = draft.turn
        connection.execute(TAKE_TURN, (turn.id, turn.done, turn.next_at))
    if draft.key is not None:
        key, digest, answer = draft.key
        row = (_access_id(draft), key, digest, answer.decode(), now + KEEP_KEYS)
        connection.execute(KEEP_KEY, row)
    _store_repeats(connection, draft.repeats)
    if isinstance(draft, Draft) and draft.progress is not None:
        step = draft.progress
        connection.execute(sql.ADVANCE_BULK, (step.bulk_id, step.done))
    if isinstance(draft, Draft) and draft.mms is not None:
        _store_mms(connection, draft.messages[0].id, draft.mms)


def _store_mms(connection: sqlite3.Connection, message_id: int, mms: MmsRow) -> None:
    row = (message_id, mms.text, mms.files.decode(), mms.subject, mms.fallback)
    connection.execute(INSERT_MMS, row)
    store_media(connection, message_id, mms.media)


def _access_id(draft: Draft | BulkRow) -> int:
    return draft.messages[0].access_id if isinstance(draft, Draft) else draft.access_id


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
    if _is_taken(connection, bulk, now):
        return Verdict(taken=True)
    charge = bulk.charge
    if charge is not None and charge.amount:
        book = finish(begun(Connection(connection), [charge.account_id]))
        if not book.take(charge, charge.amount, bulk.total):
            return Verdict(no_credit=True)
        finish(book.close(now))
    _store_rest(connection, bulk, now)
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
    connection: sqlite3.Connection, access_id: int, key: str, now: float
) -> tuple[str, bytes] | None:
    """Find what an idempotency key was answered."""
    row = connection.execute(ANSWERED, (access_id, key, now)).fetchone()
    return (row[0], row[1].encode()) if row else None


def due_recurring(
    connection: sqlite3.Connection, now: float, limit: int
) -> list[RecurringRow]:
    """Find orders whose next time has come."""
    return [
        RecurringRow(id_, access_id, order.encode(), first_at, done, next_at)
        for id_, access_id, order, first_at, done, next_at in connection.execute(
            DUE, (now, limit)
        )
    ]
