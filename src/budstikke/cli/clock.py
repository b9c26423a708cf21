"""``budstikke clock``: the time, as the database knows it, and that it is right."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from budstikke.config import Settings

    Add = Callable[
        [str, Callable[[argparse.Namespace], int], str], argparse.ArgumentParser
    ]


class Clock:
    """
    The command.

    Args:
        settings: Reads them, given the arguments.

    """

    def __init__(self, settings: Callable[[argparse.Namespace], Settings]) -> None:
        self._settings = settings

    def add(self, add: Add) -> argparse.ArgumentParser:
        """Describe it."""
        what = "Show the clocks, or confirm that this machine's is right."
        command = add("clock", self._run, what)
        command.add_argument(
            "--confirm",
            action="store_true",
            help="tell gateways that this machine's clock is right",
        )
        return command

    def _run(self, args: argparse.Namespace) -> int:
        from budstikke.store.migrate import check
        from budstikke.store.time_seen import confirm, read_seen

        settings = self._settings(args)
        check(settings.database_url)
        seen, now = read_seen(settings.database_url), time.time()
        _say("this machine", now)
        if seen.database_time is not None:
            _say("the database's server", seen.database_time)
        _say("a gateway was last alive", seen.beat)
        if args.confirm:
            confirm(settings.database_url, now)
            print("confirmed: gateways whose clock agrees believe it now")
        return 0


def _say(whose: str, at: float) -> None:
    told = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    print(f"{whose:<26}{told if at else 'never'}")
