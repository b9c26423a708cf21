"""
(a) and (b) on a database full of old messages, beside the same on an empty one.

The old messages are copies of one that really went all the way (with its part and
its callback), written by SQL; the file is kept in bench/out for the next run.
"""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from bench import measures
from bench.measures import Size, ready
from bench.processes import BenchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.budstikke import Budstikke
    from bench.measures import Result

ROW_OCTETS = 600
"""Of a message with its part, its callback and their indexes; roughly, to be sure."""
DAYS = 30
"""The old messages are spread over as many; the file is made anew after as many."""
FIRST_SMSC_ID = 5_000_000_000
"""Far from those that the sink gives, and as long."""

# What differs between the copies, by table; the other columns are the model's. n.i is
# 1 … N, :m the model's id; messages and callbacks share their ids.
_AT = ":now - (:count - n.i) * 86400.0 * :days / :count"
DIFFERENT = {
    "message": {
        "id": ":m + 2 * n.i",
        "order_id": ":m + 2 * n.i",
        "recipient": "'+47' || (40000000 + n.i % 9999999)",
        "accepted_at": _AT,
        "expires_at": f"{_AT} + 86400",
        "final_at": f"{_AT} + 2",
    },
    "part": {
        "id": "(:m + 2 * n.i) * 256 + 1",
        "smsc_id": f"cast({FIRST_SMSC_ID} + n.i AS TEXT)",
        "at": f"{_AT} + 2",
    },
    "callback": {
        "id": ":m + 2 * n.i + 1",
        "message_id": ":m + 2 * n.i",
        "event": "replace(event, ',' || :m || ',', ',' || (:m + 2 * n.i) || ',')",
        "at": f"{_AT} + 2",
    },
}
NUMBERS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :count)
"""


def _digest(file: Path) -> str:
    """Name the tables and indexes of a database: another schema, another history."""
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master ORDER BY name")
        text = "\n".join(str(row[0]) for row in rows)
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def _copies(connection: sqlite3.Connection, table: str) -> str:
    """Write the statement that copies the one row of a table."""
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
    different = DIFFERENT[table]
    values = ", ".join(different.get(name, f'"{name}"') for name in columns)
    names = ", ".join(f'"{name}"' for name in columns)
    return f"INSERT INTO {table} ({names}) {NUMBERS} SELECT {values} FROM n, {table}"


def _fill(file: Path, count: int) -> None:
    """Copy the model so many times, and take it away."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        # What fails here is thrown away as a whole.
        for pragma in (
            "journal_mode = OFF",
            "synchronous = OFF",
            "cache_size = -500000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        (model,) = connection.execute("SELECT id FROM message").fetchone()
        values = {"m": model, "count": count, "now": time.time(), "days": DAYS}
        connection.execute("BEGIN")
        for table in DIFFERENT:
            statement = _copies(connection, table)
            used = {k: v for k, v in values.items() if f":{k}" in statement}
            connection.execute(statement, used)
        end = model + 2 * count + 1000
        taken = "UPDATE meta SET value = max(cast(value AS INTEGER), ?)"
        connection.execute(f"{taken} WHERE key = 'next_id'", (end,))
        connection.execute("COMMIT")
        connection.execute("PRAGMA optimize")


def _model(gateway: Budstikke, folder: Path) -> Path:
    """Send one message all the way through an empty gateway; its database."""
    one = Size(warm_up=1, delay_ms=100)
    with ready(gateway, folder, one, pushes=1):
        pass
    file = folder / "data" / "budstikke.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for table in DIFFERENT:
            (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            if count != 1:
                raise BenchError(f"the model has {count} rows in {table}, not one")
    return file


def prepare(gateway: Budstikke, out: Path, count: int) -> Path:
    """Make the database with so many old messages, or find it from before."""
    model = _model(gateway, out / "run" / "model")
    file = out / f"history-{count}-{_digest(model)}.sqlite"
    if not file.exists() or time.time() - file.stat().st_mtime > DAYS * 86_400:
        for old in out.glob("history-*.sqlite*"):
            old.unlink()
        need = 3 * count * ROW_OCTETS  # this one, the copy that is measured, and room
        if shutil.disk_usage(out).free < need:
            raise BenchError(f"{need / 1e9:.0f} GB are needed in {out}")
        began = time.monotonic()
        unfinished = file.with_suffix(".unfinished")
        shutil.copyfile(model, unfinished)
        _fill(unfinished, count)
        unfinished.rename(file)
        print(f"{file.name}: made in {time.monotonic() - began:.0f} s")
    size = file.stat().st_size
    print(f"{count:,} old messages: {size / 1e9:.2f} GB", flush=True)
    return file


def compare(
    gateway: Budstikke, out: Path, size: Size, count: int, rounds: int
) -> Iterator[Result]:
    """Take (a) and (b) of the full and the empty database in turns."""
    full = replace(
        gateway, name="budstikke, full", database=prepare(gateway, out, count)
    )
    for turn in range(1, rounds + 1):
        for name, pushes in (("a", 0), ("b", 1)):
            for each in (gateway, full) if turn % 2 else (full, gateway):
                folder = out / "run" / f"history-{turn}-{name}-{each is full}"
                result = measures.throughput(
                    each, folder, size, pushes=pushes, name=f"history-{name}", turn=turn
                )
                if each is full:
                    result.figures["old"] = count
                shutil.rmtree(folder)  # gigabytes
                yield result
