"""The engines, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from store.engines import ENGINES, Engine, SqliteEngine, fill_directory, make_template
from store.postgres_engine import PostgresEngine, make_postgres_template
from store.postgres_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("template"))


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[Server]:
    server = serving()
    try:
        make_postgres_template(server, fill_directory)
        yield server
    finally:
        server.close()


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    template = request.getfixturevalue(f"{request.param}_template")
    if request.param == "sqlite":
        yield SqliteEngine(tmp_path / "db", template)
        return
    made = PostgresEngine(template)
    try:
        yield made
    finally:
        made.close()
