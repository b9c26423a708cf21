"""A worker's process; ``pool`` starts it."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import socket
import sys
from typing import TYPE_CHECKING, Any

import uvloop

from budstikke import metrics
from budstikke.config.addresses import networks
from budstikke.dialects import HTTP_DIALECTS
from budstikke.domain.number import load_plans
from budstikke.flow.clock import steady
from budstikke.servers.guard import Guard, Taken
from budstikke.servers.http import HttpServer
from budstikke.servers.limits import ConcurrencyLimit
from budstikke.servers.listening import Listening, serving
from budstikke.subprocesses import COLLECT, begin
from budstikke.workers.line import Line
from budstikke.workers.messages import Begin, Known, Place, decode_place
from budstikke.workers.relay import Relay
from budstikke.workers.remote import (
    RemoteAcceptor,
    RemoteAuthenticator,
    RemoteLookups,
    RemoteQueries,
    refusal_notes,
)
from budstikke.workers.shared_counts import SharedCounts, SharedMemory

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

NOTHING_NEW = 0


class Worker:
    """
    Answers HTTP requests until the gateway wants no more.

    Args:
        place: Its place among the workers.

    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._offset = 0.0
        self._known: Known | None = None
        self._begun: asyncio.Future[Begin] = asyncio.get_running_loop().create_future()
        self._stopping = asyncio.Event()
        self._growth = metrics.Growth()
        self._newest = NOTHING_NEW
        functions: dict[str, Callable[..., Awaitable[Any]]]
        notes: dict[str, Callable[..., None]]
        functions = {"tick": self._tick, "growth": self._grown, "stop": self._stop}
        notes = {"begin": self._begun.set_result, "known": self._learn}
        self._line = Line(functions, notes, _alone)
        self._relay = Relay(self._line)
        functions |= {"receive": self._relay.receive, "send": self._relay.send}

    async def run(self, end: socket.socket) -> None:
        """Serve, from the gateway's first word to its last."""
        await self._line.connect(end)
        told = await self._begun
        self._offset = told.offset
        self._known = await asyncio.to_thread(pickle.loads, told.known)
        _settle_collector()
        place = self._place
        memory = SharedMemory(place.counts, place.rows, told.key)
        sockets = [socket.socket(fileno=each) for each in place.listeners]
        http = told.http
        listening = Listening(sockets, http.tls_cert, http.tls_key, shared=True)
        app = self._application(told, memory)
        async with serving(app, listening, self._guard(told, memory)):
            self._line.note("serves")
            await self._stopping.wait()
        self._line.note("last", self._growth.take())
        self._line.close()

    def _guard(self, told: Begin, memory: SharedMemory) -> Guard:
        row = self._place.row
        return Guard(
            connections=told.http.max_connections,
            bodies=told.http.max_bodies,
            trusted=networks(told.http.trusted_proxies),
            taken=Taken(
                SharedCounts(memory, "connections", row),
                SharedCounts(memory, "bodies", row),
            ),
        )

    def _application(self, told: Begin, memory: SharedMemory) -> HttpServer:
        line = self._line
        requests = SharedCounts(memory, "requests", self._place.row)
        return HttpServer(
            dialects=HTTP_DIALECTS,
            directory=lambda: self._knows().directory,
            authenticator=RemoteAuthenticator(line),
            acceptor=RemoteAcceptor(line, self._knows, self._clock),
            query_handler=RemoteQueries(line),
            lookups=RemoteLookups(line, told.known_only, self._clock),
            refused=refusal_notes(line),
            rest=self._relay,
            max_body=told.http.max_body,
            trusted=networks(told.http.trusted_proxies),
            clock=self._clock,
            limit=ConcurrencyLimit(requests),
        )

    def _knows(self) -> Known:
        assert self._known is not None  # noqa: S101 - it serves only then
        return self._known

    def _clock(self) -> float:
        """Tell the time that the gateway believes in, Unix seconds."""
        return steady() + self._offset

    # What the gateway says

    def _learn(self, known: bytes) -> None:
        """Take a new directory, which is read in a thread."""
        self._newest += 1
        task = asyncio.ensure_future(self._read(known, self._newest))
        task.add_done_callback(asyncio.Task.result)

    async def _read(self, known: bytes, number: int) -> None:
        read = await asyncio.to_thread(pickle.loads, known)
        if number == self._newest:  # else a newer one is being read, or was
            self._known = read

    async def _tick(self, offset: float) -> None:
        """Take the time; the answer says that this process is there."""
        self._offset = offset

    async def _grown(self) -> metrics.Grown:
        return self._growth.take()

    async def _stop(self) -> None:
        """Take no more requests, and end when those under way are answered."""
        self._stopping.set()


def _alone() -> None:
    """End at once: the gateway has ended, and nobody can be answered."""
    os._exit(os.EX_OK)


def _settle_collector() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


async def _main(end: socket.socket, place: Place) -> None:
    load_plans()
    await Worker(place).run(end)


def main(arguments: list[str]) -> int:
    """Work until the gateway wants no more, or has ended."""
    end = socket.socket(fileno=int(arguments[0]))
    begin(arguments[2], arguments[3])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(end, decode_place(arguments[1])))
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
