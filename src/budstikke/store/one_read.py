"""
Runs one verb that only reads, over a connection of its own, for the command line.

No store is opened: the process does not become a node, and a gateway may run.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

from budstikke.store.contract import StoreUnavailable
from budstikke.store.engines.sqlite.connection import Connection, in_snapshot
from budstikke.store.engines.sqlite.opening import connect_reader
from budstikke.store.engines.sqlite.transactions import finish
from budstikke.store.select import PATIENCE, file_of
from budstikke.store.verbs.bounds import PartitionBounds

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

    from budstikke.store.verbs.connection import Verb

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def read_once(url: str, verb: Verb[*Ts, T], *args: *Ts) -> T:
    """
    Run a verb that only reads; all its statements see one state of the database.

    Args:
        url: As ``store.admin.open_engine`` takes it.
        verb: The verb.
        args: Its arguments, after the connection.

    Raises:
        StoreUnavailable: The database cannot be read; nothing of the URL is in it.

    """
    file = file_of(url)
    if file is None:
        return _on_postgres(url, verb, *args)
    return _on_sqlite(file, verb, *args)


def _on_sqlite(file: Path, verb: Verb[*Ts, T], *args: *Ts) -> T:
    try:
        with closing(connect_reader(file)) as raw:
            return finish(in_snapshot(Connection(raw), verb, args))
    except sqlite3.Error as error:
        raise StoreUnavailable(str(error)) from error


def _on_postgres(url: str, verb: Verb[*Ts, T], *args: *Ts) -> T:
    # An installation on SQLite has no driver of PostgreSQL.
    import psycopg  # noqa: PLC0415 - see above
    from psycopg.types.string import TextLoader  # noqa: PLC0415 - likewise

    from budstikke.store.engines.postgres.connection import (  # noqa: PLC0415 - likewise
        Connection as PostgresConnection,
    )

    try:
        with psycopg.connect(
            url,
            connect_timeout=PATIENCE,
            application_name="budstikke administration",
            cursor_factory=psycopg.RawCursor,
        ) as raw:
            raw.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            raw.read_only = True
            for kind in ("json", "jsonb"):
                raw.adapters.register_loader(kind, TextLoader)
            connection = PostgresConnection(_Waiting(raw), 0, PartitionBounds(), set())
            return finish(verb(connection, *args))
    except psycopg.Error as error:
        lines = str(error).splitlines()
        raise StoreUnavailable(lines[0] if lines else "no database") from error


class _Waiting:
    """A blocking connection in the manner of the driver that gateways use."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw

    async def fetch(self, statement: str, *values: object) -> list[Any]:
        """Run a statement; return its rows."""
        return self._raw.execute(statement, values).fetchall()

    async def fetchrow(self, statement: str, *values: object) -> Any:
        """Run a statement; return its first row, or ``None``."""
        return self._raw.execute(statement, values).fetchone()

    async def fetchval(self, statement: str, *values: object) -> Any:
        """Run a statement; return the first column of its first row, or ``None``."""
        row = await self.fetchrow(statement, *values)
        return None if row is None else row[0]
