"""SQLite: what somebody waits for is done in time or not at all, or taken back."""

from __future__ import annotations

import sqlite3
import threading
import time
from typing import TYPE_CHECKING

import pytest

from budstikke.store.contract import StoreUnavailable
from budstikke.store.engines.sqlite import jobs
from budstikke.store.engines.sqlite.connection import Connection
from budstikke.store.engines.sqlite.jobs import Terms, run
from budstikke.store.engines.sqlite.transactions import finish
from budstikke.store.verbs.withdrawal import orders_of, parts_of
from store.databases import sqlite_of
from store.path import NOW, RECIPIENT, Path, bulk, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.engines import SqliteEngine

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)


def hold(path: Path) -> Callable[[], None]:
    """Let the writer hang in a job until the function is called."""
    store, go_on = path.store, threading.Event()

    def job(_: sqlite3.Connection) -> None:
        assert go_on.wait(20)

    sqlite_of(store)._writer.run(job)
    return go_on.set


async def refused(path: Path, state: str = "queued", **columns: object) -> None:
    """Accept while the writer hangs; it is refused."""
    with pytest.raises(StoreUnavailable, match="has not answered"):
        await (path.sending() if state == "sending" else path.accept(**columns))


async def settled(path: Path) -> None:
    """Wait until the writer has done all that it was given."""
    for _ in range(3):
        await path.store.beat(NOW, 0)


async def test_what_waited_too_long_is_not_stored(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "WITHIN", 0.05)
    monkeypatch.setattr(jobs, "WAIT", 0.1)

    async with opened(engine) as path:
        go_on = hold(path)
        await refused(path)
        go_on()
        await settled(path)
        assert {} == path.parts()


def test_what_is_late_is_not_even_begun(engine: SqliteEngine) -> None:
    async def verb(_: Connection) -> None:
        raise AssertionError("it was begun")

    terms = Terms(time.monotonic() - 1)
    with sqlite3.connect(":memory:") as connection, pytest.raises(StoreUnavailable):
        finish(run(Connection(connection), terms, verb))
    connection.close()


async def test_what_is_late_at_the_commit_is_taken_back(
    engine: SqliteEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock passes the end between the job and its commit."""
    real, looks = time.monotonic, [0]

    def monotonic() -> float:
        if threading.current_thread().name != "store-writer":
            return real()
        looks[0] += 1  # first before the job, then before the commit
        return real() + (jobs.WITHIN + 1 if looks[0] >= 2 else 0)

    async with opened(engine) as path:
        with monkeypatch.context() as slow:
            slow.setattr(time, "monotonic", monotonic)
            with pytest.raises(StoreUnavailable, match="too long"):
                await path.accept()
        assert looks[0] >= 2
        assert {} == path.parts()
        await path.accept()
        assert 1 == len(path.parts())


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a job be committed however late, as when the disk hangs in the commit."""
    monkeypatch.setattr(jobs, "WITHIN", float("inf"))
    monkeypatch.setattr(jobs, "WAIT", 0.05)


async def test_what_was_refused_and_stored_all_the_same_is_cancelled(
    path: Path, unchecked: None
) -> None:
    for state in ("queued", "sending"):
        go_on = hold(path)
        await refused(path, state)
        go_on()
        await settled(path)
    assert ["cancelled"] * 2 == list(path.parts().values())
    assert [] == await path.store.claim(1, 10, NOW)


async def test_a_large_order_that_was_refused_is_cancelled(
    path: Path, unchecked: None
) -> None:
    go_on = hold(path)
    with pytest.raises(StoreUnavailable):
        await path.store.accept_bulk(bulk(path.store.reserve_ids(5)), [], NOW)
    go_on()
    await settled(path)
    assert [] == await path.store.open_bulks()


async def test_what_is_asked_for_again_by_a_name_stays(path: Path) -> None:
    plain = path.draft(2001, RECIPIENT)
    keyed = path.draft(2002, RECIPIENT)
    keyed.key = ("key", "digest", b"answer")
    large = bulk(3000)
    assert [(2001, 1), (3000, 1)] == orders_of([plain, keyed, large])
    large.key = ("key", "digest", b"answer")
    assert [(2001, 1)] == orders_of([plain, keyed, large])
    assert [] == parts_of([plain, keyed, large])
