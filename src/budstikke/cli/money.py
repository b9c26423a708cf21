"""The commands about money: ``credit``, ``orders``, ``statement`` and ``ledger``."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

from budstikke.cli.inbound import row_id

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from budstikke.config import Settings

    Command = Callable[[argparse.Namespace], int]
    Add = Callable[[str, Command, str], argparse.ArgumentParser]
    Read = Callable[[argparse.Namespace], Settings]


class Money:
    """
    The commands.

    Args:
        settings: Reads the settings that arguments name.
        actor: Who is at the keyboard, for the audit.

    """

    def __init__(self, settings: Read, actor: Callable[[], str]) -> None:
        self._settings = settings
        self._actor = actor

    def add(self, add: Add) -> tuple[argparse.ArgumentParser, ...]:
        """Describe them; returns those that need settings."""
        credit = add("credit", self.credit, "Write a payment or an adjustment.")
        credit.add_argument("account", metavar="ACCOUNT")
        credit.add_argument(
            "amount",
            type=_amount,
            metavar="AMOUNT",
            help="in the account's currency; below zero: an adjustment",
        )
        credit.add_argument(
            "--note", default="", metavar="TEXT", help="what the statement says of it"
        )
        orders = add("orders", self.orders, "Show the orders of SMS that wait.")
        decision = orders.add_mutually_exclusive_group()
        decision.add_argument("--approve", type=row_id, metavar="ID", help="credit one")
        decision.add_argument("--refuse", type=row_id, metavar="ID", help="refuse one")
        statement = add("statement", self.statement, "Print an account's month as CSV.")
        statement.add_argument("account", metavar="ACCOUNT")
        statement.add_argument(
            "--month", type=_month, metavar="YYYY-MM", required=True, help="which"
        )
        ledger = add("ledger", self.ledger, "Prove that every ledger is right.")
        return credit, orders, statement, ledger

    @contextmanager
    def _engine(self, args: argparse.Namespace) -> Iterator[Engine]:
        settings = self._settings(args)
        from budstikke.store.admin import open_engine
        from budstikke.store.migrate import check

        check(settings.database_url)
        engine = open_engine(settings.database_url)
        try:
            yield engine
        finally:
            engine.dispose()

    def credit(self, args: argparse.Namespace) -> int:
        """Write a ledger entry."""
        from budstikke.domain.money import shown
        from budstikke.provisioning.accounts import credit

        with self._engine(args) as engine:
            balance, currency = credit(
                engine,
                args.account,
                args.amount,
                note=args.note,
                actor=self._actor(),
                now=time.time(),
            )
        print(f"{args.account}: {shown(balance, currency)}")
        return 0

    def orders(self, args: argparse.Namespace) -> int:
        """Show orders, or decide one."""
        from budstikke.domain.cet import to_zone
        from budstikke.domain.money import shown
        from budstikke.provisioning.accounts import decide, waiting_orders

        chosen = args.refuse if args.approve is None else args.approve
        with self._engine(args) as engine:
            if chosen is not None:
                approve = args.approve is not None
                now, actor = time.time(), self._actor()
                decide(engine, chosen, approve=approve, actor=actor, now=now)
            for order in waiting_orders(engine):
                at = f"{to_zone(order.at):%Y-%m-%d %H:%M %Z}"
                worth = shown(order.amount, order.currency)
                print(f"{order.id}  {at}  {order.account}  {order.count} SMS  {worth}")
        return 0

    def statement(self, args: argparse.Namespace) -> int:
        """Print a month."""
        import csv

        from budstikke.domain.money import SMS, decimal
        from budstikke.provisioning.accounts import statement

        with self._engine(args) as engine:
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

    def ledger(self, args: argparse.Namespace) -> int:
        """Check all accounts; 1: one is wrong."""
        from budstikke.domain.money import shown
        from budstikke.store.ledger_check import check

        with self._engine(args) as engine:
            found = check(engine)
        wrong = False
        for account in found:
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
        found = micros(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not found:
        raise argparse.ArgumentTypeError("nothing to write")
    return found


def _month(text: str) -> date:
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not YYYY-MM: {text!r}") from error
