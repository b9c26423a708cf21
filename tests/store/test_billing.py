"""Accounts as administrators keep them: credit, orders, statements, the check."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import Engine, insert, select, update

from budstikke.domain.cet import from_wall
from budstikke.domain.ledger import Kind
from budstikke.domain.money import MICROS, micros
from budstikke.domain.queries import CreditAnswer
from budstikke.provisioning.acts import AdminError
from budstikke.provisioning.billing import (
    Waiting,
    credit,
    decide,
    statement,
    waiting_orders,
)
from budstikke.store import schema
from budstikke.store.admin import open_engine
from budstikke.store.contract import Entry
from budstikke.store.ledger_check import check
from store.engines import catch_up

if TYPE_CHECKING:
    from collections.abc import Iterator

    from budstikke.store.contract import Store
    from store.engines import Engine as Database

NOW = 1_795_345_200.0
"""2026-11-22 12:00 in Oslo."""


class Books:
    """A database with account ``fails`` (1) in NOK and ``resends`` (2) in SMS."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.engine: Engine = open_engine(database.url)
        for id_, currency in ((1, "NOK"), (2, "SMS")):
            self.set(schema.account, id_, currency=currency)

    def set(self, table: Any, id_: int, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(update(table).where(table.c.id == id_).values(**values))

    def add(self, table: Any, **values: Any) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table), values)
            catch_up(connection, table)

    def rows(self, table: Any, *names: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            columns = [table.c[name] for name in names]
            found = connection.execute(select(*columns).order_by(table.c.id))
            return [tuple(row) for row in found]

    @contextmanager
    def serving(self) -> Iterator[tuple[asyncio.Runner, Store]]:
        """Hold the database open as a gateway does."""
        store = self.database.store()
        with asyncio.Runner() as runner:
            runner.run(store.open(NOW))
            yield runner, store
            runner.run(store.close())

    def post(self, wall: str, kind: str, amount: str, **more: Any) -> None:
        """Write an entry as the gateway does, at a time in Oslo."""
        at = from_wall(datetime.fromisoformat(wall))
        account_id = more.pop("account_id", 1)
        with self.serving() as (runner, store):
            entry = Entry(kind, micros(amount), **more)
            runner.run(store.post_entries(account_id, [entry], at))

    def faults(self) -> dict[str, list[str]]:
        return {found.name: found.faults for found in check(self.engine)}


@pytest.fixture
def books(engine: Database) -> Iterator[Books]:
    books = Books(engine)
    yield books
    books.engine.dispose()


def pay(books: Books, amount: int, name: str = "fails") -> int:
    balance, _ = credit(
        books.engine, name, amount, note="invoice 1", actor="kari", now=NOW
    )
    return balance


# Credit


def test_payments_and_adjustments(books: Books) -> None:
    assert 5 * MICROS == pay(books, 5 * MICROS)
    assert -2 * MICROS == pay(books, -7 * MICROS)
    assert [
        (1, NOW, "payment", 5 * MICROS, 5 * MICROS, "invoice 1"),
        (1, NOW, "adjustment", -7 * MICROS, -2 * MICROS, "invoice 1"),
    ] == books.rows(
        schema.ledger, "account_id", "at", "kind", "amount", "balance", "note"
    )
    assert [
        ("kari", "payment of 5000000 micros to account fails"),
        ("kari", "adjustment of -7000000 micros to account fails"),
    ] == books.rows(schema.audit, "actor", "act")
    assert {"fails": [], "resends": []} == books.faults()


def test_credit_counts_at_once_while_a_gateway_serves(books: Books) -> None:
    with books.serving() as (runner, store):
        assert 0 == runner.run(store.post_entries(1, [], NOW))
        pay(books, 5 * MICROS)
        assert 5 * MICROS == runner.run(store.post_entries(1, [], NOW))
        entry = Entry(Kind.CHARGE, -2 * MICROS, messages=1)
        runner.run(store.post_entries(1, [entry], NOW))
        assert 4 * MICROS == pay(books, MICROS)
    assert [] == books.faults()["fails"]


def test_credit_for_whom_it_cannot_be(books: Books) -> None:
    books.set(schema.account, 1, currency="")
    with pytest.raises(AdminError, match=r"^account fails has no currency"):
        pay(books, 1)
    with pytest.raises(AdminError, match=r"^there is no account nobody$"):
        pay(books, 1, "nobody")
    assert [] == books.rows(schema.ledger, "id")


# Orders of SMS


def test_an_order_that_waits_is_approved(books: Books) -> None:
    books.set(schema.account, 2, order_ceiling=1000)
    with books.serving() as (runner, store):
        for count in (800, 300):
            runner.run(store.order_credit(2, count, count * MICROS, NOW))
        assert 800 * MICROS == runner.run(store.post_entries(2, [], NOW))
    waiting = Waiting(2, "resends", "SMS", NOW, 300, 300 * MICROS)
    assert [waiting] == waiting_orders(books.engine)
    balance = decide(books.engine, 2, approve=True, actor="kari", now=NOW + 9)
    assert 1100 * MICROS == balance
    assert [] == waiting_orders(books.engine)
    assert [
        (NOW, "order", 800 * MICROS, "800 SMS ordered"),
        (NOW + 9, "order", 300 * MICROS, "300 SMS ordered"),
    ] == books.rows(schema.ledger, "at", "kind", "amount", "note")
    assert [("kari", "credited order 2")] == books.rows(schema.audit, "actor", "act")
    assert [] == books.faults()["resends"]


def test_an_order_that_waits_is_refused(books: Books) -> None:
    books.set(schema.account, 2, order_ceiling=0)
    with books.serving() as (runner, store):
        answer = runner.run(store.order_credit(2, 500, 500 * MICROS, NOW))
    assert CreditAnswer(waiting=True, balance=0) == answer
    assert 0 == decide(books.engine, 1, approve=False, actor="kari", now=NOW)
    assert [("refused",)] == books.rows(schema.credit_order, "state")
    assert [] == books.rows(schema.ledger, "id")


@pytest.mark.parametrize("approve", [True, False])
def test_an_order_is_decided_once(books: Books, *, approve: bool) -> None:
    books.set(schema.account, 2, order_ceiling=0)
    with books.serving() as (runner, store):
        runner.run(store.order_credit(2, 500, 500 * MICROS, NOW))
    decide(books.engine, 1, approve=approve, actor="kari", now=NOW)
    for order_id in (1, 2):
        with pytest.raises(AdminError, match=rf"^no order {order_id} is waiting$"):
            decide(books.engine, order_id, approve=True, actor="kari", now=NOW)


# Statements


def lines(books: Books, month: str, name: str = "fails") -> list[tuple[Any, ...]]:
    _, found = statement(books.engine, name, date.fromisoformat(f"{month}-01"))
    return [
        (
            str(line.day)[5:],
            line.kind,
            line.note,
            line.messages,
            None if line.amount is None else line.amount / MICROS,
            line.balance / MICROS,
        )
        for line in found
    ]


def test_a_month(books: Books) -> None:
    books.post("2026-10-31T23:59:59", "payment", "100")
    books.post("2026-11-01T00:00:00", "charge", "-10", messages=5)
    books.post("2026-11-01T12:00:00", "fee", "-3", note="hosting 2026-11")
    books.post("2026-11-01T23:59:59", "charge", "-1.5", messages=2)
    books.post("2026-11-01T23:59:59", "refund", "0.5", messages=1)
    books.post("2026-11-02T00:00:00", "charge", "-2", messages=1)
    books.post("2026-11-30T23:59:59", "payment", "50", note="invoice 2")
    books.post("2026-12-01T00:00:00", "charge", "-4", messages=1)
    assert [
        ("11-01", "opening", "", None, None, 100.0),
        ("11-01", "fee", "hosting 2026-11", None, -3.0, 97.0),
        ("11-01", "charge", "", 7, -11.5, 85.5),
        ("11-01", "refund", "", 1, 0.5, 86.0),
        ("11-02", "charge", "", 1, -2.0, 84.0),
        ("11-30", "payment", "invoice 2", None, 50.0, 134.0),
        ("11-30", "closing", "", None, None, 134.0),
    ] == lines(books, "2026-11")
    assert [
        ("12-01", "opening", "", None, None, 134.0),
        ("12-01", "charge", "", 1, -4.0, 130.0),
        ("12-31", "closing", "", None, None, 130.0),
    ] == lines(books, "2026-12")
    assert [
        ("10-01", "opening", "", None, None, 0.0),
        ("10-31", "payment", "", None, 100.0, 100.0),
        ("10-31", "closing", "", None, None, 100.0),
    ] == lines(books, "2026-10")


def test_months_in_summer_begin_at_midnight_in_oslo(books: Books) -> None:
    books.post("2026-06-30T23:59:59", "charge", "-1", messages=1)
    books.post("2026-07-01T00:00:00", "charge", "-2", messages=1)
    assert [("06-30", -1.0)] == [row[0:5:4] for row in lines(books, "2026-06")[1:-1]]
    assert [("07-01", -2.0)] == [row[0:5:4] for row in lines(books, "2026-07")[1:-1]]


def test_a_month_without_entries_and_others_accounts(books: Books) -> None:
    books.post("2026-11-05T12:00:00", "payment", "9", account_id=2)
    nothing = [
        ("11-01", "opening", "", None, None, 0.0),
        ("11-30", "closing", "", None, None, 0.0),
    ]
    assert nothing == lines(books, "2026-11")
    assert 3 == len(lines(books, "2026-11", "resends"))
    with pytest.raises(AdminError, match="there is no account nobody"):
        lines(books, "2026-11", "nobody")


# The check


def test_accounts_without_entries_are_right(books: Books) -> None:
    assert {"fails": [], "resends": []} == books.faults()


def message(books: Books, price: int, **more: Any) -> None:
    columns: dict[str, Any] = dict.fromkeys(
        ("recipient", "originator", "encoding", "reason", "raw"), ""
    )
    columns |= dict.fromkeys(
        ("segments", "parts", "flash", "protocol_id", "priority", "notify_on"), 1
    )
    columns |= {"id": 2000, "order_id": 2000, "access_id": 1, "account_id": 1}
    columns |= {"accepted_at": NOW, "expires_at": NOW, "state": "accepted"}
    books.add(schema.message, **{**columns, "price": price, **more})


@pytest.mark.parametrize(
    ("table", "id_", "values", "expected"),
    [
        (
            schema.account,
            1,
            {"balance": 6},
            "the ledger sums to 5, the balance is 6",
        ),
        (schema.ledger, 1, {"balance": 4}, "entry 1 does not follow from the one befo"),
        (schema.account, 1, {"currency": ""}, "has a ledger but no currency"),
    ],
)
def test_what_was_tampered_with_is_found(
    books: Books, table: Any, id_: int, values: dict[str, Any], expected: str
) -> None:
    pay(books, 5)
    books.set(table, id_, **values)
    (fault,) = books.faults()["fails"]
    assert expected == fault[: len(expected)]
    assert [] == books.faults()["resends"]


def test_an_entry_that_is_gone_is_found(books: Books) -> None:
    for amount in (5, 6, 7):
        pay(books, amount)
    with books.engine.begin() as connection:
        connection.execute(schema.ledger.delete().where(schema.ledger.c.id == 2))
    assert [
        "the ledger sums to 12, the balance is 18",
        "entry 3 does not follow from the one before",
    ] == books.faults()["fails"]


def test_messages_cost_no_more_than_was_charged(books: Books) -> None:
    books.post("2026-11-22T12:00:00", "charge", "-0.00001", messages=1)
    message(books, 10)
    assert [] == books.faults()["fails"]
    message(books, 1, id=2001)
    assert ["messages cost 11, charged 10"] == books.faults()["fails"]


def test_messages_to_be_made_are_counted(books: Books) -> None:
    books.post("2026-11-22T12:00:00", "charge", "-0.00003", messages=3)
    order = {"id": 3000, "access_id": 1, "accepted_at": NOW, "first_id": 3001}
    content = msgspec.json.encode({"prices": [10, 10, 10]}).decode()
    rest = {"total": 3, "done": 1, "content": content, "recipients": "[]"}
    books.add(schema.bulk, **order, **rest, node_id=1)
    message(books, 10)
    assert [] == books.faults()["fails"]
    books.set(schema.bulk, 3000, done=0)
    assert ["messages cost 40, charged 30"] == books.faults()["fails"]
    books.set(schema.bulk, 3000, cancelled=True)
    assert [] == books.faults()["fails"]


def test_a_message_that_was_given_back_twice_is_found(books: Books) -> None:
    for _ in range(2):
        books.post("2026-11-22T12:00:00", "refund", "0.4", message_id=7, messages=1)
    faults = books.faults()["fails"]
    assert "message 7 was refunded twice" in faults
