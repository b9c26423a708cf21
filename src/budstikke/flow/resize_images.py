"""
Shrinks pictures until they fit into an MMS, in processes of their own.

A limited number at a time, and one of an account: an account's many pictures wait for
each other, and do not delay others. A process that exceeds its memory or time is
killed, and the order is refused; one that breaks is replaced, and its picture tried
once more.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections import deque
from contextlib import asynccontextmanager
from threading import Thread
from typing import TYPE_CHECKING, Final, NamedTuple

from budstikke import subprocesses
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.flow.image_exchange import ANSWER_HEADER, FORMATS, PICTURE_HEADER, Fit

if TYPE_CHECKING:
    import subprocess
    from asyncio import Future, StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Sequence

log = logging.getLogger("budstikke.fit")

MODULE: Final = "budstikke.flow.image_process"


class Limits(NamedTuple):
    """
    The limits of pictures.

    Attributes:
        memory: Octets of a process.
        cpu: Processor seconds of one picture.
        picture: Seconds of one picture.
        order: Seconds of all pictures of an order, without waiting.
        waiting: Seconds of an order, with waiting.

    """

    memory: int = 640 * 1024 * 1024
    cpu: int = 10
    picture: float = 20.0
    order: float = 30.0
    waiting: float = 60.0


class File(NamedTuple):
    """A file of an MMS."""

    name: str
    type: str
    data: bytes


class ImageResizer:
    """
    Shrinks pictures; starts processes as needed.

    Args:
        at_once: Pictures at a time.
        limits: The limits.

    """

    def __init__(self, at_once: int = 2, limits: Limits | None = None) -> None:
        self._turns = _Turns(at_once)
        self._limits = limits or Limits()
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = False

    async def fit(
        self, files: Sequence[File], room: int, account: int = 0
    ) -> tuple[File, ...]:
        """
        Make files fit into ``room`` octets together.

        Each picture gets an even share of the rest; small ones go first, and leave what
        they do not need to the others. Pictures of one ``account`` wait for each other.

        Raises Refusal: ``TOO_LARGE`` (also for too much memory or time), ``BAD_FIELD``
        for a file that is no picture, ``TOO_MANY_REQUESTS`` for an order that waited
        too long, ``INTERNAL`` if no process can be started.
        """
        pictures = [place for place, file in enumerate(files) if file.type in FORMATS]
        pictures.sort(key=lambda place: len(files[place].data))
        others = (file for file in files if file.type not in FORMATS)
        left = room - sum(len(file.data) for file in others)
        result, spent = list(files), 0.0
        try:
            async with asyncio.timeout(self._limits.waiting):
                for done, place in enumerate(pictures):
                    share = left // (len(pictures) - done)
                    fitted, seconds = await self._one(
                        files[place], share, account, self._limits.order - spent
                    )
                    result[place] = fitted
                    left -= len(fitted.data)
                    spent += seconds
        except TimeoutError as error:
            raise Refusal(RefusalCode.TOO_MANY_REQUESTS) from error
        if left < 0:
            raise Refusal(RefusalCode.TOO_LARGE, field="files")
        return tuple(result)

    async def _one(
        self, file: File, share: int, account: int, seconds: float
    ) -> tuple[File, float]:
        """Shrink a picture in its account's turn; return also the seconds it took."""
        loop = asyncio.get_running_loop()
        async with self._turns.one(account):
            begin = loop.time()
            outcome, data = await self._asked(file, max(share, 0), seconds)
            took = loop.time() - begin
        if outcome is Fit.AS_IT_WAS:
            return file, took
        if outcome is Fit.BROKEN:
            raise Refusal(RefusalCode.BAD_FIELD, field="files", value=file.name)
        if outcome is Fit.TOO_LARGE:
            raise Refusal(RefusalCode.TOO_LARGE, field="files", value=file.name)
        return _named(file.name, outcome, data), took

    async def _asked(self, file: File, share: int, seconds: float) -> tuple[Fit, bytes]:
        """Ask a process, and another one if that breaks."""
        for _ in range(2):
            worker = await self._worker()
            kept = False
            try:
                async with asyncio.timeout(min(self._limits.picture, seconds)):
                    answer = await worker.ask(FORMATS[file.type], file.data, share)
                kept = not self._closed
            except TimeoutError:
                log.warning("killed an image process: it exceeded its time limit")
                return Fit.TOO_LARGE, b""
            except (OSError, EOFError):
                ended = await worker.ended()
                log.warning("an image process died: exit code %d", ended)
                if ended == -signal.SIGXCPU:
                    return Fit.TOO_LARGE, b""
            else:
                return answer
            finally:
                if kept:
                    self._idle.append(worker)
                else:
                    self._all.discard(worker)
                    worker.kill()
        return Fit.BROKEN, b""

    async def _worker(self) -> _Worker:
        """Return an idle process, or start one; raises Refusal."""
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            self._all.discard(worker)
            worker.kill()
        if self._closed:
            raise Refusal(RefusalCode.INTERNAL)
        try:
            worker = await _Worker.begin(self._limits)
        except OSError as error:
            log.error("cannot start an image process: %s", error)  # noqa: TRY400 - no more to say
            raise Refusal(RefusalCode.INTERNAL) from error
        self._all.add(worker)
        return worker

    def processes(self) -> list[int]:
        """List the ids of the processes."""
        return [worker.pid for worker in self._all]

    def close(self) -> None:
        """End all processes, with their pictures."""
        self._closed = True
        for worker in self._all:
            worker.kill()
        self._all.clear()
        self._idle.clear()


