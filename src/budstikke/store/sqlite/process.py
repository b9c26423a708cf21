"""
A process that owns the SQLite connection that writes.

The gateway's own process is busy with requests and links. A thread in it that writes
would share its interpreter: it would wait for the GIL several times a transaction, and
take it. docs/why/sqlite.md has the figures.

Both are joined by a socket. A job goes over it as a function's name and arguments,
pickled; nobody else has an end of it. The process's side is writer.py.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from asyncio import Future
from collections import deque
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, TypeVarTuple, cast

from budstikke.store.contract import StoreUnavailable
from budstikke.store.sqlite.frames import frame, frames
from budstikke.store.sqlite.thread import resolve

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

WRITER = "budstikke.store.sqlite.writer"


class WriterProcess:
    """
    A connection in a process of its own; ``run`` is awaited on the event loop.

    Args:
        path: The database file.
        synchronous: SQLite's pragma.
        ended: Is called when the process ends and nobody has told it to.

    """

    def __init__(
        self,
        path: Path,
        synchronous: str,
        *,
        ended: Callable[[], None],
    ) -> None:
        self._path = path
        self._synchronous = synchronous
        self._ended = ended
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: _Channel | None = None

    async def start(self, lock: TextIO) -> None:
        """
        Start the process; raises what opening the database raises.

        ``lock`` is the file's: the process holds it, too, as long as it lives.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - at the start; us
                [
                    *(sys.executable, "-m", WRITER, str(theirs.fileno())),
                    *(str(self._path), self._synchronous),
                ],
                pass_fds=(theirs.fileno(), lock.fileno()),
                stdin=subprocess.DEVNULL,
            )
        loop = asyncio.get_running_loop()
        _, self._channel = await loop.create_unix_connection(
            lambda: _Channel(self._ended), sock=ours
        )
        await self._channel.opened

    async def stop(self) -> None:
        """Let it finish the jobs that are waiting, and end."""
        process, self._process = self._process, None
        if process is not None and self._channel is not None:
            await self._channel.end()
            await asyncio.get_running_loop().run_in_executor(None, process.wait)

    def run(
        self,
        function: Callable[[sqlite3.Connection, *Ts], T],
        *args: *Ts,
    ) -> Future[T]:
        """Do a job in the process; the future is done when it is durable."""
        if self._process is None or self._channel is None:
            raise StoreUnavailable("the store is closed")
        return self._channel.ask(function, args)


class _Channel(asyncio.Protocol):
    """Our end of the socket: answers come in the order of the jobs."""

    def __init__(self, ended: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        self.opened: Future[None] = loop.create_future()
        self._ended = ended
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: deque[Future[Any]] = deque([self.opened])
        self._closed: Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def ask(self, function: Callable[..., T], args: tuple[Any, ...]) -> Future[T]:
        future: Future[T] = self._loop.create_future()
        if self._transport is None or self._transport.is_closing():
            raise StoreUnavailable("the writer has ended")
        self._transport.write(frame((function, args)))
        self._waiting.append(future)
        return future

    async def end(self) -> None:
        """Say that there is no more, and wait until all is answered."""
        self._closed = self._loop.create_future()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()
            await self._closed

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        for outcomes in frames(self._buffer):
            futures = [self._waiting.popleft() for _ in outcomes]
            resolve(futures, outcomes)

    def connection_lost(self, _: Exception | None) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_exception(StoreUnavailable("the writer has ended"))
        self._waiting.clear()
        if self._closed is not None:
            self._closed.set_result(None)
        elif self.opened.done() and self.opened.exception() is None:
            self._ended()
