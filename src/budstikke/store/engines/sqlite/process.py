"""
A process that owns the SQLite connection that writes.

The gateway's own process is busy with requests and links. A thread in it that writes
would share its interpreter: it would wait for the GIL several times a transaction, and
take it. docs/why/sqlite.md has the figures.

A job goes over as a function's name and its arguments. The process's side is writer.py.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple, overload

from budstikke import subprocesses
from budstikke.store.contract import Pulse, StoreUnavailable
from budstikke.store.engines.sqlite.thread import resolve

if TYPE_CHECKING:
    import sqlite3
    import subprocess
    from collections.abc import Callable, Coroutine, Sequence
    from pathlib import Path

    from budstikke.store.engines.sqlite.connection import Connection
    from budstikke.store.engines.sqlite.locking import FileLock
    from budstikke.store.engines.sqlite.transactions import Outcome

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

WRITER = "budstikke.store.engines.sqlite.writer"


class WriterProcess:
    """
    A connection in a process of its own; ``run`` is awaited on the event loop.

    Args:
        path: The database file.
        synchronous: SQLite's pragma.
        ended: Is called when the process ends and nobody has told it to.
        pulse: Hears what failed.

    """

    def __init__(
        self,
        path: Path,
        synchronous: str,
        *,
        ended: Callable[[], None],
        pulse: Pulse | None = None,
    ) -> None:
        self._path = path
        self._synchronous = synchronous
        self._ended = ended
        self._pulse = pulse or Pulse()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: subprocesses.Channel | None = None
        self._waiting: deque[Future[Any]] = deque()
        self._gone: Future[None] | None = None
        self._serves = False

    async def start(self, lock: FileLock) -> None:
        """
        Start the process; raises what opening the database raises.

        ``lock`` is the file's: the process holds it, too, as long as it lives.
        """
        arguments = (str(self._path), self._synchronous)
        self._process, end = subprocesses.start(WRITER, *arguments, keep=lock.filenos())
        loop = asyncio.get_running_loop()
        opened: Future[None] = loop.create_future()
        self._gone = loop.create_future()
        self._waiting.append(opened)
        self._channel = await subprocesses.Channel.on(end, self._heard, self._lost)
        await opened
        self._serves = True

    async def stop(self) -> None:
        """Let it finish the jobs that are waiting, and end."""
        process, self._process = self._process, None
        if process is not None and self._channel is not None and self._gone is not None:
            self._serves = False
            self._channel.end()
            await self._gone
            await asyncio.get_running_loop().run_in_executor(None, process.wait)

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
        """Do a job in the process; the future is done when it is durable."""
        if self._process is None or self._channel is None:
            raise StoreUnavailable("the store is closed")
        if not self._channel.open:
            raise StoreUnavailable("the writer has ended")
        future: Future[Any] = asyncio.get_running_loop().create_future()
        self._channel.say((function, args))
        self._waiting.append(future)
        return future

    def _heard(self, outcomes: Sequence[Outcome]) -> None:
        """Resolve: the outcomes come in the order of the jobs."""
        futures = [self._waiting.popleft() for _ in outcomes]
        resolve(futures, outcomes, self._pulse)

    def _lost(self) -> None:
        assert self._gone is not None  # noqa: S101 - it was started
        for future in self._waiting:
            if not future.done():
                future.set_exception(StoreUnavailable("the writer has ended"))
        self._waiting.clear()
        self._gone.set_result(None)
        if self._serves:
            self._ended()
