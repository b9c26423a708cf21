"""``budstikke clock``: compare the clocks, and confirm that this machine's is right."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from budstikke.cli.context import read_settings

if TYPE_CHECKING:
    import argparse

    from budstikke.cli.context import Add


def add_commands(add: Add) -> argparse.ArgumentParser:
    """Add the command."""
    what = "Show the clocks; confirm that the clock of this machine is right."
    command = add("clock", _run, what)
    command.add_argument(
        "--confirm",
        action="store_true",
        help="confirm to all gateways that this machine's clock is right",
    )
    return command


def _run(args: argparse.Namespace) -> int:
    from budstikke.store.admin import confirm_clock
    from budstikke.store.schema_check import check
    from budstikke.store.time_seen import read_seen

    settings = read_settings(args)
    check(settings.database_url)
    seen, now = read_seen(settings.database_url), time.time()
    _show("this machine", now)
    if seen.database_time is not None:
        _show("the database's server", seen.database_time)
    _show("a gateway was last alive", seen.beat)
    if args.confirm:
        confirm_clock(settings.database_url, now)
        print("confirmed: gateways whose clock agrees now trust it")
    return 0


def _show(clock: str, at: float) -> None:
    shown = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    print(f"{clock:<26}{shown if at else 'never'}")
