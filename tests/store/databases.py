"""Stores on each engine, and what a test looks at inside of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from budstikke.store.database_store import DatabaseStore
from budstikke.store.engines.postgres import PostgresEngine
from budstikke.store.engines.sqlite import SqliteEngine

if TYPE_CHECKING:
    from pathlib import Path

    from budstikke.store.contract import Store


def sqlite_store(file: Path, **options: Any) -> DatabaseStore:
    """Make a store on a SQLite file, not yet open."""
    return DatabaseStore(SqliteEngine(file, **options))


def postgres_store(url: str, *, node: str, **options: Any) -> DatabaseStore:
    """Make a store on a PostgreSQL database, not yet open."""
    return DatabaseStore(PostgresEngine(url, node=node, **options))


def sqlite_of(store: Store) -> SqliteEngine:
    """Take the SQLite engine of a store."""
    assert isinstance(store, DatabaseStore)
    assert isinstance(store.engine, SqliteEngine)
    return store.engine


def postgres_of(store: Store) -> PostgresEngine:
    """Take the PostgreSQL engine of a store."""
    assert isinstance(store, DatabaseStore)
    assert isinstance(store.engine, PostgresEngine)
    return store.engine
