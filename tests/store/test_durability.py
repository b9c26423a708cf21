"""``durability``: which commits wait for the disk, on each engine."""

from __future__ import annotations

import os
import pathlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from budstikke.carriers.simulator.phones import Phones
from budstikke.config import Settings
from budstikke.domain.states import PartState
from budstikke.gateway import Gateway
from budstikke.store.contract import BulkProgress, BulkRow, Draft, RecurringRow
from budstikke.store.engines.postgres.id_allocator import MOST_AT_ONCE
from budstikke.store.migrate import migrate
from chaos.cluster import kill
from store.databases import postgres_of, postgres_store, sqlite_of, sqlite_store
from store.engines import SqliteEngine, fill_directory
from store.path import NOW, Path
from store.postgres_server import DURABLE, Server, serving

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import AsyncIterator, Iterator

    from budstikke.store.contract.durability import Durability

SYNCHRONOUS = "PRAGMA synchronous"
LEVELS = {1: "NORMAL", 2: "FULL"}


def level(connection: sqlite3.Connection) -> int:
    """Run in the writer's process, which finds it by its name."""
    (number,) = connection.execute(SYNCHRONOUS).fetchone()
    return int(number)


# The setting reaches the engine of a gateway


@pytest.mark.parametrize(
    ("durability", "expected"), [("power", {"FULL"}), ("process", {"FULL", "NORMAL"})]
)
async def test_a_gateway_s_writer_has_the_pragma(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    durability: Durability,
    expected: set[str],
) -> None:
    """Claims of the gateway, which wait for the disk, may share a transaction."""
    folders = map(str, pathlib.Path(__file__).parents[1:3])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(folders))
    settings = Settings(data=str(tmp_path), durability=durability)
    migrate(settings.database_url)
    async with running(settings) as gateway:
        writer = sqlite_of(gateway.store)._writer
        found = {LEVELS[await writer.run(level)] for _ in range(10)}
        assert found <= expected
        assert ("NORMAL" in found) is (durability == "process")


@pytest.mark.parametrize(
    ("durability", "expected"), [("power", "on"), ("process", "off")]
)
async def test_a_gateway_s_sessions_have_the_setting(
    durable: Server, durability: Durability, expected: str
) -> None:
    url = durable.url(DATABASE)
    async with running(Settings(database=url, durability=durability)) as gateway:
        client = postgres_of(gateway.store)._client
        shown = "SHOW synchronous_commit"
        assert expected == await client.read(lambda c: c.value(shown))
        assert expected == await client.write(lambda c: c.value(shown))
        assert "on" == await client.write_to_disk(lambda c: c.value(shown))
        assert expected == await client.write(lambda c: c.value(shown))


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings, phones=Phones())
    await gateway.start()
    try:
        yield gateway
    finally:
        await gateway.stop()


def test_the_log_says_when_it_is_not_the_default(
    tmp_path: pathlib.Path, caplog: pytest.LogCaptureFixture
) -> None:
    Gateway(Settings(data=str(tmp_path)), phones=Phones())
    assert "durability" not in caplog.text
    Gateway(Settings(data=str(tmp_path), durability="process"), phones=Phones())
    assert "durability is `process`: a crash of the machine loses" in caplog.text


# SQLite


class Levels:
    """Learns with which level each transaction of a writer is committed."""

    def __init__(self, level: str) -> None:
        self._level = level
        self.switches = 0
        self._commits: list[str] = []

    def __call__(self, statement: str) -> None:
        if statement.startswith(f"{SYNCHRONOUS} = "):
            self._level = statement.rpartition(" ")[2]
            self.switches += 1
        elif statement == "COMMIT":
            self._commits.append(self._level)

    def since(self) -> list[str]:
        """Say what was committed since the last time."""
        commits, self._commits = self._commits, []
        return commits


@pytest.fixture
def sqlite(sqlite_template: pathlib.Path, tmp_path: pathlib.Path) -> SqliteEngine:
    return SqliteEngine(tmp_path / "db", sqlite_template)


@asynccontextmanager
async def watched(
    engine: SqliteEngine, synchronous: str
) -> AsyncIterator[tuple[Path, Levels]]:
    """Open a store with this level, and watch its writer's connection."""
    store = sqlite_store(engine.file, synchronous=synchronous)
    await store.open(NOW)
    try:
        levels = Levels(synchronous)
        await sqlite_of(store)._writer.run(lambda c: c.set_trace_callback(levels))
        levels.since()
        yield Path(engine, store), levels
    finally:
        await store.close()


