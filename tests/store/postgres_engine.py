"""PostgreSQL for the conformance suite: a database of its own for each test."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg

from budstikke.store.migrate import migrate
from budstikke.store.schema import metadata
from store.databases import postgres_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from budstikke.store.database_store import DatabaseStore
    from store.postgres_server import Server

TEMPLATE = "template_budstikke"

FILLED = ("meta", "account", "access", "carrier")
"""Tables that the template has rows in; it keeps them once more, in a schema."""

KEEP = "CREATE SCHEMA kept; " + "".join(
    f"CREATE TABLE kept.{table} AS SELECT * FROM {table}; " for table in FILLED
)

# To make a database costs half a second, to empty one a few milliseconds.
EMPTY = (
    "SET session_replication_role = replica; "
    + "".join(f'DELETE FROM "{table}"; ' for table in metadata.tables)
    + "".join(f"INSERT INTO {table} SELECT * FROM kept.{table}; " for table in FILLED)
    + "SELECT setval(oid, 1, false) FROM pg_class WHERE relkind = 'S'; "
    + "".join(
        f"SELECT setval('{table}_id_seq', max(id)) FROM kept.{table}; "
        for table in FILLED[1:]
    )
)

_numbers = itertools.count(1)


def make_postgres_template(server: Server, fill: Callable[[str], None]) -> None:
    """Migrate an empty database once; those of the tests are copies of it."""
    server.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(server.url(TEMPLATE))
    fill(server.url(TEMPLATE))
    _run(server.url(TEMPLATE), KEEP)


def expect_hang_ups() -> None:
    """
    Let a test go on whose connections are ended on purpose.

    asyncpg leaves a future behind that nobody asks why a connection could not be closed
    politely, and a test fails of what its loop is told and nobody asked for.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    strict = loop.get_exception_handler()

    def heard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if strict is None or isinstance(context.get("exception"), ConnectionError):
            loop.default_exception_handler(context)
        else:
            strict(loop, context)

    loop.set_exception_handler(heard)


def _run(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements.encode())


class PostgresEngine:
    """
    A database on the server of the session, copied from another.

    Args:
        server: Has it.
        template: What it is copied from.
        used: Databases that are like the template when they are emptied.

    """

    def __init__(
        self,
        server: Server,
        template: str = TEMPLATE,
        used: list[str] | None = None,
    ) -> None:
        self._server = server
        self._used = used
        self._others: list[PostgresEngine] = []
        if used:
            self.name = used.pop()
            self._end_sessions()
            _run(server.url(self.name), EMPTY)
        else:
            self.name = f"test_{next(_numbers)}"
            server.execute(f"CREATE DATABASE {self.name} TEMPLATE {template}")
        self.url = server.url(self.name)

    def store(self) -> DatabaseStore:
        return postgres_store(self.url, node="test")

    def fresh(self) -> PostgresEngine:
        self._others.append(PostgresEngine(self._server, used=self._used))
        return self._others[-1]

    def after_power_loss(self) -> PostgresEngine:
        """End every session in mid-sentence, and copy what had been committed."""
        self._end_sessions()
        self._others.append(PostgresEngine(self._server, self.name))
        return self._others[-1]

    def _end_sessions(self) -> None:
        expect_hang_ups()
        self._server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            f" WHERE datname = '{self.name}'"
        )

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        """Make it a replica, as after a fail-over: sessions end, new ones may read."""
        only = f"ALTER DATABASE {self.name} SET default_transaction_read_only"
        self._server.execute(f"{only} = on")
        self._end_sessions()
        try:
            yield
        finally:
            self._server.execute(f"{only} = off")
            self._end_sessions()

    def close(self) -> None:
        """Let it go, and drop what was copied from it."""
        for other in self._others:
            other.close()
        if self._used is not None:
            self._used.append(self.name)
        else:
            self._server.execute(f"DROP DATABASE {self.name} WITH (FORCE)")
