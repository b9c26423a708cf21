"""
The process that owns the SQLite connection that writes; process.py starts it.

All jobs that have come while one transaction was committed are the next. It ends when
its socket does: what it has begun by then it finishes, and until then it holds the lock
of the database's file.
"""

from __future__ import annotations

import contextlib
import gc
import os
import pickle
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from budstikke.store.engines.sqlite.opening import connect
from budstikke.store.engines.sqlite.transactions import MOST_JOBS, Transactions
from budstikke.subprocesses import COLLECT, begin, frame, frames

if TYPE_CHECKING:
    from budstikke.store.engines.sqlite.jobs import Job
    from budstikke.store.engines.sqlite.transactions import Outcome

READ = 1 << 20
"""Octets that are read at once."""


def main(arguments: list[str]) -> int:
    """Work until the socket ends."""
    begin()
    with socket.socket(fileno=int(arguments[0])) as channel:
        try:
            connection = connect(Path(arguments[1]), arguments[2])
        except Exception as error:  # noqa: BLE001 - whatever it is, start() raises it
            channel.sendall(frame([_said(None, error)]))
            return os.EX_UNAVAILABLE
        gc.freeze()
        gc.set_threshold(*COLLECT)
        with contextlib.closing(connection), contextlib.suppress(ConnectionError):
            channel.sendall(frame([(None, None)]))
            _work(channel, Transactions(connection))
    return os.EX_OK


def _work(channel: socket.socket, transactions: Transactions) -> None:
    buffer = bytearray()
    while data := channel.recv(READ):
        buffer += data
        jobs: list[Job] = list(frames(buffer))
        for first in range(0, len(jobs), MOST_JOBS):
            outcomes = transactions.run(jobs[first : first + MOST_JOBS])
            channel.sendall(frame([_said(*outcome) for outcome in outcomes]))


def _said(value: object, error: BaseException | None) -> Outcome:
    """Say an outcome in what can be pickled."""
    if error is not None:
        try:
            pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
        except Exception:  # noqa: BLE001 - whatever it is, it must be said
            error = RuntimeError(f"{type(error).__name__}: {error}")
    return value, error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
