"""Money on its way through a store: prices, balances, and the proof that they agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, update

from budstikke.domain.ledger import Kind
from budstikke.domain.message import Order
from budstikke.domain.staging import OrderContext
from budstikke.store import schema
from budstikke.store.admin import open_engine
from budstikke.store.contract import BulkProgress, BulkRow, Charge, Draft, Entry
from budstikke.store.ledger_check import check
from store.engines import catch_up, rows
from store.path import NOW, RECIPIENT, Path

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.engines import Engine


async def pay_in(path: Path, amount: int, account_id: int = 1) -> None:
    """Have an account pay so many micros."""
    await path.store.post_entries(account_id, [Entry(Kind.PAYMENT, amount)], NOW)


async def balance(path: Path, account_id: int = 1) -> int:
    """Read a balance, micros."""
    return await path.store.post_entries(account_id, [], NOW)


def priced(
    path: Path, *prices: int, credit: int = 0, refund: int = 1, **columns: Any
) -> Draft:
    """Draft a message of account 1 for each price."""
    first = path.store.reserve_ids(len(prices))
    draft = path.draft(first, *[RECIPIENT] * len(prices), **columns)
    for row, price in zip(draft.messages, prices, strict=True):
        row.account_id, row.price, row.refund = 1, price, refund
        row.send_at = columns.get("due_at")
    draft.charge = Charge(1, first, credit)
    return draft


def large(path: Path, prices: Sequence[int], **order: Any) -> BulkRow:
    """Make a bulk order of account 1 with a message for each price."""
    order_id = path.store.reserve_ids(len(prices) + 1)
    bare = Order(recipients=(), text="x", originator="B", **order)
    shared = OrderContext("B", bare, 1, NOW, NOW + 86400, prices)
    numbers = [f"+47999{n:05}" for n in range(len(prices))]
    return BulkRow(
        order_id,
        1,
        NOW,
        order_id + 1,
        len(prices),
        0,
        msgspec.json.encode(shared),
        msgspec.json.encode(numbers),
        Charge(1, order_id, 0, sum(prices)),
    )


def slice_of(path: Path, row: BulkRow, prices: Sequence[int], start: int) -> Draft:
    """Draft the messages of a bulk order from ``start`` on, as its maker does."""
    recipients = [f"+47999{n:05}" for n in range(start, start + len(prices))]
    draft = path.draft(row.first_id + start, *recipients)
    for message, price in zip(draft.messages, prices, strict=True):
        message.order_id, message.account_id, message.price = row.id, 1, price
    draft.progress = BulkProgress(row.id, start + len(prices))
    return draft


def write(engine: Engine, table: Any, id_: int, **values: Any) -> None:
    """Change a row behind the store's back, as administration does."""
    database = open_engine(engine.url)
    with database.begin() as connection:
        connection.execute(update(table).where(table.c.id == id_).values(**values))
    database.dispose()


def add(engine: Engine, table: Any, *others: dict[str, Any], **values: Any) -> None:
    """Add a row behind the store's back; ``others``: what differs in more of them."""
    database = open_engine(engine.url)
    with database.begin() as connection:
        connection.execute(insert(table), [values | other for other in others or [{}]])
        catch_up(connection, table)
    database.dispose()


def faults(engine: Engine, *, purged: bool = False) -> list[str]:
    """Check the books; the store may be open. ``purged``: messages are gone."""
    for account_id in (1, 2):
        write(engine, schema.account, account_id, currency="NOK")
    database = open_engine(engine.url)
    checked = check(database)
    database.dispose()
    found = [fault for account in checked for fault in account.faults]
    if not purged:  # then all that was charged is there
        found += [a.name for a in checked if a.cost != a.charged]
    return found


def entries(engine: Engine, *names: str) -> list[tuple[Any, ...]]:
    """Read columns of the ledger, in its order."""
    return rows(engine, schema.ledger, *names)
