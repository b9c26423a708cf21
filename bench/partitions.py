"""
What the verbs of the message path cost by how many partitions PostgreSQL has.

As ``store_verbs``; the older partitions are empty, since what they cost is that they
are there. ``all`` is without the bounds by which statements leave out the older ones.

    .venv/bin/python -m bench.partitions [BATCHES [MESSAGES [PARTITIONS …]]]
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))  # their server

import psycopg

from bench.store_verbs import NOW, path, show
from budstikke.store.database_store import DatabaseStore
from budstikke.store.engines.postgres import PostgresEngine
from budstikke.store.engines.postgres.layout import SMALLEST
from budstikke.store.migrate import migrate
from budstikke.store.verbs.bounds import PartitionBounds
from store.engines import fill_directory
from store.postgres_server import DURABLE, serving

IDS = 100
"""Of each older partition."""


class Bounded(PostgresEngine):
    """A node that knows the partitions before it begins."""

    async def open(self, now: float) -> None:
        """Look at them, too."""
        await super().open(now)
        await self.wake(now, 1, 1)


class Unbounded(PostgresEngine):
    """A node that knows nothing of them: the version before."""

    async def open(self, now: float) -> None:
        """Know nothing."""
        await super().open(now)
        self._client.bounds = PartitionBounds()


def divide(url: str, count: int) -> None:
    """Make so many partitions, of which the newest is in use."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table, factor in (("message", 1), ("part", 256), ("callback", 1)):
            connection.execute(f"DROP TABLE {table}_1, {table}_2".encode())
            bounds = [1 + IDS * n for n in range(count)] + [SMALLEST]
            ends = [str(bound * factor) for bound in bounds[1:]] + ["MAXVALUE"]
            for number, (low, high) in enumerate(zip(bounds, ends, strict=True), 1):
                name, values = f"{table}_{number}", f"({low * factor}) TO ({high})"
                made = f"CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM "
                connection.execute(f"{made}{values}".encode())
                if number <= count:
                    since = f"COMMENT ON TABLE {name} IS 'since {NOW - 9e7:.0f}'"
                    connection.execute(since.encode())
        first = 1 + IDS * (count - 1)
        connection.execute(f"SELECT setval('callback_id_seq', {first})".encode())
        renew = f"UPDATE meta SET value = '{first}' WHERE key = 'next_id'"
        connection.execute(renew.encode())


def main() -> None:
    """Measure each count, with the bounds and without."""
    batches = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    counts = [int(word) for word in sys.argv[3:]] or [1, 12, 24]
    server = serving(DURABLE)
    try:
        for name, kind in (("", Bounded), (" all", Unbounded)):
            for count in counts:
                database = f"b{count}{name.strip()}"
                server.execute(f"CREATE DATABASE {database}")
                url = server.url(database)
                migrate(url)
                fill_directory(url)
                divide(url, count)
                store = DatabaseStore(kind(url, node="bench"))
                show(f"{count}{name}", asyncio.run(path(store, batches, size)), size)
    finally:
        server.close()


if __name__ == "__main__":
    main()
