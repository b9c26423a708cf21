"""
Administration: rare reads and writes, through SQLAlchemy Core.

Everything here blocks: call it in a thread.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
)
from sqlalchemy.pool import NullPool

from budstikke.domain.key_identifier import SALT
from budstikke.store import directory, schema
from budstikke.store.contract.nodes import CHANNEL, Hint
from budstikke.store.select import POSTGRESQL
from budstikke.store.time_seen import CONFIRMED

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from budstikke.domain.directory import Directory

BUSY = 30.0
"""Seconds to wait for another process's transaction."""


ADMINISTRATION = 0x62756473
"""The advisory lock of administration on a PostgreSQL database: "buds"."""


def open_engine(url: str) -> Engine:
    """
    Open a database for administration; it connects at first use.

    On SQLite, too, transactions are whole and commits survive a loss of power. Errors
    never show the values of a statement.

    Args:
        url: ``sqlite:///PATH``, or ``postgresql://…`` with all that libpq takes:
            several hosts, and which of them to use (``target_session_attrs``).


    """
    return _open_postgres(url) if url.startswith(POSTGRESQL) else _open_sqlite(url)


def _open_postgres(url: str) -> Engine:
    import psycopg  # noqa: PLC0415 - an installation on SQLite does without it

    def connect() -> psycopg.Connection[Any]:
        return psycopg.connect(
            url,
            connect_timeout=int(BUSY),
            application_name="budstikke administration",
            options=f"-c lock_timeout={int(BUSY * 1000)}",
        )

    return create_engine(
        "postgresql+psycopg://",
        creator=connect,
        poolclass=NullPool,
        hide_parameters=True,
    )


def _open_sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": BUSY, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _(connection: Connection) -> None:
        options = connection.get_execution_options()
        connection.exec_driver_sql(f"BEGIN {options.get('begin', 'DEFERRED')}")

    return engine


@contextmanager
def immediate(engine: Engine) -> Iterator[Connection]:
    """
    Begin a transaction that may write from its first statement on.

    Nobody else administers the database meanwhile. On SQLite nobody else writes. On
    PostgreSQL gateways do: read rows that they change ``FOR UPDATE``.
    """
    writing = engine.execution_options(begin="IMMEDIATE")
    with writing.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(ADMINISTRATION)))
        yield connection


def announce_directory(connection: Connection) -> None:
    """Let PostgreSQL's nodes read the directory at the commit; others poll."""
    if connection.dialect.name == "postgresql":
        hint = msgspec.json.encode(Hint(0, directory=True)).decode()
        connection.execute(select(func.pg_notify(CHANNEL, hint)))


def revision(engine: Engine) -> int:
    """Return the directory's revision."""
    with engine.connect() as connection:
        return read_revision(connection)


def read_revision(connection: Connection) -> int:
    """Return the directory's revision, within a transaction."""
    meta = schema.meta.c
    found = connection.scalar(select(meta.value).where(meta.key == "revision"))
    return int(found or 0)


def read_directory(
    engine: Engine, settings_types: Mapping[str, type[msgspec.Struct]]
) -> Directory:
    """Read the directory, as ``store.directory`` does."""
    with engine.connect() as connection:
        return directory.read_directory(connection.exec_driver_sql, settings_types)


def read_salt(connection: Connection) -> str:
    """Read the salt of ``domain.key_identifier``."""
    meta = schema.meta.c
    found: str = connection.scalar(select(meta.value).where(meta.key == SALT)) or ""
    return found


def confirm_clock(url: str, now: float) -> None:
    """Confirm that it is ``now`` (Unix seconds); gateways see it at their next beat."""
    engine = open_engine(url)
    meta = schema.meta
    try:
        with immediate(engine) as connection:
            connection.execute(delete(meta).where(meta.c.key == CONFIRMED))
            connection.execute(insert(meta).values(key=CONFIRMED, value=repr(now)))
    finally:
        engine.dispose()
