"""A thousand customers of whom a hundred hang: the others do not notice."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import uvloop

from budstikke import metrics
from budstikke.clients.http.transport import HttpTransport
from budstikke.dialects import DIALECTS
from budstikke.dialects.front.settings import Settings
from budstikke.domain.directory import Access, Account, Directory
from budstikke.domain.states import PartState
from budstikke.flow.notify import MOST_WAITING, Notifier
from budstikke.flow.schedule import Scheduler
from journeys.processes import Child, free_port, wait_until
from store.engines import SqliteEngine, make_template
from store.path import RECIPIENT, Path

if TYPE_CHECKING:
    from collections.abc import Callable

    from budstikke.store.contract import Store

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

PEER = File(__file__).parent.parent / "peers" / "endpoints.py"
ENDPOINTS = 1000
HANGING = 100
ROUNDS = 40
"""Callbacks of each; the last of them come when the first that hang are given up."""
EVERY = 1.0
"""Seconds between rounds."""
P99 = 2.0
LATE = 5.0
"""Seconds after the last event; what has not come by then counts as lost."""


class Run(NamedTuple):
    """When each event happened, by message id, and the least room that was left."""

    happened: dict[int, float]
    least_free: int
    open: int
    """Circuits, at the end."""


class Peer:
    """The customers."""

    def __init__(self, folder: File) -> None:
        self.port = free_port()
        command = [sys.executable, str(PEER), str(self.port), str(HANGING)]
        self._child = Child(command, folder)
        self._child.wait_ready()

    def came(self) -> tuple[list[tuple[int, float]], int]:
        """Ask what came."""
        before = len(self._child.said)
        self._child.tell("report")
        wait_until("a report", lambda: len(self._child.said) > before)
        came, hanging = json.loads(self._child.said[before])
        return came, hanging

    def close(self) -> None:
        self._child.close()


def directory(port: int) -> Directory:
    """Make an access for each endpoint; their ids count from 1, their paths from 0."""
    accesses = {
        number + 1: Access(
            id=number + 1,
            account=Account(id=1, name="a"),
            dialect="front",
            identifier=f"{number}",
            settings=Settings(status_url=f"http://127.0.0.1:{port}/{number}"),
        )
        for number in range(ENDPOINTS)
    }
    return Directory(revision=1, accesses=accesses, carriers={})


async def drive(engine: SqliteEngine, store: Store, port: int) -> Run:
    known = directory(port)
    transport = HttpTransport(
        timeout=30.0, allow_private=True, allow_http=True, version="test"
    )
    notifier = Notifier(
        store=store,
        transport=transport,
        dialects=DIALECTS,
        directory=lambda: known,
        clock=time.time,
        per_endpoint=16,
    )
    scheduler = Scheduler(
        store=store, senders={}, notifier=notifier, clock=time.time, retention=1e9
    )
    path = Path(engine, store)
    parts = [
        await path.sending(*[RECIPIENT] * ROUNDS, access_id=number + 1)
        for number in range(ENDPOINTS)
    ]
    clock = asyncio.create_task(scheduler.run())
    happened: dict[int, float] = {}
    least_free = MOST_WAITING
    for turn in range(ROUNDS):
        end = time.monotonic() + EVERY
        for first in range(0, ENDPOINTS, 100):
            now = time.time()
            updates = [
                path.update(parts[n][turn], PartState.REJECTED, access_id=n + 1, at=now)
                for n in range(first, first + 100)
            ]
            notifier.notify(await store.record(updates, now))
            happened |= {parts[n][turn] >> 8: now for n in range(first, first + 100)}
            least_free = min(least_free, notifier.free())
        await asyncio.sleep(max(end - time.monotonic(), 0))
    await asyncio.sleep(LATE)
    circuits = int(metrics.circuits_open._value.get())
    clock.cancel()
    await asyncio.gather(clock, return_exceptions=True)
    await notifier.stop(0.1)
    await transport.close()
    return Run(happened, least_free, circuits)


def test_the_others_hear_in_time(
    tmp_path: File, own: Own, figures: Callable[..., None]
) -> None:
    peer = own(Peer(tmp_path))
    engine = SqliteEngine(tmp_path / "db", make_template(tmp_path / "template"))

    async def whole() -> Run:
        store = engine.store()
        await store.open(time.time())
        try:
            return await drive(engine, store, peer.port)
        finally:
            await store.close()

    run = uvloop.run(whole())
    came, hanging = peer.came()
    delays = sorted(at - run.happened[message_id] for message_id, at in came)
    figures(
        endpoints=ENDPOINTS,
        hang=HANGING,
        callbacks=len(run.happened),
        delivered=len(delays),
        hung_requests=hanging,
        p50_ms=round(delays[len(delays) // 2] * 1000, 1),
        p99_ms=round(delays[len(delays) * 99 // 100] * 1000, 1),
        longest_ms=round(delays[-1] * 1000, 1),
        least_room=run.least_free,
        circuits_open=run.open,
    )
    others = (ENDPOINTS - HANGING) * ROUNDS
    assert others == len(delays)
    assert others == len({message_id for message_id, _ in came})
    assert delays[len(delays) * 99 // 100] < P99
    assert hanging >= HANGING * 10
    assert run.least_free > MOST_WAITING * 3 // 4
    assert run.open == HANGING
