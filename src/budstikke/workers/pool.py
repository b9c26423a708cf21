"""
The workers of a gateway: started, replaced when they die, and ended.

The gateway binds the listening sockets and passes them on, so that all workers accept
from one queue: a worker that dies loses no connection that nobody has accepted yet.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
from typing import TYPE_CHECKING, Any

from budstikke import metrics, subprocesses
from budstikke.flow.clock import steady
from budstikke.workers import relay
from budstikke.workers.line import Line, LineLostError
from budstikke.workers.messages import (
    Begin,
    Known,
    Place,
    encode_place,
    without_secrets,
)
from budstikke.workers.shared_counts import SharedMemory

if TYPE_CHECKING:
    import socket
    import subprocess
    from collections.abc import Callable, Sequence

    from budstikke.config import Http
    from budstikke.workers.desk import Desk

log = logging.getLogger("budstikke.workers")

WORKER = "budstikke.workers.child"

TICK = 1.0
"""Seconds between two words to each worker: the time, and whether it is there."""

HANGING = 30
"""Seconds without an answer after which a worker is ended, and replaced."""

YOUNG = 5.0
"""Seconds; after a worker that lived for less the next one waits."""

PAUSE, LONGEST_PAUSE = 0.2, 10.0
"""Seconds of that wait; doubled each time."""

ENDING = 15.0
"""Seconds that a worker may take to end; it gives answers under way for 5.5 of them."""

GATHER = 1.0
"""Seconds that a scrape of the metrics waits for workers."""


NO_REVISION = -2
"""A revision that no directory has."""


class _Seat:
    """One worker and its line; when it dies, a seat is made for the next one."""

    def __init__(self, pool: WorkerPool, row: int) -> None:
        self._pool = pool
        self.row = row
        self.process: subprocess.Popen[bytes] | None = None
        self.serves = asyncio.Event()
        self.lost = asyncio.Event()
        self.born = time.monotonic()
        self.revision = NO_REVISION  # of the directory that it was sent
        functions = pool.desk.functions() | {"relay": self._relay}
        notes: dict[str, Callable[..., None]] = {
            **pool.desk.notes(),
            "serves": self.serves.set,
            "last": metrics.add_growth,
        }
        self.line = Line(functions, notes, self.lost.set, frozenset({"relay"}))

    async def start(self, place: Place, begin: Begin) -> None:
        """Start the process, and tell it how to begin."""
        arguments = (encode_place(place).decode(), begin.log_level, begin.node)
        self.process, end = subprocesses.start(
            WORKER, *arguments, keep=(place.counts, *place.listeners)
        )
        await self.line.connect(end)
        self.line.note("begin", begin)

    async def _relay(self, number: int, scope: Any) -> None:
        await relay.answer(self.line, self._pool.desk.app, number, scope)

    @property
    def exit_code(self) -> int | None:
        """How its process ended."""
        return None if self.process is None else self.process.returncode

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()

    async def reap(self) -> None:
        """Wait until the process has ended; it has lost its line."""
        if self.process is not None:
            self.process.kill()  # if it only closed its socket
            await asyncio.get_running_loop().run_in_executor(None, self.process.wait)


class WorkerPool:
    """
    Runs the workers.

    Args:
        desk: Does the work that they ask for.
        sockets: They accept from these, which are the pool's own now.
        http: Where and how requests are taken, and how many workers there are.
        log_level: Of their log lines.
        node: This node's name, in their log lines.
        known_only: Dialects whose look-ups are for known addresses.
        known: Returns what this process knows of the directory now.
        clock: Unix seconds.

    """

    def __init__(
        self,
        *,
        desk: Desk,
        sockets: Sequence[socket.socket],
        http: Http,
        log_level: str,
        node: str,
        known_only: frozenset[str],
        known: Callable[[], Known],
        clock: Callable[[], float],
    ) -> None:
        self.desk = desk
        self._sockets = sockets
        self._http = http
        self._log = (log_level, node)
        self._known_only = known_only
        self._known = known
        self._clock = clock
        self._memory = SharedMemory.make(http.workers)
        self._seats: dict[int, _Seat] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._encoding = asyncio.Lock()
        self._encoded: tuple[int, bytes] = (NO_REVISION, b"")
        self._sending: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Start all workers, and wait until each serves; raises OSError."""
        loop = asyncio.get_running_loop()
        first = [loop.create_future() for _ in range(self._http.workers)]
        self._tasks = [
            asyncio.create_task(self._keep(row, serves))
            for row, serves in enumerate(first)
        ]
        if not all(await asyncio.gather(*first)):
            await self.stop()
            raise OSError("an HTTP worker ended at its start: its log lines say why")

    async def stop(self) -> None:
        """Have the workers give the answers under way, and end."""
        self._stopping = True
        for listener in self._sockets:
            listener.close()
        seats = list(self._seats.values())
        await asyncio.gather(*[self._end(seat) for seat in seats])
        for task in (*self._tasks, *self._sending):
            task.cancel()
        await asyncio.gather(*self._tasks, *self._sending, return_exceptions=True)
        self._memory.close()

    async def _end(self, seat: _Seat) -> None:
        try:
            async with asyncio.timeout(ENDING):
                if seat.line.open:
                    await seat.line.ask("stop")
                await seat.lost.wait()
        except (LineLostError, TimeoutError):
            seat.kill()
            await seat.lost.wait()
        await seat.reap()

    # One worker after the other

    async def _keep(self, row: int, serves: asyncio.Future[bool]) -> None:
        """Run a worker; when it dies, another takes its place."""
        pause = 0.0
        while not self._stopping:
            lived = await self._run(row, serves)
            pause = 0.0 if lived > YOUNG else min(pause * 2 or PAUSE, LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _run(self, row: int, serves: asyncio.Future[bool]) -> float:
        """Run one worker to its end; returns how long it lived, seconds."""
        seat = self._seats[row] = _Seat(self, row)
        try:
            begin = await self._begin(seat)
            await seat.start(self._place(row), begin)
        except OSError:
            log.exception("cannot start an HTTP worker; trying again")
            seat.lost.set()
        ticking = asyncio.create_task(self._tick(seat))
        waiting = asyncio.create_task(self._wait_for(seat, serves))
        await seat.lost.wait()
        ticking.cancel()
        waiting.cancel()
        self._count()
        if not self._stopping:
            await seat.reap()
            self._memory.clear(row)
            log.error(
                "an HTTP worker ended; another takes its place",
                extra={"worker": row, "exit": seat.exit_code},
            )
        if not serves.done():
            serves.set_result(False)
        return time.monotonic() - seat.born

    async def _wait_for(self, seat: _Seat, serves: asyncio.Future[bool]) -> None:
        """Say when a worker serves."""
        await seat.serves.wait()
        self._count()
        if not serves.done():
            serves.set_result(True)

    def _count(self) -> None:
        """Tell the metrics how many workers serve."""
        seats = self._seats.values()
        metrics.http_workers.set(
            sum(s.serves.is_set() and not s.lost.is_set() for s in seats)
        )

    def _place(self, row: int) -> Place:
        memory = self._memory
        listeners = tuple(each.fileno() for each in self._sockets)
        return Place(memory.fileno, memory.rows, row, listeners)

    async def _begin(self, seat: _Seat) -> Begin:
        seat.revision, known = await self._encode()
        return Begin(
            self._http,
            *self._log,
            self._known_only,
            known,
            self._offset(),
            self._memory.key,
        )

    def _offset(self) -> float:
        return self._clock() - steady()

    # Notices to all workers

    def directory_changed(self) -> None:
        """Send the workers the directory."""
        task = asyncio.create_task(self._send_directory())
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send_directory(self) -> None:
        await asyncio.gather(*[self._update_seat(s) for s in self._seats.values()])

    async def _update_seat(self, seat: _Seat) -> None:
        """Send a worker the directory, unless it has this revision."""
        revision, known = await self._encode()
        if seat.line.open and seat.revision != revision:
            seat.revision = revision
            seat.line.note("known", known)

    async def _encode(self) -> tuple[int, bytes]:
        """Pickle ``Known`` once for all workers; return its revision, too."""
        async with self._encoding:
            known = self._known()
            revision = known.directory.revision
            if revision != self._encoded[0]:
                encoded = await asyncio.to_thread(_pickled, known)
                self._encoded = revision, encoded
            return self._encoded

    async def _tick(self, seat: _Seat) -> None:
        """Tell a worker the time, and what it missed; end it if it hangs."""
        await seat.serves.wait()
        while True:
            await self._update_seat(seat)
            asked = asyncio.create_task(self._ask(seat))
            for _ in range(HANGING):
                # By waits of a second each: it may be this process that was stopped.
                await asyncio.wait([asked], timeout=TICK)
                if asked.done():
                    break
            else:
                log.error(
                    "an HTTP worker hangs; it is ended", extra={"worker": seat.row}
                )
                seat.kill()
                return
            await asyncio.sleep(TICK)

    async def _ask(self, seat: _Seat) -> None:
        try:
            await seat.line.ask("tick", self._offset())
            metrics.add_growth(await seat.line.ask("growth"))
        except LineLostError:
            return

    async def gather_metrics(self) -> None:
        """Add what the workers have counted to the metrics of this process."""
        asked = [
            asyncio.create_task(self._gather(seat)) for seat in self._seats.values()
        ]
        if asked:
            await asyncio.wait(asked, timeout=GATHER)

    async def _gather(self, seat: _Seat) -> None:
        try:
            metrics.add_growth(await seat.line.ask("growth"))
        except LineLostError:
            return


def _pickled(known: Known) -> bytes:
    directory = without_secrets(known.directory)
    return pickle.dumps(Known(directory, known.profiles), protocol=5)
