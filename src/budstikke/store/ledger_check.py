"""
Check the ledger: every balance must be the sum of its entries.

It reads all of the ledger and all messages in one state of the database, and changes
nothing; a gateway may run meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Connection, Engine, case, func, select

from budstikke.domain.ledger import Kind
from budstikke.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(slots=True)
class Checked:
    """
    The result for an account; amounts are micros.

    Attributes:
        entries: Entries of its ledger.
        charged: Charges for messages less refunds.
        cost: Prices of its stored messages, and of those still to be made.
        faults: Faults, for people; none: the ledger is right.

    """

    name: str
    currency: str
    balance: int
    entries: int = 0
    charged: int = 0
    cost: int = 0
    faults: list[str] = field(default_factory=list)


def check(engine: Engine) -> list[Checked]:
    """Check every account, in order of name."""
    with engine.connect() as connection:
        return check_in(connection)


def check_in(connection: Connection) -> list[Checked]:
    """Check every account, within a transaction."""
    found = dict(_sums(connection))
    for account_id, entry_id in _jumps(connection):
        fault = f"entry {entry_id} does not follow from the one before"
        found[account_id].faults.append(fault)
    for account_id, message_id in _twice(connection):
        fault = f"message {message_id} was refunded twice"
        found[account_id].faults.append(fault)
    for account_id, price in _prices(connection).items():
        if account_id in found:
            found[account_id].cost = price
    for account_id, charged in _charged(connection).items():
        checked = found[account_id]
        checked.charged = charged
        if charged < checked.cost:
            fault = f"messages cost {checked.cost}, charged {charged}"
            checked.faults.append(fault)
    return sorted(found.values(), key=lambda checked: checked.name)


def _sums(connection: Connection) -> Iterator[tuple[int, Checked]]:
    account, ledger = schema.account.c, schema.ledger.c
    rows = connection.execute(
        select(
            account.id,
            account.name,
            account.currency,
            account.balance,
            func.count(ledger.id),
            func.coalesce(func.sum(ledger.amount), 0),
        )
        .outerjoin(schema.ledger, ledger.account_id == account.id)
        .group_by(account.id)
    )
    for id_, name, currency, balance, entries, total in rows:
        checked = Checked(name, currency, balance, entries)
        if total != balance:
            checked.faults.append(
                f"the ledger sums to {total}, the balance is {balance}"
            )
        if entries and not currency:
            checked.faults.append("has a ledger but no currency")
        yield id_, checked


def _jumps(connection: Connection) -> list[tuple[int, int]]:
    """Find entries whose balance is not the previous one plus their amount."""
    ledger = schema.ledger.c
    before = func.lag(ledger.balance, 1, 0).over(
        partition_by=ledger.account_id, order_by=ledger.id
    )
    entry = select(
        ledger.account_id,
        ledger.id,
        (before + ledger.amount).label("due"),
        ledger.balance,
    ).subquery()
    rows = connection.execute(
        select(entry.c.account_id, entry.c.id).where(entry.c.balance != entry.c.due)
    )
    return [(account_id, entry_id) for account_id, entry_id in rows]


def _twice(connection: Connection) -> list[tuple[int, int]]:
    ledger = schema.ledger.c
    rows = connection.execute(
        select(func.min(ledger.account_id), ledger.message_id)
        .where(ledger.kind == Kind.REFUND, ledger.message_id.is_not(None))
        .group_by(ledger.message_id)
        .having(func.count() > 1)
    )
    return [(account_id, message_id) for account_id, message_id in rows]


def _charged(connection: Connection) -> dict[int, int]:
    """Sum charges for messages less refunds."""
    ledger = schema.ledger.c
    paid = case((ledger.kind.in_([Kind.CHARGE, Kind.REFUND]), -ledger.amount), else_=0)
    account = schema.account.c
    rows = connection.execute(
        select(account.id, func.coalesce(func.sum(paid), 0))
        .outerjoin(schema.ledger, ledger.account_id == account.id)
        .group_by(account.id)
    )
    return dict(rows.all())


class _Shared(msgspec.Struct):
    """The price of each message of a bulk order."""

    prices: list[int] = []


_shared = msgspec.json.Decoder(_Shared).decode


def _prices(connection: Connection) -> Mapping[int, int]:
    """Sum the prices of stored messages, and of those still to be made."""
    message, bulk, access = schema.message.c, schema.bulk.c, schema.access.c
    rows = connection.execute(
        select(message.account_id, func.sum(message.price)).group_by(message.account_id)
    )
    found = dict(rows.all())
    unmade = connection.execute(
        select(access.account_id, bulk.content, bulk.done)
        .join(schema.access, access.id == bulk.access_id)
        .where(bulk.done < bulk.total, bulk.cancelled.is_(False))
    )
    for account_id, content, done in unmade:
        rest = sum(_shared(content).prices[done:])
        found[account_id] = found.get(account_id, 0) + rest
    return found
