"""SQLite: the process that writes, and what becomes of it."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.store.contract import CallbackResult, StoreUnavailable
from budstikke.store.engines.sqlite.locking import take_lock, wait_for_lock
from budstikke.store.engines.sqlite.process import WriterProcess
from patience import PATIENCE
from store.databases import sqlite_store
from store.engines import SqliteEngine, make_template
from store.path import NOW, Path, receipt

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process find this module."""
    folders = map(str, pathlib.Path(__file__).parents[1:3])  # by either of its names
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))


# Jobs: the process finds them by their names.


def make(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE t (n INTEGER UNIQUE)")


def insert(connection: sqlite3.Connection, number: int) -> int:
    connection.execute("INSERT INTO t VALUES (?)", (number,))
    return number


def refuse(_: sqlite3.Connection) -> None:
    raise Refusal(RefusalCode.UNKNOWN_GROUP, field="group", value="x", invalid=["1"])


class Odd(Exception):  # noqa: N818 - that is its name
    """An error that cannot be pickled."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def fail_oddly(_: sqlite3.Connection) -> None:
    raise Odd("quite", "odd")


def sleep(connection: sqlite3.Connection, rows: int) -> None:
    """Be busy: count so many rows."""
    connection.execute(
        "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT ?)"
        " SELECT count(*) FROM c",
        (rows,),
    ).fetchone()


BUSY = 300_000
"""Rows that take some tens of milliseconds."""


class Rig:
    def __init__(self, folder: pathlib.Path) -> None:
        self.file = folder / "t.sqlite"
        self.ended = asyncio.Event()
        self.writer = WriterProcess(self.file, "OFF", ended=self.ended.set)

    @property
    def pid(self) -> int:
        assert self.writer._process is not None
        return self.writer._process.pid

    def stored(self) -> list[int]:
        connection = sqlite3.connect(self.file)
        rows = connection.execute("SELECT n FROM t ORDER BY n").fetchall()
        connection.close()
        return [row[0] for row in rows]


@asynccontextmanager
async def started(folder: pathlib.Path) -> AsyncIterator[Rig]:
    rig = Rig(folder)
    with take_lock(rig.file) as lock:
        await rig.writer.start(lock)
        try:
            await rig.writer.run(make)
            yield rig
        finally:
            await rig.writer.stop()


async def test_results_come_back_in_order(tmp_path: pathlib.Path) -> None:
    async with started(tmp_path) as rig:
        jobs = [rig.writer.run(insert, n) for n in range(1000)]
        assert list(range(1000)) == await asyncio.gather(*jobs)
        assert list(range(1000)) == rig.stored()


async def test_one_that_fails_does_not_harm_the_others(tmp_path: pathlib.Path) -> None:
    async with started(tmp_path) as rig:
        busy = rig.writer.run(sleep, BUSY)
        jobs = [rig.writer.run(insert, n) for n in (1, 2, 1, 3)]
        await busy
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert isinstance(results[2], sqlite3.IntegrityError)
        assert [1, 2, 3] == rig.stored()


async def test_errors_come_as_they_are(tmp_path: pathlib.Path) -> None:
    async with started(tmp_path) as rig:
        with pytest.raises(Refusal) as caught:
            await rig.writer.run(refuse)
        refusal = caught.value
        assert RefusalCode.UNKNOWN_GROUP is refusal.code
        assert ("group", "x", ["1"]) == (refusal.field, refusal.value, refusal.invalid)
        with pytest.raises(RuntimeError, match="Odd: quite odd"):
            await rig.writer.run(fail_oddly)
        with pytest.raises(StoreUnavailable, match="already exists"):
            await rig.writer.run(make)


async def test_a_stop_finishes_what_waits(tmp_path: pathlib.Path) -> None:
    async with started(tmp_path) as rig:
        busy = rig.writer.run(sleep, BUSY)
        jobs = [rig.writer.run(insert, n) for n in range(1000)]
        stopping = asyncio.ensure_future(rig.writer.stop())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="closed"):
            rig.writer.run(insert, -1)
        await asyncio.gather(stopping, busy, *jobs)
        assert list(range(1000)) == rig.stored()
        assert not rig.ended.is_set()


async def test_a_database_that_cannot_be_opened(tmp_path: pathlib.Path) -> None:
    with take_lock(tmp_path / "t.sqlite") as lock:
        writer = WriterProcess(tmp_path / "no" / "t.sqlite", "OFF", ended=print)
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            await writer.start(lock)
        await writer.stop()


async def test_it_holds_the_lock_until_it_has_finished(tmp_path: pathlib.Path) -> None:
    """As when the gateway is killed: the next one waits for what it had begun."""

    rig = Rig(tmp_path)
    lock = take_lock(rig.file)
    await rig.writer.start(lock)
    await rig.writer.run(make)
    lock.close()
    rig.writer.run(sleep, BUSY).cancel()
    rig.writer.run(insert, 1).cancel()
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="another process serves"):
        take_lock(rig.file)
    stopping = asyncio.ensure_future(rig.writer.stop())
    (await wait_for_lock(rig.file)).close()
    assert [1] == rig.stored()
    await stopping


async def test_when_it_is_killed_everybody_hears(tmp_path: pathlib.Path) -> None:
    async with started(tmp_path) as rig:
        busy = rig.writer.run(sleep, 100 * BUSY)
        os.kill(rig.pid, signal.SIGKILL)
        with pytest.raises(StoreUnavailable, match="has ended"):
            await busy
        await asyncio.wait_for(rig.ended.wait(), PATIENCE)
        with pytest.raises(StoreUnavailable, match="has ended"):
            await rig.writer.run(insert, 1)


async def test_signals_to_the_whole_group_are_the_gateway_s(
    tmp_path: pathlib.Path,
) -> None:
    async with started(tmp_path) as rig:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(rig.pid, number)
        assert 7 == await rig.writer.run(insert, 7)


async def test_a_message_goes_all_the_way(tmp_path: pathlib.Path) -> None:
    file = make_template(tmp_path / "template")
    engine = SqliteEngine(tmp_path / "data", file)

    store = sqlite_store(engine.file, in_subprocess=True)
    await store.open(NOW)
    path = Path(engine, store)
    (part,) = await path.sent(smsc_ids=["x1"])
    (told,) = await path.settle(receipt("x1"))
    done = CallbackResult(told.id, "done", None, 1, "OK", NOW, 200, 0.1)
    await store.record_callbacks([done])
    assert ["delivered"] == await path.states(part >> 8)
    await store.close()
