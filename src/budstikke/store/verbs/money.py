"""Charges, refunds and the ledger. Amounts are in micros of the account's currency."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.ledger import Kind, ordered
from budstikke.domain.queries import CreditAnswer
from budstikke.store.contract import Entry
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import columns, statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from budstikke.domain.settlement import MessageFinal
    from budstikke.store.contract import Charge
    from budstikke.store.verbs.connection import Connection

# Locked until the transaction ends, by id, so that two transactions never deadlock.
BALANCES = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(id, balance)) FROM (
    SELECT id, balance FROM account WHERE id {e.in_ids()}
    ORDER BY id {e.lock_balance}) a"""
    )
)

SET_BALANCES = statement(
    lambda e: (
        f"""
UPDATE account SET balance = (j.value->>1)::bigint FROM {e.rows()}
WHERE account.id = (j.value->>0)::bigint"""
    )
)

INSERT_LEDGER = statement(
    lambda e: (
        f"""
INSERT INTO ledger (account_id, kind, amount, balance, order_id, message_id, note,
    messages, at)
SELECT {columns("itiiiitn")}, $2 FROM {e.rows()} ORDER BY j.key"""
    )
)

# Columns of domain.settlement.MessageFinal; those without a refund are left out.
REFUNDABLE = statement(
    lambda e: (
        f"""
SELECT {e.list}({e.row}(m.account_id, m.id, m.price))
FROM {e.rows()} {e.join} message m ON m.id = (j.value->>0)::bigint AND m.id >= $2
WHERE m.price > 0 AND m.state = j.value->>1
    AND (m.refund = 2 OR m.state = 'cancelled'
        OR (m.refund = 1 AND NOT (j.value->>5)::boolean))"""
    )
)

# Rows of the batch: those of REFUNDABLE.
TAKE_PRICES = statement(
    lambda e: (
        f"""
UPDATE message SET price = 0 FROM {e.rows()}
WHERE message.id = (j.value->>1)::bigint AND message.id >= $2"""
    )
)

_pairs = msgspec.json.Decoder(list[tuple[int, int]]).decode
_triples = msgspec.json.Decoder(list[tuple[int, int, int]]).decode


class Book:
    """
    The balances of a transaction, and the entries that change them.

    ``begun`` makes one, and locks the accounts until the transaction ends.
    """

    def __init__(self, connection: Connection, balances: dict[int, int]) -> None:
        self._connection = connection
        self.balances = balances
        self._rows: list[tuple[int, str, int, int, int | None, int | None, str, int]]
        self._rows = []

    def take(self, charge: Charge, amount: int, messages: int) -> bool:
        """Charge an account for these messages, if its balance and credit cover it."""
        left = self.balances.get(charge.account_id, 0) - amount
        if left + charge.credit < 0:
            return False
        order_id = charge.order_id
        entry = Entry(Kind.CHARGE, -amount, order_id=order_id, messages=messages)
        self.enter(charge.account_id, entry)
        return True

    def enter(self, account_id: int, entry: Entry) -> None:
        """Write an entry, whatever the balance is."""
        balance = self.balances.get(account_id, 0) + entry.amount
        self.balances[account_id] = balance
        self._rows.append(
            (
                account_id,
                entry.kind,
                entry.amount,
                balance,
                entry.order_id,
                entry.message_id,
                entry.note,
                entry.messages,
            )
        )

    async def close(self, now: float) -> None:
        """Write the entries."""
        if not self._rows:
            return
        changed = {row[0] for row in self._rows}
        balances = [(key, self.balances[key]) for key in changed]
        await self._connection.execute(SET_BALANCES, text(balances))
        await self._connection.execute(INSERT_LEDGER, text(self._rows), now)


async def begun(connection: Connection, accounts: Iterable[int]) -> Book:
    """Lock these accounts, and read their balances."""
    found = await connection.one(BALANCES, text(sorted(set(accounts))))
    return Book(connection, dict(_pairs(found)))


async def post_entries(
    connection: Connection, account_id: int, entries: Sequence[Entry], now: float
) -> int:
    """Write ledger entries; return the balance after them, micros."""
    book = await begun(connection, [account_id])
    for entry in entries:
        book.enter(account_id, entry)
    await book.close(now)
    return book.balances[account_id]


async def refund(
    connection: Connection, finals: Sequence[MessageFinal], low: int, now: float
) -> None:
    """Refund failed messages, by each one's rule; no id is below ``low``."""
    failed = [final for final in finals if final.state != "delivered"]
    if not failed:
        return
    due = await connection.one(REFUNDABLE, text(failed), low)
    rows = _triples(due)
    if not rows:
        return
    book = await begun(connection, [row[0] for row in rows])
    for account_id, message_id, amount in rows:
        entry = Entry(Kind.REFUND, amount, message_id=message_id, messages=1)
        book.enter(account_id, entry)
    await connection.execute(TAKE_PRICES, due, low)
    await book.close(now)


ORDERED_TODAY = statement("""
SELECT a.order_ceiling, coalesce((SELECT sum(o.count) FROM credit_order o
    WHERE o.account_id = a.id AND o.at > $2::float8 - 86400
        AND o.state = 'credited'), 0)::bigint
FROM account a WHERE a.id = $1""")

INSERT_ORDER = statement("""
INSERT INTO credit_order (account_id, at, count, amount, state)
VALUES ($1, $2, $3, $4, $5)""")


async def order_credit(
    connection: Connection, account_id: int, count: int, amount: int, now: float
) -> CreditAnswer:
    """Order SMS: credited at once, or waiting if above the limit of a day."""
    book = await begun(connection, [account_id])  # one order of an account at a time
    ceiling, today = await connection.row(ORDERED_TODAY, account_id, now)
    waiting = today + count > ceiling
    state = "waiting" if waiting else "credited"
    await connection.execute(INSERT_ORDER, account_id, now, count, amount, state)
    if not waiting:
        book.enter(account_id, Entry(Kind.ORDER, amount, ordered(count)))
        await book.close(now)
    return CreditAnswer(waiting, book.balances[account_id])
