"""SQLite: looking things up never waits for writing."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from patience import PATIENCE
from store.databases import sqlite_of
from store.path import RECIPIENT, Path

if TYPE_CHECKING:
    import sqlite3


pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


async def test_readers_do_not_wait_for_the_writer(path: Path) -> None:
    (message,) = await path.accept()
    store = path.store
    go_on, busy = threading.Event(), threading.Event()

    def job(connection: sqlite3.Connection) -> None:
        busy.set()
        assert go_on.wait(PATIENCE)

    held = sqlite_of(store)._writer.run(job)
    assert await asyncio.to_thread(busy.wait, 10)
    waiting = asyncio.ensure_future(path.accept())
    assert ["accepted"] == await path.states(message)
    assert {1: 1} == await store.backlog()
    assert 0 == await store.revision()
    assert not waiting.done()
    go_on.set()
    await asyncio.gather(held, waiting)


async def test_what_was_accepted_is_read_at_once(path: Path) -> None:
    for _ in range(20):
        ids = await path.accept(RECIPIENT, RECIPIENT)
        assert ["accepted", "accepted"] == await path.states(*ids)