async def derived(path: Path) -> AsyncIterator[str]:
    """Accept, one after the other, orders that come from one that is stored."""
    first = path.store.reserve_ids(8)
    bulk = BulkRow(first, 1, NOW, first + 1, 2, 0, b"{}", b"[]")
    await path.store.accept_bulk(bulk, [], NOW)
    draft = path.draft(first + 3)
    draft.repeats = RecurringRow(first + 3, 1, b"{}", NOW, 0, NOW + 60)
    await path.store.accept([draft], NOW)
    yield "whole"
    part = path.draft(first + 1)
    part.progress = BulkProgress(first, 1)
    await path.store.accept([part], NOW)
    yield "slice"
    turn = RecurringRow(first + 3, 1, b"{}", NOW, 1, NOW + 120)
    await path.store.accept([Draft([], [], occurrence=turn)], NOW)
    yield "occurrence"


async def test_process_waits_for_the_disk_only_where_it_must(
    sqlite: SqliteEngine,
) -> None:
    async with watched(sqlite, "NORMAL") as (path, levels):
        await path.accept()
        assert ["FULL"] == levels.since()  # it sets a block of ids aside
        (part,) = await path.sending()
        await path.answer(part, PartState.SENT, "x")
        assert ["NORMAL", "NORMAL"] == levels.since()
        assert 1 == len(await path.store.claim(1, 10, NOW))
        assert ["FULL"] == levels.since()
        found = {what: levels.since() async for what in derived(path)}
        assert {
            "whole": ["NORMAL"] * 2,
            "slice": ["FULL"],
            "occurrence": ["FULL"],
        } == found
        await path.accept()
        assert ["NORMAL"] == levels.since()


async def test_power_waits_always(sqlite: SqliteEngine) -> None:
    async with watched(sqlite, "FULL") as (path, levels):
        await path.accept()
        await path.accept()
        await path.store.claim(1, 10, NOW)
        assert ["FULL"] * 3 == levels.since()
        assert 0 == levels.switches


# PostgreSQL


DATABASE = "bud"

NEXT_ID = "SELECT value::bigint FROM meta WHERE key = 'next_id'"
CLAIMED = "SELECT count(*) FROM part WHERE state = 'sending'"
EXPANDED = "SELECT max(done) FROM bulk"
REPEATED = "SELECT max(done) FROM recurring"


class Anywhere:
    """An engine of which only the URL is asked for."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    """A server whose log is written to the disk late, but for who waits for it."""
    server = serving((*DURABLE, "wal_writer_delay=10s", "wal_writer_flush_after=1GB"))
    try:
        server.execute(f"CREATE DATABASE {DATABASE}")
        migrate(server.url(DATABASE))
        fill_directory(server.url(DATABASE))
        yield server
    finally:
        server.close()


def crash(server: Server, question: str) -> Any:
    """Crash the server, start it again, and ask it for a number."""
    kill(server)
    server.start()
    with psycopg.connect(server.url(DATABASE)) as connection:
        (answer,) = connection.execute(question.encode()).fetchone() or (None,)
    return answer


async def test_ids_are_set_aside_on_the_disk(durable: Server) -> None:
    async with relaxed(durable) as path:
        given = path.store.reserve_ids(1)
        assert given < crash(durable, NEXT_ID)
    async with relaxed(durable) as path:
        allocator = postgres_of(path.store)._ids
        for _ in range(2):
            path.store.reserve_ids(MOST_AT_ONCE)
        assert allocator._task is not None
        await allocator._task  # it sets the next block aside
        given = path.store.reserve_ids(1)
        assert given < crash(durable, NEXT_ID)


async def test_a_claim_is_on_the_disk_before_its_parts_are_sent(
    durable: Server,
) -> None:
    async with relaxed(durable) as path:
        await path.accept()
        claimed = await path.store.claim(1, 100, NOW)
        assert len(claimed) <= crash(durable, CLAIMED)


@pytest.mark.parametrize(
    ("last", "question"), [("slice", EXPANDED), ("occurrence", REPEATED)]
)
async def test_what_comes_from_a_stored_order_is_on_the_disk(
    durable: Server, last: str, question: str
) -> None:
    async with relaxed(durable) as path:
        async for what in derived(path):
            if what == last:
                break
        assert 1 == crash(durable, question)


@asynccontextmanager
async def relaxed(server: Server) -> AsyncIterator[Path]:
    """Open a store whose commits wait for the disk only where they must."""
    url = server.url(DATABASE)
    store = postgres_store(url, node="a", durability="process")
    await store.open(NOW)
    try:
        yield Path(Anywhere(url), store)  # type: ignore[arg-type]
    finally:
        await store.close()
