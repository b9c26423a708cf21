"""A filled PostgreSQL database gets its partitions, and gateways go on meanwhile."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy import text

from budstikke.domain.states import PartState
from budstikke.store.admin import open_engine
from budstikke.store.engines.postgres import PostgresStore
from budstikke.store.migrate import _revisions, migrate
from patience import PATIENCE
from store.engines import fill_directory
from store.parted import ask, homes
from store.path import NOW, Path, receipt
from store.test_migrations_postgres import migrate_to

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from store.postgres_engine import PostgresEngine
    from store.postgres_server import Server

TABLES = ("message", "part", "callback")

ROWS = "SELECT md5(string_agg(t::text, '|' ORDER BY id)), count(*) FROM {} t"

INDEXES = """
SELECT i.indrelid::regclass::text, count(*) FROM pg_index i
WHERE i.indrelid::regclass::text ~ '^(message|part|callback)(_[0-9]+)?$'
    AND i.indisvalid GROUP BY 1"""


class Old:
    """A database as the version before has it; looks like an engine to ``Path``."""

    def __init__(self, url: str) -> None:
        self.url = url


@pytest.fixture
def old(postgres_server: Server) -> Iterator[Any]:
    postgres_server.execute("CREATE DATABASE unparted")
    url = postgres_server.url("unparted")
    migrate_to(url, "0007")
    fill_directory(url)
    yield Old(url)
    postgres_server.execute("DROP DATABASE unparted WITH (FORCE)")


@asynccontextmanager
async def opened_before(
    old: PostgresEngine,
) -> AsyncIterator[tuple[Path, PostgresStore]]:
    """Open a node on the database of the version before."""
    store = PostgresStore(old.url, node="before")
    await store.open(NOW)
    try:
        yield Path(old, store), store
    finally:
        await store.close()


def run(
    old: PostgresEngine, scenario: Callable[[Path, PostgresStore], Awaitable[None]]
) -> None:
    async def whole() -> None:
        async with opened_before(old) as (path, store):
            await scenario(path, store)

    asyncio.run(whole())


def contents(old: PostgresEngine) -> list[Any]:
    return [ask(old, ROWS.format(table)) for table in TABLES]


def test_no_row_is_lost_and_ids_go_on(old: PostgresEngine) -> None:
    async def fill(path: Path, store: PostgresStore) -> None:
        await path.sent(*["+4799999999"] * 40, smsc_ids=[f"{n}" for n in range(40)])
        await path.settle(*(receipt(f"{n}") for n in range(20)))
        await path.accept(*["+4799999999"] * 40, parts=3)

    async def go_on(path: Path, store: PostgresStore) -> None:
        await store.wake(NOW + 100, 10, 0)
        (told,) = await path.settle(receipt("30"))
        assert told.id > last
        (id_,) = await path.accept()
        assert id_ > max(before)
        assert 120 == len(await store.claim(1, 120, NOW))
        assert {"message_1"} == set(homes(old).values())
        assert {"part_1"} == set(homes(old, "part").values())
        assert {"callback_1"} == set(homes(old, "callback").values())

    run(old, fill)
    there, before = contents(old), {int(str(row[0])) for row in ask(old, IDS)}
    last = int(str(ask(old, "SELECT max(id) FROM callback")[0][0]))
    assert "0008" == migrate(old.url)[0]
    assert there == contents(old)
    run(old, go_on)


IDS = "SELECT id FROM message"


def test_every_partition_has_every_index(old: PostgresEngine) -> None:
    migrate(old.url)
    counts = {str(name): int(str(count)) for name, count in ask(old, INDEXES)}
    for table in TABLES:
        assert counts[table] > 1
        assert {counts[table]} == {counts[f"{table}_{number}"] for number in range(3)}
    assert [] == ask(old, UNATTACHED)


UNATTACHED = """
SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
JOIN pg_class t ON t.oid = i.indrelid
WHERE t.relispartition AND NOT c.relispartition"""


def test_sequences_belong_to_the_new_tables(old: PostgresEngine) -> None:
    migrate(old.url)
    engine = open_engine(old.url)
    with engine.connect() as connection:
        owned = [
            connection.scalar(text(f"SELECT pg_get_serial_sequence('{table}', 'id')"))
            for table in TABLES
        ]
    engine.dispose()
    assert [f"public.{table}_id_seq" for table in TABLES] == owned


async def test_a_gateway_of_before_goes_on_meanwhile(old: PostgresEngine) -> None:
    """Its statements were prepared on the tables as they were."""
    done = threading.Event()

    async with opened_before(old) as (path, _store):
        sent = 0

        def upgrade() -> None:
            migrate(old.url)
            done.set()

        other = threading.Thread(target=upgrade)
        while not (done.is_set() and sent % 20 == 0):
            sent += 1
            (part,) = await path.sending()
            await path.answer(part, PartState.SENT, f"s{sent}")
            (told,) = await path.settle(receipt(f"s{sent}"))
            assert part >> 8 == told.event.message_id
            if sent == 20:
                other.start()
        other.join()
        assert sent == len(path.parts())
        assert {"delivered"} == set(path.parts().values())
    assert [(_revisions()[-1],)] == ask(old, "SELECT version_num FROM alembic_version")


def test_it_waits_for_who_reads(old: PostgresEngine) -> None:
    with psycopg.connect(old.url) as reader:
        reader.execute("SELECT count(*) FROM callback")
        other = threading.Thread(target=lambda: migrate(old.url))
        other.start()
        asyncio.run(accept_one(old))  # it gives way to whoever comes meanwhile
        assert [("0007",)] == ask(old, "SELECT version_num FROM alembic_version")
    other.join()
    assert [(_revisions()[-1],)] == ask(old, "SELECT version_num FROM alembic_version")


async def accept_one(old: PostgresEngine) -> None:
    store = PostgresStore(old.url, node="before")
    await store.open(NOW)
    async with asyncio.timeout(PATIENCE):
        await Path(old, store).accept()
    await store.close()
