"""PostgreSQL for the conformance suite: a database of its own for each test."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from budstikke.store.migrate import migrate
from budstikke.store.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.postgres_server import Server

TEMPLATE = "template_budstikke"

_numbers = itertools.count(1)


def make_postgres_template(server: Server, fill: Callable[[str], None]) -> None:
    """Migrate an empty database once; those of the tests are copies of it."""
    server.execute(f"CREATE DATABASE {TEMPLATE}")
    migrate(server.url(TEMPLATE))
    fill(server.url(TEMPLATE))


class PostgresEngine:
    """A database on the server of the session, copied from another."""

    def __init__(self, server: Server, template: str = TEMPLATE) -> None:
        self._server = server
        self._template = template
        self._others: list[PostgresEngine] = []
        self.name = f"test_{next(_numbers)}"
        self.url = server.url(self.name)
        server.execute(f"CREATE DATABASE {self.name} TEMPLATE {template}")

    def store(self) -> PostgresStore:
        return PostgresStore(self.url, node="test")

    def fresh(self) -> PostgresEngine:
        self._others.append(PostgresEngine(self._server, self._template))
        return self._others[-1]

    def after_power_loss(self) -> PostgresEngine:
        """End every session in mid-sentence, and copy what had been committed."""
        self._end_sessions()
        self._others.append(PostgresEngine(self._server, self.name))
        return self._others[-1]

    def _end_sessions(self) -> None:
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
        """Drop it, and what was copied from it."""
        for other in self._others:
            other.close()
        self._server.execute(f"DROP DATABASE {self.name} WITH (FORCE)")
