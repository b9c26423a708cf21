"""Charges, refunds and the ledger, inside SQLite transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from budstikke.domain.ask import CreditAnswer
from budstikke.domain.ledger import Kind, ordered
from budstikke.store.contract import Entry
from budstikke.store.sqlite.json_rows import one, text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from budstikke.domain.settlement import MessageFinal
    from budstikke.store.contract import Charge

BALANCES = """
SELECT json_group_array(json_array(id, balance)) FROM account
WHERE id IN (SELECT value FROM json_each(?1))"""

SET_BALANCES = """
UPDATE account SET balance = j.value->>1 FROM json_each(?1) j
WHERE account.id = j.value->>0"""

INSERT_LEDGER = """
INSERT INTO ledger (account_id, at, kind, amount, balance, order_id, message_id, note,
    messages)
SELECT j.value->>0, ?2, j.value->>1, j.value->>2, j.value->>3, j.value->>4,
    j.value->>5, j.value->>6, j.value->>7
FROM json_each(?1) j"""

# Columns of domain.settlement.MessageFinal; what is not due back is left out.
REFUNDABLE = """
SELECT json_group_array(json_array(m.account_id, m.id, m.price))
FROM json_each(?1) j CROSS JOIN message m ON m.id = j.value->>0
WHERE m.price > 0 AND m.state = j.value->>1
    AND (m.refund = 2 OR m.state = 'cancelled' OR (m.refund = 1 AND NOT j.value->>5))"""

TAKE_PRICES = """
UPDATE message SET price = 0 WHERE id IN (SELECT value->>1 FROM json_each(?1))"""

_pairs = msgspec.json.Decoder(list[tuple[int, int]]).decode
_triples = msgspec.json.Decoder(list[tuple[int, int, int]]).decode


class Book:
    """
    The balances of a transaction, and the entries that change them.

    Args:
        connection: In a transaction that may write.
        accounts: Those concerned.

    """

    def __init__(self, connection: sqlite3.Connection, accounts: Iterable[int]) -> None:
        self._connection = connection
        found = one(connection, BALANCES, text(sorted(set(accounts))))
        self.balances = dict(_pairs(found))
        self._rows: list[tuple[int, str, int, int, int | None, int | None, str, int]]
        self._rows = []

    def take(self, charge: Charge, amount: int, messages: int) -> bool:
        """Charge an account for so many messages, if what it has covers it."""
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

    def close(self, now: float) -> None:
        """Write what was entered."""
        if not self._rows:
            return
        changed = {row[0] for row in self._rows}
        balances = [(key, self.balances[key]) for key in changed]
        self._connection.execute(SET_BALANCES, (text(balances),))
        self._connection.execute(INSERT_LEDGER, (text(self._rows), now))


def refund(
    connection: sqlite3.Connection, finals: Sequence[MessageFinal], now: float
) -> None:
    """Give back what messages that have failed cost, by the rule they carry."""
    failed = [final for final in finals if final.state != "delivered"]
    if not failed:
        return
    due = one(connection, REFUNDABLE, text(failed))
    rows = _triples(due)
    if not rows:
        return
    book = Book(connection, [row[0] for row in rows])
    for account_id, message_id, amount in rows:
        entry = Entry(Kind.REFUND, amount, message_id=message_id, messages=1)
        book.enter(account_id, entry)
    connection.execute(TAKE_PRICES, (due,))
    book.close(now)


ORDERED_TODAY = """
SELECT a.order_ceiling, coalesce(sum(o.count), 0) FROM account a
LEFT JOIN credit_order o ON o.account_id = a.id AND o.at > ?2 - 86400
    AND o.state = 'credited'
WHERE a.id = ?1"""

INSERT_ORDER = """
INSERT INTO credit_order (account_id, at, count, amount, state)
VALUES (?, ?, ?, ?, ?)"""


def order_credit(
    connection: sqlite3.Connection, account_id: int, count: int, amount: int, now: float
) -> CreditAnswer:
    """Order SMS: credited at once, or waiting beyond the ceiling of a day."""
    ceiling, today = connection.execute(ORDERED_TODAY, (account_id, now)).fetchone()
    waiting = today + count > ceiling
    state = "waiting" if waiting else "credited"
    connection.execute(INSERT_ORDER, (account_id, now, count, amount, state))
    book = Book(connection, [account_id])
    if not waiting:
        book.enter(account_id, Entry(Kind.ORDER, amount, ordered(count)))
        book.close(now)
    return CreditAnswer(waiting, book.balances[account_id])
