"""
Acts of administrators about money: credit, orders of SMS, statements.

Everything here blocks, and is never on the message path.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Engine,
    Integer,
    cast,
    func,
    insert,
    select,
    update,
)

from budstikke.domain.fees import day_of, midnight
from budstikke.domain.ledger import Kind, ordered
from budstikke.provisioning.acts import AdminError, write_audit
from budstikke.store import schema
from budstikke.store.admin import immediate

if TYPE_CHECKING:
    from collections.abc import Iterator

QUARTER = 900
"""Seconds; every zone's days begin at a quarter of an hour."""

DAILY = (Kind.CHARGE, Kind.REFUND)
"""Kinds with one line a day in a statement."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An order of SMS that waits for an administrator; ``amount`` is micros."""

    id: int
    account: str
    currency: str
    at: float
    count: int
    amount: int


@dataclass(frozen=True, slots=True)
class Line:
    """
    A line of a statement.

    Attributes:
        kind: ``domain.ledger.Kind`` value, or ``opening`` or ``closing``.
        messages: Messages that it is for; ``None``: it is not for messages.
        amount: Micros, signed; ``None``: the line only has the balance.
        balance: Micros, after it.

    """

    day: date
    kind: str
    note: str
    messages: int | None
    amount: int | None
    balance: int


def credit(
    engine: Engine, name: str, amount: int, *, note: str, actor: str, now: float
) -> tuple[int, str]:
    """
    Write a payment, or, if ``amount`` (micros) is negative, an adjustment.

    Returns the balance, micros, and its currency. Raises AdminError.
    """
    kind = Kind.PAYMENT if amount > 0 else Kind.ADJUSTMENT
    with immediate(engine) as connection:
        account = _find(connection, name)
        if not account.currency:
            raise AdminError(f"account {name} has no currency: nothing is charged")
        balance = _enter(connection, account.id, (kind, amount, note), now)
        act = f"{kind} of {amount} micros to account {name}"
        write_audit(connection, actor, [act], now)
    return balance, account.currency


def waiting_orders(engine: Engine) -> list[Waiting]:
    """List the orders of SMS that wait, the oldest first."""
    account, order = schema.account.c, schema.credit_order.c
    columns = (order.id, account.name, account.currency)
    with engine.connect() as connection:
        rows = connection.execute(
            select(*columns, order.at, order["count"], order.amount)
            .join(schema.account, account.id == order.account_id)
            .where(order.state == "waiting")
            .order_by(order.id)
        )
        return [Waiting(*row) for row in rows]


def decide(
    engine: Engine, order_id: int, *, approve: bool, actor: str, now: float
) -> int:
    """
    Credit or refuse an order of SMS that waits.

    Returns the account's balance, micros. Raises AdminError if it does not wait.
    """
    table = schema.credit_order
    state = "credited" if approve else "refused"
    with immediate(engine) as connection:
        order = connection.execute(
            select(table).where(table.c.id == order_id, table.c.state == "waiting")
        ).one_or_none()
        if order is None:
            raise AdminError(f"no order {order_id} is waiting")
        change = update(table).where(table.c.id == order_id).values(state=state)
        connection.execute(change)
        write_audit(connection, actor, [f"{state} order {order_id}"], now)
        if not approve:
            return _balance(connection, order.account_id)
        note = ordered(order._mapping["count"])  # noqa: SLF001 - SQLAlchemy's API
        entry = Kind.ORDER, order.amount, note
        return _enter(connection, order.account_id, entry, now)


def statement(engine: Engine, name: str, month: date) -> tuple[str, list[Line]]:
    """
    Write an account's month, in Oslo's days; ``month`` is its first day.

    Charges and refunds have one line a day, all other entries one of their own.
    Returns the currency and the lines. Raises AdminError for an unknown account.
    """
    after = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    begin, end = midnight(month), midnight(after)
    ledger = schema.ledger.c
    with engine.connect() as connection:
        account = _find(connection, name)
        mine = ledger.account_id == account.id
        since = select(func.coalesce(func.sum(ledger.amount), 0))
        later = connection.scalar(since.where(mine, ledger.at >= begin))
        balance = account.balance - int(later or 0)
        entries = [
            *_single(connection, account.id, begin, end),
            *_by_day(connection, account.id, begin, end),
        ]
    lines = [Line(month, "opening", "", None, None, balance)]
    for day, kind, note, messages, amount in sorted(entries, key=_place):
        balance += amount
        lines.append(Line(day, kind, note, messages, amount, balance))
    last = day_of(end - 1)
    return account.currency, [*lines, Line(last, "closing", "", None, None, balance)]


_Entry = tuple[date, str, str, int | None, int]


def _place(entry: _Entry) -> tuple[date, bool, str]:
    """Sort key: a day's line of charges or refunds comes after its other entries."""
    return entry[0], entry[1] in DAILY, entry[1] if entry[1] in DAILY else ""


def _single(
    connection: Connection, account_id: int, begin: float, end: float
) -> Iterator[_Entry]:
    ledger = schema.ledger.c
    rows = connection.execute(
        select(ledger.at, ledger.kind, ledger.note, ledger.amount)
        .where(
            ledger.account_id == account_id,
            ledger.at >= begin,
            ledger.at < end,
            ledger.kind.not_in(DAILY),
        )
        .order_by(ledger.at, ledger.id)
    )
    for row in rows:
        yield day_of(row.at), row.kind, row.note, None, row.amount


def _by_day(
    connection: Connection, account_id: int, begin: float, end: float
) -> Iterator[_Entry]:
    """Sum charges and refunds by day: the database sums quarters of an hour."""
    ledger = schema.ledger.c
    place = ledger.at / QUARTER
    if connection.dialect.name == "postgresql":
        place = func.floor(place)  # PostgreSQL rounds where SQLite truncates
    quarter = cast(place, Integer)
    sums = [cast(func.sum(c), BigInteger) for c in (ledger.messages, ledger.amount)]
    rows = connection.execute(
        select(quarter, ledger.kind, *sums)
        .where(
            ledger.account_id == account_id,
            ledger.at >= begin,
            ledger.at < end,
            ledger.kind.in_(DAILY),
        )
        .group_by(quarter, ledger.kind)
    )
    days: dict[tuple[date, str], tuple[int, int]] = {}
    for at, kind, messages, amount in rows:
        key = day_of(at * QUARTER), kind
        had = days.get(key, (0, 0))
        days[key] = had[0] + messages, had[1] + amount
    for (day, kind), (messages, amount) in days.items():
        yield day, kind, "", messages, amount


def _find(connection: Connection, name: str) -> Any:
    account = schema.account
    row = connection.execute(
        select(account).where(account.c.name == name)
    ).one_or_none()
    if row is None:
        raise AdminError(f"there is no account {name}")
    return row


def _balance(connection: Connection, account_id: int) -> int:
    """Read a balance; it is locked until this transaction ends."""
    account = schema.account.c
    balance = select(account.balance).where(account.id == account_id)
    return int(connection.scalar(balance.with_for_update()) or 0)


def _enter(
    connection: Connection, account_id: int, entry: tuple[Kind, int, str], now: float
) -> int:
    """Write a ledger entry, in a transaction that may write; returns the balance."""
    kind, amount, note = entry
    balance = _balance(connection, account_id) + amount
    row = {"account_id": account_id, "at": now, "kind": kind.value, "note": note}
    amounts = {"amount": amount, "balance": balance}
    connection.execute(insert(schema.ledger), {**row, **amounts})
    account = schema.account
    connection.execute(
        update(account).where(account.c.id == account_id).values(balance=balance)
    )
    return balance
