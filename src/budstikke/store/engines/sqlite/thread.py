"""
A thread with a SQLite connection.

Readers are threads: they have little to do, and must not wait for the writer. The
writer is a thread in tests; a gateway's is a child process (process.py).
"""

from __future__ import annotations

import queue
import threading
from asyncio import Future, get_running_loop
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

from budstikke.store.contract import Pulse, StoreUnavailable
from budstikke.store.engines.sqlite.transactions import MOST_JOBS, Transactions, each

if TYPE_CHECKING:
    import sqlite3
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Coroutine, Sequence

    from budstikke.store.engines.sqlite.connection import Connection
    from budstikke.store.engines.sqlite.jobs import Job
    from budstikke.store.engines.sqlite.locking import FileLock
    from budstikke.store.engines.sqlite.transactions import Outcome

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class WorkerThread:
    """
    A connection in a thread; await ``run`` on the event loop.

    Args:
        connect: Opens the connection, in the thread.
        grouped: Whether jobs share transactions (a writer) or have none (a reader).
        pulse: Notes failures.

    Attributes:
        node_id: The node of a reader's verbs; a writer sets its own.

    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        *,
        grouped: bool = False,
        pulse: Pulse | None = None,
    ) -> None:
        self.node_id = 0
        self._connect = connect
        self._grouped = grouped
        self._pulse = pulse or Pulse()
        self._jobs: queue.SimpleQueue[tuple[Job, Future[Any]] | None]
        self._jobs = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: AbstractEventLoop | None = None

    async def start(self, _lock: FileLock | None = None) -> None:
        """Open the connection; raises what ``connect`` raises."""
        self._loop = get_running_loop()
        opened: Future[None] = self._loop.create_future()
        name = "store-writer" if self._grouped else "store-reader"
        self._thread = threading.Thread(
            target=self._work, args=(opened,), name=name, daemon=True
        )
        self._thread.start()
        await opened

    async def stop(self) -> None:
        """Finish the waiting jobs, and close the connection."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await get_running_loop().run_in_executor(None, thread.join)

    @overload
    def run(
        self,
        function: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> Future[T]: ...

    @overload
    def run(
        self, function: Callable[[sqlite3.Connection, *Ts], T], *args: *Ts
    ) -> Future[T]: ...

    def run(self, function: Callable[[Any, *Ts], Any], *args: *Ts) -> Future[Any]:
        """Run a job in the thread; the future is done when it is durable."""
        if self._loop is None or self._thread is None:
            raise StoreUnavailable("the store is closed")
        future: Future[Any] = self._loop.create_future()
        self._jobs.put(((function, args), future))
        return future

    def _work(self, opened: Future[None]) -> None:
        assert self._loop is not None  # noqa: S101 - start() set it
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001 - start() raises it
            self._loop.call_soon_threadsafe(_fail, opened, error)
            return
        self._loop.call_soon_threadsafe(opened.set_result, None)
        transactions = Transactions(connection)
        while (first := self._jobs.get()) is not None:
            waiting, last = self._gather(first)
            jobs = [job for job, _ in waiting]
            outcomes = (
                transactions.run(jobs)
                if self._grouped
                else each(connection, jobs, self.node_id)
            )
            futures = [future for _, future in waiting]
            call_soon = self._loop.call_soon_threadsafe
            call_soon(resolve, futures, outcomes, self._pulse)
            if last:
                break
        connection.close()

    def _gather(
        self, first: tuple[Job, Future[Any]]
    ) -> tuple[list[tuple[Job, Future[Any]]], bool]:
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


def _fail(future: Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def resolve(
    futures: Sequence[Future[Any]], outcomes: Sequence[Outcome], pulse: Pulse
) -> None:
    """Set each future's result or exception."""
    for future, (value, error) in zip(futures, outcomes, strict=True):
        if error is not None:
            pulse.failed(error)
        if future.done():
            continue  # the caller was cancelled; the job is done
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
