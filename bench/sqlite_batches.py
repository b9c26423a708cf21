"""
What a batch costs SQLite beside a busy event loop; the figures of docs/why/sqlite.md.

A thread stores 100 messages of one part in each transaction (``synchronous=FULL``),
row by row (``executemany``) or as two JSON values (``json_each``, as the store did
when its writer was a thread), while the main thread computes without a pause, as a
loaded event loop does.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec

from budstikke.domain.states import MessageState, PartState
from budstikke.store.contract import MessageRow, PartRow
from budstikke.store.migrate import migrate
from budstikke.store.verbs.accept import INSERT_MESSAGES, INSERT_PARTS
from budstikke.store.verbs.json_text import text

SECONDS = 1.5
TIMES = 11
MESSAGES = 100
INTERVALS = (0.005, 0.0005, 0.0002, 0.0001)


def columns(count: int) -> str:
    """Write the columns of a row of the batch ``j``."""
    return ", ".join(f"j.value->>{n}" for n in range(count))


def each(
    connection: sqlite3.Connection,
    statement: str,
    some: list[MessageRow] | list[PartRow],
) -> None:
    """Run a statement for each row of a batch."""
    connection.executemany(statement, map(msgspec.structs.astuple, some))


COLUMNS = len(MessageRow.__struct_fields__)
ALL_MESSAGES = INSERT_MESSAGES.sqlite.partition("VALUES")[0] + (
    f"SELECT {columns(COLUMNS)}, '', '' FROM json_each(?1) j"
)
ALL_PARTS = INSERT_PARTS.sqlite.partition("VALUES")[0] + (
    f"SELECT {columns(9)}, 0, '', '' FROM json_each(?1) j"
)


def rows(first: int) -> tuple[list[MessageRow], list[PartRow]]:
    """Make what one transaction stores."""
    state = MessageState.ACCEPTED
    ids = range(first, first + MESSAGES)
    messages = [
        MessageRow(
            *(n, n, 1, "+4799999999", "Budstikke", None, "gsm", 1, 1, 0, 0, 1, 1),
            *(None, None, 1.7e9, 1.7e9, state),
        )
        for n in ids
    ]
    sending = PartState.SENDING
    parts = [
        PartRow((n << 8) + 1, 1, sending, "x" * 80, 0, 1, None, 1, 1.7e9) for n in ids
    ]
    return messages, parts


class Conversation(threading.Thread):
    """Writes transactions until told to stop, and counts messages."""

    def __init__(self, file: Path, way: str) -> None:
        super().__init__()
        self.file = file
        self.way = way
        self.stored = 0
        self.stop = False

    def run(self) -> None:
        """Write."""
        connection = sqlite3.connect(self.file, isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        while not self.stop:
            messages, parts = rows(1001 + self.stored)
            connection.execute("BEGIN IMMEDIATE")
            if self.way == "executemany":
                each(connection, INSERT_MESSAGES.sqlite, messages)
                each(connection, INSERT_PARTS.sqlite, parts)
            else:
                connection.execute(ALL_MESSAGES, (text(messages),))
                connection.execute(ALL_PARTS, (text(parts),))
            connection.execute("COMMIT")
            self.stored += MESSAGES
        connection.close()


def compute(seconds: float) -> int:
    """Keep the GIL busy; returns how much was done."""
    end = time.perf_counter() + seconds
    turns = 0
    while time.perf_counter() < end:
        for n in range(100):
            str(n)
        turns += 1
    return turns


def measure(way: str, *, busy: bool) -> tuple[float, float]:
    """Return messages a second, and the share of its time the main thread keeps."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "b.sqlite"
        migrate(f"sqlite:///{file}")
        alone = compute(SECONDS / 3) * 3
        thread = Conversation(file, way)
        thread.start()
        turns = 0
        if busy:
            turns = compute(SECONDS)
        else:
            time.sleep(SECONDS)
        stored = thread.stored
        thread.stop = True
        thread.join()
    return stored / SECONDS, 100 * turns / alone


def row(way: str, interval: float, *, busy: bool) -> str:
    """Measure a few times; write medians, and the slowest and the fastest."""
    sys.setswitchinterval(interval)
    found = [measure(way, busy=busy) for _ in range(TIMES)]
    speeds = sorted(speed for speed, _ in found)
    kept = statistics.median(share for _, share in found)
    middle = statistics.median(speeds)
    beside = f"{interval * 1000:g} ms" if busy else "idle"
    return (
        f"{beside:8} {way:12} {middle:8.0f} ({speeds[0]:.0f} to {speeds[-1]:.0f})"
        f"  {kept:3.0f} %"
    )


def main() -> None:
    """Print a table."""
    print("interval way          messages/s (range)  main thread keeps")
    for way in ("executemany", "json_each"):
        print(row(way, 0.005, busy=False))
    for interval in INTERVALS:
        for way in ("executemany", "json_each"):
            print(row(way, interval, busy=True), flush=True)


if __name__ == "__main__":
    main()
