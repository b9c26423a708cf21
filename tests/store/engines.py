"""
What the conformance suite needs of an engine beside the contract.

A new engine is a class here and a line in ``ENGINES``; it then inherits every test in
``test_conformance_*.py``.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import func, insert, select

from budstikke.store import schema
from budstikke.store.admin import open_engine
from budstikke.store.migrate import migrate
from budstikke.subprocesses import frame, frames
from store.databases import sqlite_of, sqlite_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from budstikke.store.contract import Store
    from budstikke.store.database_store import DatabaseStore


class Engine(Protocol):
    """One database, empty but for the directory that ``fill_directory`` writes."""

    url: str
    """For ``open_engine``: what the verbs do not show is read through it."""

    def store(self) -> Store:
        """Make a store on this database, not yet open."""

    def fresh(self) -> Engine:
        """Make another database like this one was at first."""

    def after_power_loss(self) -> Engine:
        """Take the database as a loss of power at this moment would leave it."""

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        """Let no write succeed within the block."""


class SqliteEngine:
    """SQLite in a folder; ``synchronous`` is off, since nobody pulls the plug here."""

    def __init__(self, folder: Path, template: Path | None = None) -> None:
        self._folder = folder
        self._template = template
        self._copies = itertools.count(1)
        self.file = folder / "b.sqlite"
        self.url = f"sqlite:///{self.file}"
        folder.mkdir(exist_ok=True)
        if template is not None:
            shutil.copy(template, self.file)

    def store(self) -> DatabaseStore:
        store = sqlite_store(self.file, synchronous="OFF")
        return through_pickles(store)

    def fresh(self) -> SqliteEngine:
        folder = self._folder / f"fresh{next(self._copies)}"
        return SqliteEngine(folder, self._template)

    def after_power_loss(self) -> SqliteEngine:
        """Copy the file and its log; what only memory held is lost."""
        copy = SqliteEngine(self._folder / f"copy{next(self._copies)}")
        for suffix in ("", "-wal"):
            source = self.file.with_name(self.file.name + suffix)
            if source.exists():
                shutil.copy(source, copy.file.with_name(copy.file.name + suffix))
        return copy

    @contextmanager
    def unwritable(self) -> Iterator[None]:
        """Let the operating system refuse all writing to files, as a full disk does."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def through_pickles(store: DatabaseStore) -> DatabaseStore:
    """Let all that a writing thread is given, and gives, be as to a process."""
    run = sqlite_of(store)._writer.run

    def crossed(value: Any) -> Any:
        (again,) = frames(bytearray(frame(value)))
        return again

    async def whole(function: Any, arguments: Any) -> Any:
        try:
            return crossed(await run(function, *arguments))
        except Exception as error:
            raise crossed(error) from error

    def through(function: Any, *arguments: Any) -> asyncio.Future[Any]:
        if "<" in function.__qualname__:  # a test's own
            return run(function, *arguments)
        return asyncio.ensure_future(whole(*crossed((function, arguments))))

    sqlite_of(store)._writer.run = through  # type: ignore[assignment, method-assign]
    return store


ENGINES = ("sqlite", "postgres")
"""Names of the engines that the suite is run on."""


def make_template(folder: Path) -> Path:
    """Migrate an empty SQLite database once; tests copy it."""
    engine = SqliteEngine(folder)
    migrate(engine.url)
    fill_directory(engine.url)
    return engine.file


def fill_directory(url: str) -> None:
    """Write two accounts that treat unsure parts differently, and three carriers."""
    engine = open_engine(url)
    with engine.begin() as connection:
        accounts = [
            {"id": 1, "name": "fails", "unsure": "fail", "unsure_after": 3600.0},
            {"id": 2, "name": "resends", "unsure": "resend", "unsure_after": 60.0},
        ]
        connection.execute(insert(schema.account), accounts)
        accesses = [
            {"id": n, "account_id": n, "dialect": "front", "identifier": f"{n}"}
            for n in (1, 2)
        ]
        connection.execute(insert(schema.access), accesses)
        carriers = [
            {"id": n, "name": f"c{n}", "kind": "simulator", "settings": "{}"}
            for n in (1, 2, 3)
        ]
        connection.execute(insert(schema.carrier), carriers)
        for table in (schema.account, schema.access, schema.carrier):
            catch_up(connection, table)
    engine.dispose()


def catch_up(connection: Connection, table: Any) -> None:
    """Let ids go on after those that were written by hand, as they do on SQLite."""
    given = table.autoincrement_column
    if connection.dialect.name == "postgresql" and given is not None:
        last = select(func.max(given)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(table.name, given.name)
        connection.execute(select(func.setval(sequence, last)))


def rows(engine: Engine, table: Any, *columns: str) -> list[tuple[Any, ...]]:
    """Read columns of a whole table in the order of its key."""
    database = open_engine(engine.url)
    with database.connect() as connection:
        chosen = [table.c[name] for name in columns]
        found = connection.execute(select(*chosen).order_by(*table.primary_key)).all()
    database.dispose()
    return [tuple(row) for row in found]
