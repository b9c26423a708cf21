"""SQLite: one writer thread that commits in groups."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from budstikke.store.contract import StoreUnavailable
from budstikke.store.engines.sqlite.thread import WorkerThread
from budstikke.store.engines.sqlite.transactions import MOST_JOBS
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Rig:
    """A writer on a table of numbers, whose transactions can be counted."""

    def __init__(self, file: Path, *, grouped: bool = True) -> None:
        self.file = file
        self.commits = 0
        self.rollbacks = 0
        self.probes = 0
        self.writer = WorkerThread(self._connect, grouped=grouped)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, isolation_level=None)
        connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER UNIQUE)")
        connection.set_trace_callback(self._trace)
        return connection

    def _trace(self, statement: str) -> None:
        self.commits += statement == "COMMIT"
        self.rollbacks += statement == "ROLLBACK"
        self.probes += statement.startswith("PRAGMA user_version =")

    def insert(self, number: int) -> asyncio.Future[int]:
        def job(connection: sqlite3.Connection) -> int:
            connection.execute("INSERT INTO t VALUES (?)", (number,))
            return number

        return self.writer.run(job)

    def hold(self) -> tuple[asyncio.Future[None], threading.Event]:
        """Keep the thread busy until the event is set."""
        go_on = threading.Event()

        def job(connection: sqlite3.Connection) -> None:
            assert go_on.wait(PATIENCE)

        return self.writer.run(job), go_on

    def stored(self) -> list[int]:
        connection = sqlite3.connect(self.file)
        rows = connection.execute("SELECT n FROM t ORDER BY n").fetchall()
        connection.close()
        return [row[0] for row in rows]


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[None]:
    await rig.writer.start()
    try:
        yield
    finally:
        await rig.writer.stop()


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path / "t.sqlite")


async def test_what_gathers_shares_a_transaction(rig: Rig) -> None:
    async with running(rig):
        held, go_on = rig.hold()
        jobs = [rig.insert(n) for n in range(100)]
        go_on.set()
        await held
        assert list(range(100)) == await asyncio.gather(*jobs)
        assert rig.commits <= 2
        assert list(range(100)) == rig.stored()


async def test_a_group_has_a_limit(rig: Rig) -> None:
    async with running(rig):
        held, go_on = rig.hold()
        jobs = [rig.insert(n) for n in range(3 * MOST_JOBS)]
        go_on.set()
        await asyncio.gather(held, *jobs)
        assert 3 <= rig.commits <= 4


async def test_a_lone_job_waits_for_nobody(rig: Rig) -> None:
    async with running(rig):
        for number in range(3):
            await rig.insert(number)
            assert number + 1 == rig.commits


async def test_one_that_fails_does_not_harm_the_others(rig: Rig) -> None:
    async with running(rig):
        await rig.insert(5)
        held, go_on = rig.hold()
        jobs = [rig.insert(n) for n in range(10)]
        go_on.set()
        await held
        results = await asyncio.gather(*jobs, return_exceptions=True)
        failed = [n for n, r in enumerate(results) if isinstance(r, Exception)]
        assert [5] == failed
        assert isinstance(results[5], sqlite3.IntegrityError)
        assert list(range(10)) == rig.stored()


async def test_one_that_fails_half_way_leaves_nothing(rig: Rig) -> None:
    def job(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO t VALUES (1)")
        raise ZeroDivisionError

    async with running(rig):
        held, go_on = rig.hold()
        bad, good = rig.writer.run(job), rig.insert(2)
        go_on.set()
        await held
        with pytest.raises(ZeroDivisionError):
            await bad
        await good
        assert [2] == rig.stored()


async def test_what_sqlite_cannot_do_is_unavailable(rig: Rig) -> None:
    async with running(rig):
        with pytest.raises(StoreUnavailable, match="no such table"):
            await rig.writer.run(
                lambda connection: connection.execute("SELECT * FROM x")
            )
        await rig.insert(1)


async def test_whoever_asked_may_go_away(rig: Rig) -> None:
    async with running(rig):
        held, go_on = rig.hold()
        jobs = [rig.insert(n) for n in range(3)]
        jobs[1].cancel()
        go_on.set()
        await held
        assert [0, 2] == [await jobs[0], await jobs[2]]
        assert [0, 1, 2] == rig.stored()


async def test_a_stop_finishes_what_waits(rig: Rig) -> None:
    async with running(rig):
        held, go_on = rig.hold()
        jobs = [rig.insert(n) for n in range(2 * MOST_JOBS)]
        stopping = asyncio.ensure_future(rig.writer.stop())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="closed"):
            rig.insert(-1)
        go_on.set()
        await asyncio.gather(stopping, held, *jobs)
        assert list(range(2 * MOST_JOBS)) == rig.stored()


async def test_a_database_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):
        await Rig(tmp_path / "missing" / "t.sqlite").writer.start()


async def test_a_reader_has_no_transactions_and_each_fails_alone(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path / "t.sqlite", grouped=False)

    async with running(rig):
        held, go_on = rig.hold()
        jobs = [rig.insert(n) for n in (1, 1, 2)]
        go_on.set()
        await held
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert [1, 2] == [results[0], results[2]]
        assert isinstance(results[1], sqlite3.IntegrityError)
        assert 0 == rig.commits + rig.rollbacks


async def test_after_a_failed_write_the_next_transaction_writes_whatever_it_does(
    rig: Rig,
) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async with running(rig):
        with pytest.raises(StoreUnavailable, match="full"):
            await rig.writer.run(fail)
        assert 0 == rig.probes
        await rig.writer.run(lambda connection: None)
        await rig.writer.run(lambda connection: None)
        assert 1 == rig.probes
