"""Charges due fees, and finds low balances."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.domain.fees import day_of, next_month
from budstikke.domain.ledger import Kind
from budstikke.store.contract import Entry, LowBalance
from budstikke.store.verbs.money import begun
from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from budstikke.store.verbs.connection import Connection

DUE_FEES = statement(
    lambda e: (
        f"""
SELECT id, account_id, name, amount, monthly, next_at, day FROM fee
WHERE next_at <= $1 ORDER BY next_at, id LIMIT $2 {e.skip_locked}"""
    )
)

MOVE_FEE = statement("UPDATE fee SET next_at = $2 WHERE id = $1")

FELL = statement("""
UPDATE account SET alerted = true
WHERE alert_below IS NOT NULL AND balance < alert_below AND NOT alerted
RETURNING name, currency, balance, alert_below, alert_mail""")

ROSE = statement("""
UPDATE account SET alerted = false
WHERE alert_below IS NOT NULL AND balance >= alert_below AND alerted""")


async def take_fees(connection: Connection, now: float, limit: int) -> int:
    """
    Charge at most ``limit`` due fees; return the number of charges.

    A monthly fee that was not charged for several months is charged for each of them.
    """
    rows = await connection.rows(DUE_FEES, now, limit)
    if not rows:
        return 0
    book = await begun(connection, [row[1] for row in rows])
    charges = 0
    for fee_id, account_id, name, amount, monthly, due, day in rows:
        due_at: float | None = due
        while due_at is not None and due_at <= now:
            note = f"{name} {day_of(due_at):%Y-%m}" if monthly else name
            book.enter(account_id, Entry(Kind.FEE, -amount, note))
            charges += 1
            due_at = next_month(due_at, day) if monthly else None
        await connection.execute(MOVE_FEE, fee_id, due_at)
    await book.close(now)
    return charges


async def low_balances(connection: Connection) -> list[LowBalance]:
    """Find balances that have fallen below their alert since the last alert of it."""
    await connection.execute(ROSE)
    return [LowBalance(*row) for row in await connection.rows(FELL)]
