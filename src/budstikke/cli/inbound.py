"""Commands for customers' requests for numbers, and for unrouted messages."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from budstikke.cli.context import actor, dialect_settings, open_database, read_settings

if TYPE_CHECKING:
    from budstikke.cli.context import Add

PAGE = 50
"""Messages that ``unrouted`` shows by default."""

SHOWN = 60
"""Characters of a text that are shown."""


def add_commands(add: Add) -> tuple[argparse.ArgumentParser, ...]:
    """Add the commands; returns those that read settings."""
    waiting = add(
        "requests",
        _requests,
        "Show customers' pending requests for numbers and keywords.",
    )
    approve = add("approve", _approve, "Approve a customer's request.")
    approve.add_argument("id", type=row_id, metavar="ID")
    approve.add_argument(
        "--number",
        default="",
        metavar="NUMBER",
        help="the number to give it, or the shared number of a keyword",
    )
    approve.add_argument(
        "--answer", default="", metavar="TEXT", help="the answer that the customer sees"
    )
    refuse = add("refuse", _refuse, "Refuse a customer's request.")
    refuse.add_argument("id", type=row_id, metavar="ID")
    refuse.add_argument(
        "--answer",
        required=True,
        metavar="TEXT",
        help="the answer that the customer sees",
    )
    return waiting, approve, refuse, *_add_unrouted(add)


def _add_unrouted(add: Add) -> tuple[argparse.ArgumentParser, ...]:
    unrouted = add(
        "unrouted", _unrouted, "Show inbound messages that no rule gave to an access."
    )
    unrouted.add_argument(
        "--before", type=row_id, metavar="ID", help="only messages older than this one"
    )
    unrouted.add_argument(
        "--limit",
        type=int,
        default=PAGE,
        metavar="N",
        help=f"show at most N messages ({PAGE})",
    )
    unrouted.add_argument(
        "--show-text", action="store_true", help="show the beginning of each text"
    )
    assign = add("assign", _assign, "Give an unrouted message to an access.")
    assign.add_argument("id", type=row_id, metavar="ID")
    assign.add_argument(
        "--access",
        required=True,
        metavar="DIALECT:ID",
        help="the access that gets the message",
    )
    return unrouted, assign


def _requests(args: argparse.Namespace) -> int:
    """Show the pending requests."""
    from budstikke.domain.cet import to_zone
    from budstikke.provisioning.number_requests import waiting_requests

    with open_database(read_settings(args)) as engine:
        for each in waiting_requests(engine):
            at = f"{to_zone(each.at):%Y-%m-%d %H:%M %Z}"
            wanted = " ".join(filter(None, (each.kind, each.number, each.word)))
            note = _shown(each.note)
            line = (str(each.id), at, each.account, each.access, wanted, note)
            print("  ".join(filter(None, line)))
    return 0


def _approve(args: argparse.Namespace) -> int:
    """Approve a request: make the number or keyword."""
    from budstikke.provisioning.number_requests import approve

    with open_database(read_settings(args)) as engine:
        given = approve(
            engine,
            args.id,
            number=args.number,
            answer=args.answer,
            dialects=dialect_settings(),
            actor=actor(),
            now=time.time(),
        )
    print(given)
    return 0


def _refuse(args: argparse.Namespace) -> int:
    """Refuse a request."""
    from budstikke.provisioning.number_requests import refuse

    with open_database(read_settings(args)) as engine:
        refuse(engine, args.id, answer=args.answer, actor=actor(), now=time.time())
    return 0


def _unrouted(args: argparse.Namespace) -> int:
    """Show unrouted messages, newest first; their texts only with ``--show-text``."""
    from budstikke.domain.cet import to_zone
    from budstikke.provisioning.unrouted import list_unrouted

    with open_database(read_settings(args)) as engine:
        messages = list_unrouted(
            engine, limit=min(max(args.limit, 1), 1_000_000), before=args.before
        )
    for each in messages:
        at = f"{to_zone(each.at):%Y-%m-%d %H:%M:%S %Z}"
        text = _shown(each.text) if args.show_text else f"[{len(each.text)}]"
        way = f"{each.originator} -> {each.recipient}"
        state = "assigned" if each.assigned else ""
        line = (str(each.id), at, way, each.kind, text, state)
        print("  ".join(filter(None, line)))
    return 0


def _assign(args: argparse.Namespace) -> int:
    """Assign an unrouted message to an access; a running gateway delivers it."""
    from budstikke.provisioning.unrouted import assign

    with open_database(read_settings(args)) as engine:
        assign(
            engine,
            args.id,
            args.access,
            dialects=dialect_settings(),
            actor=actor(),
            now=time.time(),
        )
    return 0


def row_id(text: str) -> int:
    """Read the id of a row; raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text[:20]) < 2**63):
        raise argparse.ArgumentTypeError(f"not an id: {text}")
    return int(text)


def _shown(text: str) -> str:
    """Cut a text, and remove control characters."""
    cut = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return "".join(c if c.isprintable() else " " for c in cut)
