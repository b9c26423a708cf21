"""The engines that journeys are made on, one after the other."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from store.postgres_server import Server, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """Nobody kills it here; those that are killed are in tests/chaos."""
    server = serving()
    yield server
    server.close()


@pytest.fixture(scope="session")
def new_database(postgres_server: Server) -> Callable[[], str]:
    """Make an empty database on PostgreSQL; returns its URL."""

    def new() -> str:
        name = f"journey_{next(_numbers)}"
        postgres_server.execute(f"CREATE DATABASE {name}")
        return postgres_server.url(name)

    return new


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str:
    """Name a database for a module; empty: SQLite in the gateway's own folder."""
    return _named(request)


@pytest.fixture(params=["sqlite", "postgres"])
def empty_database(request: pytest.FixtureRequest) -> str:
    """Name a database for one test, likewise."""
    return _named(request)


def _named(request: pytest.FixtureRequest) -> str:
    if request.param == "sqlite":
        return ""
    new: Callable[[], str] = request.getfixturevalue("new_database")
    return new()
