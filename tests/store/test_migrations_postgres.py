"""Migrations make on PostgreSQL what the schema says, too."""

from __future__ import annotations

import itertools
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from alembic import command
from sqlalchemy import inspect, text

from budstikke.store.admin import open_engine
from budstikke.store.migrate import _config, migrate
from budstikke.store.schema import metadata
from budstikke.store.schema_check import SchemaError, check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from store.postgres_server import Server

_numbers = itertools.count(1)

INDEXES = """
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
    AND tablename NOT LIKE 'alembic%' AND tablename !~ '_[0-9]+$' ORDER BY indexdef"""
"""Without those of partitions."""


@pytest.fixture
def database(postgres_server: Server) -> Iterator[str]:
    name = f"migrated_{next(_numbers)}"
    postgres_server.execute(f"CREATE DATABASE {name}")
    yield name
    postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def url(postgres_server: Server, database: str) -> str:
    return postgres_server.url(database)


def structure(url: str) -> dict[str, Any]:
    """Read every table's columns and constraints, and every index."""
    engine = open_engine(url)
    with engine.connect() as connection:
        seen = inspect(connection)
        found: dict[str, Any] = {
            table: (
                sorted(
                    (c["name"], str(c["type"]), c["nullable"], str(c["default"]))
                    for c in seen.get_columns(table)
                ),
                seen.get_pk_constraint(table)["constrained_columns"],
                sorted(u["column_names"] for u in seen.get_unique_constraints(table)),
                sorted(
                    (f["constrained_columns"], f["referred_table"])
                    for f in seen.get_foreign_keys(table)
                ),
            )
            for table in seen.get_table_names()
            if table != "alembic_version" and not re.search(r"_\d+$", table)
        }
        found["indexes"] = connection.execute(text(INDEXES)).scalars().all()
    engine.dispose()
    return found


def test_migrations_make_the_schema(url: str, postgres_server: Server) -> None:
    migrate(url)
    postgres_server.execute("CREATE DATABASE plain")
    plain = postgres_server.url("plain")
    engine = open_engine(plain)
    metadata.create_all(engine)
    engine.dispose()
    assert structure(plain) == structure(url)
    postgres_server.execute("DROP DATABASE plain WITH (FORCE)")


def test_alembic_finds_nothing_to_write(url: str) -> None:
    migrate(url)
    engine = open_engine(url)
    config = _config()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.check(config)  # raises for what a new migration would hold
    engine.dispose()


def test_every_partial_index_is_one_on_both_engines() -> None:
    options = {
        index.name: (
            str(index.dialect_options["sqlite"]["where"]),
            str(index.dialect_options["postgresql"]["where"]),
        )
        for table in metadata.tables.values()
        for index in table.indexes
    }
    assert {} == {name: pair for name, pair in options.items() if pair[0] != pair[1]}
    assert any(pair[0] != "None" for pair in options.values())


def test_migrating_again_does_nothing(url: str) -> None:
    assert "0001" == migrate(url)[0]
    assert [] == migrate(url)
    check(url)


def test_two_that_migrate_at_once_do_it_once(url: str) -> None:
    done: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: done.append(migrate(url))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [[], []] == sorted(done)[:2]
    assert "0001" == max(done)[0]


def test_an_empty_database_is_refused(url: str) -> None:
    with pytest.raises(SchemaError, match="is empty: run `budstikke migrate`"):
        check(url)


def test_a_newer_database_is_refused(url: str) -> None:
    migrate(url)
    engine = open_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(
            text("UPDATE meta SET value = '9999' WHERE key = 'compatible'")
        )
    engine.dispose()
    with pytest.raises(SchemaError, match="9999, newer than this program"):
        check(url)
    with pytest.raises(SchemaError, match="9999, newer than this program"):
        migrate(url)


PARTITION_INDEXES = """
SELECT i.indrelid::regclass::text, count(*) FROM pg_index i
WHERE i.indrelid::regclass::text ~ '^(message|part|callback)(_[0-9]+)?$'
    AND i.indisvalid GROUP BY 1"""

BOUNDS = """
SELECT c.relname::text, pg_get_expr(c.relpartbound, c.oid) FROM pg_class c
WHERE c.relispartition AND c.relkind = 'r' ORDER BY 1"""


def query(url: str, statement: str) -> list[Any]:
    engine = open_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(statement)).all()
    engine.dispose()
    return [tuple(row) for row in found]


def test_the_big_tables_have_their_first_partitions(url: str) -> None:
    migrate(url)
    counts = dict(query(url, PARTITION_INDEXES))
    for table in ("message", "part", "callback"):
        assert counts[table] > 1
        assert {counts[table]} == {counts[f"{table}_{number}"] for number in range(3)}
    bounds = dict(query(url, BOUNDS))
    first = 1001 + 16 * 262_144
    assert f"FOR VALUES FROM ('1') TO ('{first}')" == bounds["message_1"]
    assert f"FOR VALUES FROM ('256') TO ('{first * 256}')" == bounds["part_1"]
    assert "FOR VALUES FROM (MINVALUE) TO ('1')" == bounds["callback_0"]
    assert bounds["callback_2"].endswith("TO (MAXVALUE)")


def test_a_migration_that_fails_changes_nothing(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upgrade(config: Any, _: str) -> None:
        config.attributes["connection"].exec_driver_sql("CREATE TABLE half (id INT)")
        raise OSError("disk full")

    monkeypatch.setattr("budstikke.store.migrate.command.upgrade", upgrade)
    with pytest.raises(OSError, match="disk full"):
        migrate(url)
    assert {"indexes": []} == structure(url)
