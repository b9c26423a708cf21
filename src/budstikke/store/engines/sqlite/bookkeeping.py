"""Fees that are due, and balances that are low, inside SQLite transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.fees import day_of, next_month
from budstikke.domain.ledger import Kind
from budstikke.store.contract import Entry, LowBalance
from budstikke.store.engines.sqlite.connection import Connection, finish
from budstikke.store.verbs.money import begun

if TYPE_CHECKING:
    import sqlite3

DUE_FEES = """
SELECT id, account_id, name, amount, monthly, next_at, day FROM fee
WHERE next_at <= ?1 ORDER BY next_at, id LIMIT ?2"""

MOVE_FEE = "UPDATE fee SET next_at = ?2 WHERE id = ?1"

FELL = """
UPDATE account SET alerted = 1
WHERE alert_below IS NOT NULL AND balance < alert_below AND NOT alerted
RETURNING name, currency, balance, alert_below, alert_mail"""

ROSE = """
UPDATE account SET alerted = 0
WHERE alert_below IS NOT NULL AND balance >= alert_below AND alerted"""


def take_fees(connection: sqlite3.Connection, now: float, limit: int) -> int:
    """Take fees that are due; one that missed several months, for each of them."""
    rows = connection.execute(DUE_FEES, (now, limit)).fetchall()
    if not rows:
        return 0
    book = finish(begun(Connection(connection), [row[1] for row in rows]))
    taken = 0
    for fee_id, account_id, name, amount, monthly, due, day in rows:
        due_at: float | None = due
        while due_at is not None and due_at <= now:
            note = f"{name} {day_of(due_at):%Y-%m}" if monthly else name
            book.enter(account_id, Entry(Kind.FEE, -amount, note))
            taken += 1
            due_at = next_month(due_at, day) if monthly else None
        connection.execute(MOVE_FEE, (fee_id, due_at))
    finish(book.close(now))
    return taken


def low_balances(connection: sqlite3.Connection) -> list[LowBalance]:
    """Find balances that have fallen below their alert since it was last told."""
    connection.execute(ROSE)
    return [LowBalance(*row) for row in connection.execute(FELL).fetchall()]
