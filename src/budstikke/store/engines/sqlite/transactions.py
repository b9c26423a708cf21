"""
Jobs in transactions: those of a group are committed together, and synced once.

A job is a function that gets the connection and its arguments. It may run again after a
rollback, if another one of its group fails. ``durability`` says what a commit survives
(syncing.py).
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from inspect import iscoroutinefunction
from math import inf
from typing import TYPE_CHECKING, Any, TypeVar

from budstikke.store.contract import StoreDamaged, StoreUnavailable
from budstikke.store.engines.sqlite.connection import Connection
from budstikke.store.engines.sqlite.jobs import run
from budstikke.store.engines.sqlite.syncing import Syncing

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from budstikke.store.engines.sqlite.jobs import Job

    Outcome = tuple[Any, BaseException | None]

T = TypeVar("T")

log = logging.getLogger("budstikke.store")

MOST_JOBS = 256
"""Jobs in one transaction; with more, the first ones would wait longer."""


class Transactions:
    """
    A connection that writes.

    Args:
        connection: In autocommit mode.

    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._verbs = Connection(connection)
        self._syncing = Syncing(connection)
        self._doubtful = False  # the last write failed

    def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Run jobs; what this returns is durable. Each has its result or its error."""
        try:
            return self._transaction(jobs)
        except Exception:
            if len(jobs) == 1:
                log.debug("a transaction failed", exc_info=True)
        # One of them failed, and none is committed: each gets its own transaction.
        outcomes: list[Outcome] = []
        for job in jobs:
            try:
                outcomes += self._transaction([job])
            except Exception as error:  # noqa: BLE001 - the job's caller gets it
                outcomes.append((None, translated(error)))
        return outcomes

    def _transaction(self, jobs: Sequence[Job]) -> list[Outcome]:
        connection, syncing = self._connection, self._syncing
        terms = [arguments[0] for function, arguments in jobs if function is run]
        to_disk = any(each.to_disk for each in terms)
        until = min((each.until for each in terms), default=inf)
        try:
            if syncing.full is (not to_disk):
                syncing.switch()
            connection.execute("BEGIN IMMEDIATE")
            try:
                outcomes: list[Outcome] = [
                    (call(self._verbs, function, arguments), None)
                    for function, arguments in jobs
                ]
                if self._doubtful:
                    # A transaction without a write would hide that writing fails.
                    _write_something(connection)
                if time.monotonic() > until:
                    what = "the database writer took too long"
                    raise StoreUnavailable(what)  # noqa: TRY301 - to roll it back
                connection.execute("COMMIT")
            except BaseException:
                # SQLite itself rolls back after some errors (a full disk).
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.DatabaseError as error:
            if isinstance(translated(error), StoreUnavailable):
                self._doubtful = True
                _forget_pages(connection)
            raise
        self._doubtful = False
        return outcomes


def each(
    connection: sqlite3.Connection, jobs: Sequence[Job], node_id: int
) -> list[Outcome]:
    """Run jobs that only read, each by itself."""
    verbs = Connection(connection, node_id)
    outcomes: list[Outcome] = []
    for function, arguments in jobs:
        try:
            outcomes.append((call(verbs, function, arguments), None))
        except Exception as error:  # noqa: BLE001 - given to whom it concerns
            outcomes.append((None, translated(error)))
    return outcomes


def call(
    connection: Connection, function: Callable[..., Any], arguments: Sequence[Any]
) -> Any:
    """Run a verb, or a job that is SQLite's own and takes its library's connection."""
    if iscoroutinefunction(function):
        return finish(function(connection, *arguments))
    return function(connection.raw, *arguments)


def finish(verb: Coroutine[Any, Any, T]) -> T:
    """Run a verb to its end; it never waits, since its connection never does."""
    try:
        verb.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    verb.close()
    raise AssertionError("a verb awaited something other than its connection")


def translated(error: Exception) -> Exception:
    """
    Return the contract's error for an error of SQLite.

    A damaged file raises ``DatabaseError`` itself (SQLITE_CORRUPT, SQLITE_NOTADB). Of
    its subclasses only two are states of the disk; the others are bugs of ours.
    """
    if type(error) is sqlite3.DatabaseError:
        return StoreDamaged(f"the database is damaged: {error}")
    if isinstance(error, sqlite3.OperationalError | sqlite3.InternalError):
        return StoreUnavailable(str(error))
    return error


def _forget_pages(connection: sqlite3.Connection) -> None:
    """Drop cached pages, and read them from the disk again: it may be repaired."""
    with contextlib.suppress(sqlite3.DatabaseError):
        connection.execute("PRAGMA shrink_memory")


def _write_something(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {version}")
