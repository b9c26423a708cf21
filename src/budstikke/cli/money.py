"""Commands about money: ``credit``, ``orders``, ``statement`` and ``ledger``."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import date
from typing import TYPE_CHECKING

from budstikke.cli.context import actor, open_database, read_settings
from budstikke.cli.inbound import row_id

if TYPE_CHECKING:
    from budstikke.cli.context import Add


def add_commands(add: Add) -> tuple[argparse.ArgumentParser, ...]:
    """Add the commands; returns those that read settings."""
    credit = add(
        "credit", _credit, "Enter a payment or an adjustment in an account's ledger."
    )
    credit.add_argument("account", metavar="ACCOUNT")
    credit.add_argument(
        "amount",
        type=_amount,
        metavar="AMOUNT",
        help="in the account's currency; negative: an adjustment",
    )
    credit.add_argument(
        "--note", default="", metavar="TEXT", help="the note on the statement"
    )
    orders = add(
        "orders",
        _orders,
        "Show the waiting orders of SMS credit; credit or refuse one.",
    )
    decision = orders.add_mutually_exclusive_group()
    decision.add_argument(
        "--approve", type=row_id, metavar="ID", help="credit this order"
    )
    decision.add_argument(
        "--refuse", type=row_id, metavar="ID", help="refuse this order"
    )
    statement = add("statement", _statement, "Print an account's month as CSV.")
    statement.add_argument("account", metavar="ACCOUNT")
    statement.add_argument(
        "--month", type=_month, metavar="YYYY-MM", required=True, help="the month"
    )
    ledger = add(
        "ledger", _ledger, "Check that every balance is the sum of its ledger."
    )
    return credit, orders, statement, ledger


def _credit(args: argparse.Namespace) -> int:
    """Write a ledger entry."""
    from budstikke.domain.money import shown
    from budstikke.provisioning.billing import credit

    with open_database(read_settings(args)) as engine:
        balance, currency = credit(
            engine,
            args.account,
            args.amount,
            note=args.note,
            actor=actor(),
            now=time.time(),
        )
    print(f"{args.account}: {shown(balance, currency)}")
    return 0


def _orders(args: argparse.Namespace) -> int:
    """Show orders, or decide one."""
    from budstikke.domain.cet import to_zone
    from budstikke.domain.money import shown
    from budstikke.provisioning.billing import decide, waiting_orders

    chosen = args.refuse if args.approve is None else args.approve
    with open_database(read_settings(args)) as engine:
        if chosen is not None:
            approve = args.approve is not None
            now = time.time()
            decide(engine, chosen, approve=approve, actor=actor(), now=now)
        for order in waiting_orders(engine):
            at = f"{to_zone(order.at):%Y-%m-%d %H:%M %Z}"
            worth = shown(order.amount, order.currency)
            print(f"{order.id}  {at}  {order.account}  {order.count} SMS  {worth}")
    return 0


def _statement(args: argparse.Namespace) -> int:
    """Print a month."""
    import csv

    from budstikke.domain.money import SMS, decimal
    from budstikke.provisioning.billing import statement

    with open_database(read_settings(args)) as engine:
        currency, lines = statement(engine, args.account, args.month)
    places = 0 if currency == SMS else 2
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("date", "kind", "note", "messages", "amount", "balance"))
    for line in lines:
        count = "" if line.messages is None else line.messages
        amount = "" if line.amount is None else decimal(line.amount, places)
        balance = decimal(line.balance, places)
        writer.writerow((line.day, line.kind, line.note, count, amount, balance))
    return 0


def _ledger(args: argparse.Namespace) -> int:
    """Check all accounts; 1: one is wrong."""
    from budstikke.domain.money import shown
    from budstikke.store.ledger_check import check

    with open_database(read_settings(args)) as engine:
        books = check(engine)
    wrong = False
    for account in books:
        for fault in account.faults:
            print(f"wrong  {account.name}: {fault} (micros)")
            wrong = True
        if not account.faults and account.currency:
            balance = shown(account.balance, account.currency)
            print(f"ok     {account.name}: {account.entries} entries, {balance}")
    return 1 if wrong else 0


def _amount(text: str) -> int:
    from budstikke.domain.money import micros

    try:
        amount = micros(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not amount:
        raise argparse.ArgumentTypeError("nothing to write")
    return amount


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not YYYY-MM: {text!r}") from error
