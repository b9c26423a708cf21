"""The commands about what phones write to: requests for numbers, and the tray."""

from __future__ import annotations

import argparse
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from msgspec import Struct
    from sqlalchemy import Engine

    from budstikke.config import Settings

    Command = Callable[[argparse.Namespace], int]
    Add = Callable[[str, Command, str], argparse.ArgumentParser]
    Read = Callable[[argparse.Namespace], Settings]

PAGE = 50
"""Messages of the tray that are shown at once."""

SHOWN = 60
"""Characters of a text that are shown."""


class Inbound:
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
        waiting = add("requests", self.requests, "Show requests for numbers that wait.")
        approve = add("approve", self.approve, "Give an account what it asked for.")
        approve.add_argument("id", type=row_id, metavar="ID")
        approve.add_argument(
            "--number",
            default="",
            metavar="NUMBER",
            help="what it gets, or of a keyword the shared number",
        )
        approve.add_argument(
            "--answer", default="", metavar="TEXT", help="what the customer is told"
        )
        refuse = add("refuse", self.refuse, "Refuse what an account asked for.")
        refuse.add_argument("id", type=row_id, metavar="ID")
        refuse.add_argument(
            "--answer", required=True, metavar="TEXT", help="what the customer is told"
        )
        tray = add("unrouted", self.unrouted, "Show messages that are nobody's.")
        tray.add_argument("--before", type=row_id, metavar="ID", help="only older ones")
        tray.add_argument(
            "--limit", type=int, default=PAGE, metavar="N", help=f"how many ({PAGE})"
        )
        tray.add_argument(
            "--show-text", action="store_true", help="show how their texts begin"
        )
        assign = add("assign", self.assign, "Give such a message to an access.")
        assign.add_argument("id", type=row_id, metavar="ID")
        assign.add_argument(
            "--access", required=True, metavar="DIALECT:ID", help="who gets it"
        )
        return waiting, approve, refuse, tray, assign

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

    def _act(self) -> dict[str, Any]:
        return {"actor": self._actor(), "now": time.time()}

    def requests(self, args: argparse.Namespace) -> int:
        """Show what waits."""
        from budstikke.domain.cet import to_zone
        from budstikke.provisioning.number_requests import waiting_requests

        with self._engine(args) as engine:
            for each in waiting_requests(engine):
                at = f"{to_zone(each.at):%Y-%m-%d %H:%M %Z}"
                wanted = " ".join(filter(None, (each.kind, each.number, each.word)))
                note = _shown(each.note)
                line = (str(each.id), at, each.account, each.access, wanted, note)
                print("  ".join(filter(None, line)))
        return 0

    def approve(self, args: argparse.Namespace) -> int:
        """Make the number or keyword."""
        from budstikke.provisioning.number_requests import approve

        with self._engine(args) as engine:
            given = approve(
                engine,
                args.id,
                number=args.number,
                answer=args.answer,
                dialects=_dialects(),
                **self._act(),
            )
        print(given)
        return 0

    def refuse(self, args: argparse.Namespace) -> int:
        """Say no."""
        from budstikke.provisioning.number_requests import refuse

        with self._engine(args) as engine:
            refuse(engine, args.id, answer=args.answer, **self._act())
        return 0

    def unrouted(self, args: argparse.Namespace) -> int:
        """Show the tray, newest first; texts only if they are asked for."""
        from budstikke.domain.cet import to_zone
        from budstikke.provisioning.unrouted import unrouted

        with self._engine(args) as engine:
            found = unrouted(
                engine, limit=min(max(args.limit, 1), 1_000_000), before=args.before
            )
        for each in found:
            at = f"{to_zone(each.at):%Y-%m-%d %H:%M:%S %Z}"
            text = _shown(each.text) if args.show_text else f"[{len(each.text)}]"
            way = f"{each.originator} -> {each.recipient}"
            given = "given" if each.given else ""
            line = (str(each.id), at, way, each.kind, text, given)
            print("  ".join(filter(None, line)))
        return 0

    def assign(self, args: argparse.Namespace) -> int:
        """Give one to an access; a gateway that serves tells it."""
        from budstikke.provisioning.unrouted import assign

        with self._engine(args) as engine:
            assign(engine, args.id, args.access, dialects=_dialects(), **self._act())
        return 0


def row_id(text: str) -> int:
    """Read the id of a row; raises ArgumentTypeError."""
    if not (text.isascii() and text.isdigit() and int(text[:20]) < 2**63):
        raise argparse.ArgumentTypeError(f"not an id: {text}")
    return int(text)


def _dialects() -> Mapping[str, type[Struct]]:
    from budstikke.dialects import DIALECTS

    return {name: dialect.settings for name, dialect in DIALECTS.items()}


def _shown(text: str) -> str:
    """Cut a text, and show no character that a terminal would obey."""
    cut = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return "".join(c if c.isprintable() else " " for c in cut)
