"""Handlers of the balance and the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.dialects.native import cursors
from budstikke.dialects.native.exchange import Reply, ask
from budstikke.dialects.native.shapes import Balance, Ledger, LedgerEntry
from budstikke.dialects.native.webhook import moment
from budstikke.domain.ledger import Kind
from budstikke.domain.listing import LedgerPage, LedgerQuery
from budstikke.domain.money import decimal
from budstikke.domain.queries import BalanceAnswer, BalanceQuery

if TYPE_CHECKING:
    from budstikke.dialects.native.exchange import Exchange, Work
    from budstikke.dialects.native.shapes import PageQuery
    from budstikke.domain import listing


def get_balance(_exchange: Exchange) -> Work[Reply]:
    """Show the account's balance."""
    answer = yield from ask(BalanceQuery(), BalanceAnswer)
    return Reply(
        Balance(
            balance=decimal(answer.balance) if answer.currency else None,
            currency=answer.currency or None,
            prepaid=answer.prepaid,
            home_price=decimal(answer.home_price) if answer.home_price else None,
        )
    )


def list_ledger(exchange: Exchange) -> Work[Reply]:
    """List the ledger, newest first."""
    query: PageQuery = exchange.query
    asked = LedgerQuery(limit=query.limit, before=cursors.read_id(query.cursor))
    page = yield from ask(asked, LedgerPage)
    data = [_entry(entry) for entry in page.entries]
    return Reply(Ledger(data=data, next_cursor=cursors.write(page.next)))


def _entry(entry: listing.LedgerEntry) -> LedgerEntry:
    return LedgerEntry(
        id=entry.id,
        at=moment(entry.at),
        kind=Kind(entry.kind),
        amount=decimal(entry.amount),
        balance=decimal(entry.balance),
        order_id=entry.order_id,
        message_id=entry.message_id,
        note=entry.note,
    )
