"""The engines, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.engines import ENGINES, Engine, SqliteEngine, fill_directory, make_template
from store.nodes import node
from store.path import opened
from store.postgres_engine import PostgresEngine, make_postgres_template
from store.postgres_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from store.path import Path as Steps


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    server = serving()
    yield server
    server.close()


@pytest.fixture(scope="session")
def make_postgres(postgres_server: Server) -> Callable[[], PostgresEngine]:
    used: list[str] = []
    make_postgres_template(postgres_server, fill_directory)
    return lambda: PostgresEngine(postgres_server, used=used)


@pytest.fixture
def postgres(make_postgres: Callable[[], PostgresEngine]) -> Iterator[PostgresEngine]:
    engine = make_postgres()
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture
def own(
    make_postgres: Callable[[], PostgresEngine], postgres_server: Server
) -> Iterator[PostgresEngine]:
    """A database that is not used again: its partitions are no longer the first."""
    make_postgres().close()  # so that there is a template
    engine = PostgresEngine(postgres_server)
    try:
        yield engine
    finally:
        engine.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "sqlite":
        template = request.getfixturevalue("sqlite_template")
        yield SqliteEngine(tmp_path / "db", template)
        return
    made: PostgresEngine = request.getfixturevalue("make_postgres")()
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
async def path(engine: Engine) -> AsyncIterator[Steps]:
    """An open store, on each engine, and the steps around it."""
    async with opened(engine) as path:
        yield path


@pytest.fixture
async def one(postgres: PostgresEngine) -> AsyncIterator[Steps]:
    """The first node on a PostgreSQL database."""
    async with node(postgres, "a") as path:
        yield path


@pytest.fixture
async def two(postgres: PostgresEngine, one: Steps) -> AsyncIterator[Steps]:
    """The second node on that database."""
    async with node(postgres, "b") as path:
        yield path
