"""
One thread that owns a SQLite connection, and commits in groups.

While one commit runs the next jobs gather; all that have gathered share a transaction
and so one sync to disk. There are no timers.

The event loop keeps the GIL busy, and ``sqlite3`` gives it up at every step of every
statement: a batch of 100 rows written row by row may then wait for it 200 times.
Batches therefore go in and out as one JSON value each and are worked inside SQLite,
without the GIL; docs/why/sqlite.md has the figures.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from asyncio import Future, get_running_loop
from typing import TYPE_CHECKING, Any, TypeVar

from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

log = logging.getLogger("budstikke.store")

T = TypeVar("T")
Job = tuple["Callable[[sqlite3.Connection], Any]", "Future[Any]"]

MOST_JOBS = 256
"""Jobs in one transaction; more would only make the first of them wait longer."""


class Writer:
    """
    A connection in a thread; ``run`` is awaited on the event loop.

    Args:
        connect: Opens the connection, in the thread.
        grouped: Whether jobs share transactions (a writer) or have none (a reader).

    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], *, grouped: bool = True
    ) -> None:
        self._connect = connect
        self._grouped = grouped
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: AbstractEventLoop | None = None
        self._doubtful = False  # writing failed, and has not succeeded since

    async def start(self) -> None:
        """Open the connection; raises what that raises."""
        self._loop = get_running_loop()
        opened: Future[None] = self._loop.create_future()
        name = "store-writer" if self._grouped else "store-reader"
        self._thread = threading.Thread(
            target=self._work, args=(opened,), name=name, daemon=True
        )
        self._thread.start()
        await opened

    async def stop(self) -> None:
        """Finish the jobs that are waiting and close the connection."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await get_running_loop().run_in_executor(None, thread.join)

    def run(self, job: Callable[[sqlite3.Connection], T]) -> Future[T]:
        """
        Do the job in the thread; the future is done when it is durable.

        The job may be run again, after a rollback, if another one of its group fails.
        """
        if self._loop is None or self._thread is None:
            raise StoreUnavailable("the store is closed")
        future: Future[T] = self._loop.create_future()
        self._jobs.put((job, future))
        return future

    def _work(self, opened: Future[None]) -> None:
        assert self._loop is not None  # noqa: S101 - start() set it
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001 - whatever it is, start() raises it
            self._loop.call_soon_threadsafe(_fail, opened, error)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        run = self._run_group if self._grouped else _run_each
        while (first := self._jobs.get()) is not None:
            jobs, last = self._gather(first)
            self._loop.call_soon_threadsafe(_resolve, run(connection, jobs))
            if last:
                break
        connection.close()

    def _gather(self, first: Job) -> tuple[list[Job], bool]:
        jobs = [first]
        try:
            while len(jobs) < MOST_JOBS:
                job = self._jobs.get_nowait()
                if job is None:
                    return jobs, True
                jobs.append(job)
        except queue.Empty:
            pass
        return jobs, False

    def _run_group(self, connection: sqlite3.Connection, jobs: list[Job]) -> Results:
        try:
            return self._transaction(connection, jobs)
        except Exception:
            if len(jobs) == 1:
                log.debug("a transaction failed", exc_info=True)
        # One of them failed: none is committed; each gets a transaction of its own.
        results: Results = []
        for job in jobs:
            try:
                results += self._transaction(connection, [job])
            except Exception as error:  # noqa: BLE001 - given to whom it concerns
                results.append((job[1], None, _translate(error)))
        return results

    def _transaction(self, connection: sqlite3.Connection, jobs: list[Job]) -> Results:
        """Do jobs in one transaction; after a failure it writes, whatever they do."""
        if self._doubtful:
            # Else one without anything to write would say that all is well again.
            jobs = [*jobs, (_write_something, Future(loop=self._loop))]
        try:
            results = _transaction(connection, jobs)
        except sqlite3.OperationalError:
            self._doubtful = True
            raise
        self._doubtful = False
        return results


Result = tuple["Future[Any]", Any, "BaseException | None"]
Results = list[Result]


def _transaction(connection: sqlite3.Connection, jobs: list[Job]) -> Results:
    connection.execute("BEGIN IMMEDIATE")
    try:
        results: Results = [(future, job(connection), None) for job, future in jobs]
        connection.execute("COMMIT")
    except BaseException:
        # SQLite has rolled back by itself after some errors (a full disk).
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _write_something(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {version}")


def _run_each(connection: sqlite3.Connection, jobs: list[Job]) -> Results:
    results: Results = []
    for job, future in jobs:
        try:
            results.append((future, job(connection), None))
        except Exception as error:  # noqa: BLE001 - given to whom it concerns
            results.append((future, None, _translate(error)))
    return results


def _translate(error: Exception) -> Exception:
    if isinstance(error, sqlite3.OperationalError):
        return StoreUnavailable(str(error))
    return error


def _fail(future: Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _resolve(results: Results) -> None:
    for future, value, error in results:
        if future.done():
            continue  # whoever asked has gone; what was done is done
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
