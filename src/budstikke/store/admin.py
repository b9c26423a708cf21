"""
Administration: what is read and written seldom, through SQLAlchemy Core.

Everything here waits for the database: call it in a thread.
"""

from __future__ import annotations

from contextlib import contextmanager
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.pool import NullPool

from budstikke.domain.directory import Access, Account, CarrierEntry, Directory, Route
from budstikke.domain.key_identifier import SALT
from budstikke.domain.money import REFUNDS, SMS, Price, PriceList, pieces
from budstikke.domain.number_inventory import (
    Keyword,
    Number,
    NumberInventory,
    NumberKind,
)
from budstikke.store import schema
from budstikke.store.contract.nodes import CHANNEL, Hint

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

BUSY = 30.0
"""Seconds to wait for another process's transaction."""


POSTGRESQL = ("postgresql://", "postgres://")
"""How the URL of a PostgreSQL database begins; the rest is as libpq has it."""

ADMINISTRATION = 0x62756473
"""The advisory lock of who administers a PostgreSQL database: "buds"."""


def open_engine(url: str) -> Engine:
    """
    Open a database for administration; nothing is connected until it is used.

    Args:
        url: ``sqlite:///PATH``, or ``postgresql://…`` with all that libpq takes:
            several hosts, and which of them is wanted (``target_session_attrs``).

    Transactions are whole ones on SQLite too, and commits survive a loss of power.
    Faults never show the values of a statement.

    """
    return _open_postgres(url) if url.startswith(POSTGRESQL) else _open_sqlite(url)