class _Worker:
    """A process that shrinks pictures, one after another."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        reader: StreamReader,
        writer: StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def begin(cls, limits: Limits) -> _Worker:
        """Start a process; raises OSError."""
        arguments = str(limits.memory), str(limits.cpu)
        process, ours = await asyncio.to_thread(subprocesses.start, MODULE, *arguments)
        return cls(process, *await asyncio.open_unix_connection(sock=ours))

    @property
    def alive(self) -> bool:
        """Whether it runs; it may end at any time."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its id."""
        return self._process.pid

    async def ask(self, made: str, data: bytes, share: int) -> tuple[Fit, bytes]:
        """Shrink a picture; raises OSError or EOFError if the process ends."""
        self._writer.write(PICTURE_HEADER.pack(made.encode(), share, len(data)) + data)
        await self._writer.drain()
        head = await self._reader.readexactly(ANSWER_HEADER.size)
        outcome, length = ANSWER_HEADER.unpack(head)
        return Fit(outcome), await self._reader.readexactly(length)

    async def ended(self) -> int:
        """Wait until it has ended; a negative exit code is a signal."""
        self._process.kill()
        return await asyncio.to_thread(self._process.wait)

    def kill(self) -> None:
        """Kill it, without waiting for its end."""
        self._writer.transport.abort()
        self._process.kill()
        Thread(target=self._process.wait, daemon=True).start()


class _Turns:
    """Limits pictures at a time, one of each account, and gives accounts turns."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._under_way: set[int] = set()
        self._waiting: dict[int, deque[Future[None]]] = {}

    @asynccontextmanager
    async def one(self, account: int) -> AsyncIterator[None]:
        """Wait for a turn, and hold it during the block."""
        turn: Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account, deque()).append(turn)
        self._next()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._end(account)
            raise
        try:
            yield
        finally:
            self._end(account)

    def _end(self, account: int) -> None:
        self._under_way.discard(account)
        self._free += 1
        self._next()

    def _next(self) -> None:
        """Give free turns to waiting accounts; one that had a turn goes to the end."""
        for account in list(self._waiting):
            if not self._free:
                return
            if account in self._under_way:
                continue
            turns = self._waiting.pop(account)
            while turns and turns[0].done():  # cancelled meanwhile
                turns.popleft()
            if turns:
                turns.popleft().set_result(None)
                self._free -= 1
                self._under_way.add(account)
            if turns:
                self._waiting[account] = turns


def _named(name: str, kind: Fit, data: bytes) -> File:
    """Give a picture's file its new type and extension."""
    extension, kept, media_type = NAMES[kind]
    stem, dot, old = name.rpartition(".")
    if dot and len(old) <= 4:
        name = name if old.lower() in kept else stem + extension
    return File(name, media_type, data)


NAMES: Final = {
    Fit.JPEG: (".jpg", ("jpg", "jpeg"), "image/jpeg"),
    Fit.PNG: (".png", ("png",), "image/png"),
}
"""Extension, extensions that stay, and content type."""
