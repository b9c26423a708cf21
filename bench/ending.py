"""
SIGINT and SIGTERM: end every process that was started, at once, and leave.

A shell has its background jobs ignore SIGINT, and Python takes that over: so both
signals are given a handler here. What follows is done by a thread, because the main one
may be inside of a long statement of SQLite or a wait, where Python runs no handler.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from bench.processes import family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

POLITE_SECONDS = 1.0
"""Between SIGTERM and SIGKILL; a run that is broken off leaves nothing to save."""


CLEAN_SECONDS = 0.5


def _signal(pids: Iterable[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123 - as quick as can be
            return stat.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def end_all(polite: float = POLITE_SECONDS) -> None:
    """End all that this process has started, within ``polite`` seconds and a bit."""
    ours = set(family(os.getpid())[1:])
    _signal(ours, signal.SIGTERM)
    end = time.monotonic() + polite
    while time.monotonic() < end and any(map(_lives, ours)):
        time.sleep(0.02)
    # And what was being started at that moment.
    _signal(filter(_lives, ours | set(family(os.getpid())[1:])), signal.SIGKILL)


def on_signals(clean: Callable[[], None]) -> None:
    """
    From now on SIGINT and SIGTERM end all processes and this one.

    Args:
        clean: Is called when the processes have ended; it has ``CLEAN_SECONDS``, and
            what it has not done by then is left to the next run.

    """
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def wait() -> None:
        number = reader.recv(1)[0]
        print(f"\nbench: {signal.Signals(number).name}: ending", file=sys.stderr)
        try:
            end_all()
            cleaner = threading.Thread(target=clean, daemon=True)
            cleaner.start()
            cleaner.join(CLEAN_SECONDS)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(128 + number)

    threading.Thread(target=wait, name="ending", daemon=True).start()
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stay)


def _stay(_signal: int, _frame: Any) -> None:
    """Keep the main thread from going on; the other one ends us all."""
    while True:
        time.sleep(1)