def _open_postgres(url: str) -> Engine:
    import psycopg  # noqa: PLC0415 - who has SQLite does without it

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
    Hold a transaction that may write from its first statement on.

    Nobody else administers the database meanwhile. On SQLite nobody else writes; on
    PostgreSQL the gateways do: rows that they change, too, are read ``FOR UPDATE``.
    """
    writing = engine.execution_options(begin="IMMEDIATE")
    with writing.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(ADMINISTRATION)))
        yield connection


def announce_directory(connection: Connection) -> None:
    """Have nodes on PostgreSQL read the directory at the commit; others look often."""
    if connection.dialect.name == "postgresql":
        hint = msgspec.json.encode(Hint(0, directory=True)).decode()
        connection.execute(select(func.pg_notify(CHANNEL, hint)))


def revision(engine: Engine) -> int:
    """Tell which state of the directory the database holds."""
    with engine.connect() as connection:
        return read_revision(connection)


def read_revision(connection: Connection) -> int:
    """Do as ``revision`` within a transaction."""
    meta = schema.meta.c
    found = connection.scalar(select(meta.value).where(meta.key == "revision"))
    return int(found or 0)


def read_directory(
    engine: Engine, settings_types: Mapping[str, type[msgspec.Struct]]
) -> Directory:
    """
    Read who may do what.

    Args:
        engine: The database.
        settings_types: The ``Settings`` of each dialect, by its name. Accesses of a
            dialect that is not here are left out.

    Raises:
        ValueError: Settings in the database that do not fit; it says whose.

    """
    with engine.connect() as connection:
        while True:
            before = read_revision(connection)
            found = _directory(connection, before, settings_types)
            if before == read_revision(connection):  # whole also without snapshots
                return found


def _directory(
    connection: Connection,
    revision: int,
    settings_types: Mapping[str, type[msgspec.Struct]],
) -> Directory:
    accounts = _accounts(connection)
    suppressed = schema.suppression.c
    numbers = select(suppressed.number).where(suppressed.account_id == 0)
    return Directory(
        revision=revision,
        accesses=_accesses(connection, accounts, settings_types),
        carriers={
            row.id: CarrierEntry(
                id=row.id,
                name=row.name,
                kind=row.kind,
                settings=msgspec.json.decode(row.settings),
            )
            for row in connection.execute(select(schema.carrier))
        },
        routes=tuple(
            Route(
                prefix=row.prefix,
                carriers=tuple(msgspec.json.decode(row.carriers)),
                account_id=row.account_id,
                requires=frozenset(msgspec.json.decode(row.requires)),
                senders=msgspec.json.decode(row.senders),
            )
            for row in connection.execute(select(schema.route))
        ),
        blacklist=frozenset(connection.scalars(numbers)),
        inventory=_inventory(connection),
        salt=read_salt(connection),
    )


def read_salt(connection: Connection) -> str:
    """Read the salt of ``domain.key_identifier``."""
    meta = schema.meta.c
    found: str = connection.scalar(select(meta.value).where(meta.key == SALT)) or ""
    return found


def _inventory(connection: Connection) -> NumberInventory:
    numbers = {
        row.id: Number(
            id=row.id,
            value=row.value,
            kind=NumberKind(row.kind),
            access_id=row.access_id,
            url=row.url,
        )
        for row in connection.execute(select(schema.number))
    }
    keywords = {
        row.id: Keyword(
            id=row.id,
            number_id=row.number_id,
            word=row.word,
            aliases=tuple(msgspec.json.decode(row.aliases)),
            access_id=row.access_id,
            url=row.url,
            receipt=row.receipt,
        )
        for row in connection.execute(select(schema.keyword))
    }
    return NumberInventory(numbers, keywords)


def _price_lists(connection: Connection) -> dict[int, PriceList]:
    prices: dict[int, list[Price]] = {}
    for row in connection.execute(select(schema.price)):
        prices.setdefault(row.price_list_id, []).append(
            Price(
                prefix=row.prefix,
                amount=row.amount,
                valid_from=row.valid_from,
                valid_until=row.valid_until,
                mms=row.mms,
            )
        )
    return {
        row.id: PriceList(
            name=row.name,
            currency=row.currency,
            prices=tuple(prices.get(row.id, ())),
        )
        for row in connection.execute(select(schema.price_list))
    }


def _opted_out(connection: Connection) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    table = schema.suppression
    rows = connection.execute(select(table).where(table.c.account_id != 0))
    for row in rows:
        found.setdefault(row.account_id, set()).add(row.number)
    return found


def _accounts(connection: Connection) -> dict[int, Account]:
    lists, opted_out = _price_lists(connection), _opted_out(connection)
    return {
        row.id: Account(
            id=row.id,
            name=row.name,
            blocked=row.blocked,
            grants=tuple(msgspec.json.decode(row.grants)),
            unsure=row.unsure,
            unsure_after=row.unsure_after,
            currency=row.currency,
            prepaid=row.prepaid,
            credit_limit=row.credit_limit,
            prices=lists.get(row.price_list_id, _unlisted(row)),
            refund=REFUNDS[row.pays_for],
            premium=row.premium,
            home=row.home,
            reply_number=row.reply_number,
            opted_out=frozenset(opted_out.get(row.id, ())),
            stop=tuple(msgspec.json.decode(row.stop)),
            stop_reply=row.stop_reply,
        )
        for row in connection.execute(select(schema.account))
    }


def _unlisted(row: Any) -> PriceList | None:
    """Tell what an account without a list pays."""
    return pieces(row.home) if row.currency == SMS else None


def _accesses(
    connection: Connection,
    accounts: Mapping[int, Account],
    settings_types: Mapping[str, type[msgspec.Struct]],
) -> dict[int, Access]:
    return {
        row.id: Access(
            id=row.id,
            account=accounts[row.account_id],
            dialect=row.dialect,
            identifier=row.identifier,
            secret=row.secret,
            networks=tuple(map(ip_network, msgspec.json.decode(row.networks))),
            require_https=row.require_https,
            blocked=row.blocked,
            settings=_settings(row, settings_types[row.dialect]),
        )
        for row in connection.execute(select(schema.access))
        if row.dialect in settings_types
    }


def _settings(row: Any, kind: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.json.decode(row.settings, type=kind)
    except msgspec.ValidationError as error:
        raise ValueError(
            f"access {row.dialect} {row.identifier}: settings: {error}"
        ) from error
