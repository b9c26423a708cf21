"""``budstikke route``: which route a message would take."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from budstikke.cli.context import carrier_kinds, dialect_settings, read_settings

if TYPE_CHECKING:
    from budstikke.cli.context import Add
    from budstikke.domain.directory import Account, Directory
    from budstikke.domain.queries import RouteTestAnswer


def add_commands(add: Add) -> argparse.ArgumentParser:
    """Add the command; returns it."""
    route = add("route", _route, "Show which route a message would take.")
    route.add_argument("number", metavar="NUMBER", help="the recipient")
    route.add_argument("--account", metavar="NAME", required=True)
    route.add_argument("--sender", metavar="SENDER", default="")
    route.add_argument(
        "--kind", choices=("sms", "mms", "flash", "premium"), default="sms"
    )
    route.add_argument(
        "--at",
        type=_at,
        metavar="TIME",
        help="when it is due, such as 2026-12-24T18:00 (default: now)",
    )
    return route


def _route(args: argparse.Namespace) -> int:
    from budstikke.domain.directory import sorted_by_kind
    from budstikke.domain.queries import RouteTest
    from budstikke.domain.refusal import Refusal
    from budstikke.flow.route_dry_run import dry_run
    from budstikke.store.directory import directory_of
    from budstikke.store.schema_check import check

    settings = read_settings(args)
    check(settings.database_url)
    stored = directory_of(settings.database_url, dialect_settings())
    directory = sorted_by_kind(stored, carrier_kinds())
    account = _account(directory, args.account)
    query = RouteTest(args.number, args.sender, args.kind, args.at)
    try:
        found = dry_run(query, account, directory, time.time())
    except Refusal as refusal:
        why = f"{refusal.code.value} {refusal.value}"
        print(f"the gateway would refuse the message: {why}", file=sys.stderr)
        return 1
    print("\n".join(_lines(found)))
    return 0


def _account(directory: Directory, name: str) -> Account:
    from budstikke.provisioning.acts import AdminError

    for access in directory.accesses.values():
        if access.account.name == name:
            return access.account
    raise AdminError(f"no account {name!r} has an access")


def _lines(found: RouteTestAnswer) -> list[str]:
    from budstikke.domain.money import shown

    carriers = list(found.carriers)
    if found.weights:
        pairs = zip(carriers, found.weights, strict=True)
        carriers = [f"{name} (weight {weight})" for name, weight in pairs]
    price = shown(found.price, found.currency) if found.currency else "nothing"
    lines = [
        f"recipient  {found.recipient}",
        f"rule       {found.rule}",
        f"carriers   {', '.join(carriers)}",
        f"price      {price}",
    ]
    return lines + ([f"operator   {found.operator}"] if found.operator else [])


def _at(text: str) -> float:
    from datetime import datetime

    from budstikke.domain.cet import from_wall

    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"not a time: {text!r}") from error
    return from_wall(at) if at.tzinfo is None else at.timestamp()
