"""
Runs a verb from a command, beside gateways that run or none.

A command writes little and seldom: it has a connection of its own for one transaction,
and is no node. Everything here blocks.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

from budstikke.store.contract import StoreUnavailable
from budstikke.store.engines.sqlite.connection import Connection
from budstikke.store.engines.sqlite.transactions import finish
from budstikke.store.select import PATIENCE, file_of
from budstikke.store.verbs.bounds import PartitionBounds

if TYPE_CHECKING:
    from pathlib import Path

    from budstikke.store.verbs.connection import Verb

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

NO_NODE = 0


def run_verb(url: str, verb: Verb[*Ts, T], *args: *Ts) -> T:
    """
    Run a verb in a transaction; what it wrote is durable when this returns.

    Args:
        url: The database, as ``store.admin.open_engine`` takes it.
        verb: One that neither claims nor leases.
        args: Its arguments after the connection.

    Raises StoreUnavailable.

    """
    file = file_of(url)
    if file is not None:
        return _on_file(file, verb, *args)
    return asyncio.run(_on_server(url, verb, *args))


def _on_file(file: Path, verb: Verb[*Ts, T], *args: *Ts) -> T:
    try:
        with closing(
            sqlite3.connect(file, isolation_level=None, timeout=PATIENCE)
        ) as raw:
            raw.execute("PRAGMA synchronous = FULL")
            raw.execute("BEGIN IMMEDIATE")
            try:
                result = finish(verb(Connection(raw), *args))
            except BaseException:
                raw.execute("ROLLBACK")
                raise
            raw.execute("COMMIT")
            return result
    except sqlite3.Error as error:
        raise StoreUnavailable(str(error)) from error


async def _on_server(url: str, verb: Verb[*Ts, T], *args: *Ts) -> T:
    # An installation on SQLite has no driver of PostgreSQL.
    import asyncpg  # noqa: PLC0415 - see above

    from budstikke.store.engines.postgres.connection import (  # noqa: PLC0415 - see above
        Connection as PostgresConnection,
    )

    try:
        raw = await asyncpg.connect(url, timeout=PATIENCE)
        try:
            async with raw.transaction():
                connection = PostgresConnection(raw, NO_NODE, PartitionBounds(), set())
                return await verb(connection, *args)
        finally:
            await raw.close()
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        lines = str(error).splitlines()
        raise StoreUnavailable(lines[0] if lines else "no database") from error
