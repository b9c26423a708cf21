"""SQLite: a full disk, a second process, and a process that is killed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from budstikke.store.contract import StoreUnavailable
from store.databases import sqlite_of
from store.path import NOW, RECIPIENT, Path, opened, run

if TYPE_CHECKING:
    import pathlib

    from store.engines import SqliteEngine

pytestmark = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)

ROOMY = 1_073_741_823
"""Pages; SQLite's own limit."""


async def limit(path: Path, pages: int) -> int:
    """Let the file have so many pages, or as many as it has; returns how many."""
    store = path.store
    found = await sqlite_of(store)._writer.run(
        lambda connection: connection.execute(
            f"PRAGMA max_page_count = {pages}"
        ).fetchone()
    )
    return int(found[0])


async def fill(path: Path) -> list[int]:
    """Accept messages until the disk is full; returns the ids that were accepted."""
    ids: list[int] = []

    async def accept() -> None:
        while len(ids) < 20_000:
            ids.extend(await path.accept(*[RECIPIENT] * 20, text="x" * 150))

    with pytest.raises(StoreUnavailable, match="full"):
        await accept()
    return ids


async def test_a_full_disk_is_refused_and_room_is_used_again(path: Path) -> None:
    await limit(path, 1)
    ids = await fill(path)
    assert ["accepted"] * len(ids) == await path.states(*ids)
    assert len(ids) == len(path.parts())
    with pytest.raises(StoreUnavailable):
        await path.accept(*[RECIPIENT] * 100, text="x" * 150)
    # What needs no room still goes on: receipts are settled, old messages purged.
    assert 20 == len(await path.store.claim(1, 20, NOW))
    await limit(path, ROOMY)
    more = await path.accept(*[RECIPIENT] * 20)
    assert ["accepted"] * 20 == await path.states(*more)
    assert ids[-1] < more[0]


async def test_purging_makes_room_on_a_full_disk(path: Path) -> None:
    await path.accept(
        *[RECIPIENT] * 500, text="x" * 150, accepted_at=NOW - 9, expires_at=NOW - 9
    )
    await limit(path, 1)
    await fill(path)
    assert 500 == await path.store.purge(NOW, 1000)
    assert 200 == len(await path.accept(*[RECIPIENT] * 200, text="x" * 150))


async def test_others_of_a_group_are_not_harmed_by_one_that_does_not_fit(
    path: Path,
) -> None:
    await limit(path, 1)
    await fill(path)
    await path.store.release([part.id for part in await path.store.claim(1, 5, 0)])
    huge = path.accept(*[RECIPIENT] * 2000, text="x" * 150)
    small = [path.store.claim(1, 1, NOW) for _ in range(5)]
    first, *rest = await asyncio.gather(huge, *small, return_exceptions=True)
    assert isinstance(first, StoreUnavailable)
    assert [1] * 5 == [len(parts) for parts in rest if isinstance(parts, list)]


def test_a_second_store_on_one_file_is_refused(engine: SqliteEngine) -> None:
    async def scenario(path: Path) -> None:
        (message,) = await path.accept()
        second = engine.store()
        with pytest.raises(StoreUnavailable, match="another process serves"):
            await second.open(NOW)
        assert ["accepted"] == await path.states(message)

    run(engine, scenario)
    run(engine, scenario)  # and when the first is closed, the file is free


PROCESS = """
import asyncio, sys
from pathlib import Path
from budstikke.store.contract import StoreUnavailable
from store.engines import SqliteEngine
from store.path import opened

async def main():
    engine = SqliteEngine(Path(sys.argv[1]))
    engine.file = Path(sys.argv[2])
    async with opened(engine) as path:
        print("open", flush=True)
        while True:
            for message_id in await path.accept("+4799999999", parts=3):
                print(message_id, flush=True)

try:
    asyncio.run(main())
except StoreUnavailable as error:
    print("refused:", error)
"""


def start(engine: SqliteEngine, folder: pathlib.Path) -> subprocess.Popen[str]:
    """Have another process accept messages and print their ids as soon as it may."""
    command = [sys.executable, "-c", PROCESS, str(folder), str(engine.file)]
    environment = {"PYTHONPATH": ":".join(sys.path)}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=None, text=True
    )


async def test_a_second_process_on_one_file_is_refused(
    engine: SqliteEngine, path: Path, tmp_path: pathlib.Path
) -> None:
    with start(engine, tmp_path) as process:
        said, _ = await asyncio.to_thread(process.communicate)
    assert said.startswith("refused: another process serves")


@pytest.mark.parametrize("seen", [1, 50, 300])
async def test_all_that_was_said_before_a_kill_is_there(
    engine: SqliteEngine, tmp_path: pathlib.Path, seen: int
) -> None:
    with start(engine, tmp_path) as process:
        assert process.stdout is not None
        assert "open\n" == process.stdout.readline()
        ids = [int(process.stdout.readline()) for _ in range(seen)]
        process.send_signal(signal.SIGKILL)
        ids += [int(line) for line in process.stdout if line.endswith("\n")]

    async with opened(engine) as path:
        assert ["accepted"] * len(ids) == await path.states(*ids)
        parts = path.parts()
        stored = {part >> 8 for part in parts}
        assert set(ids) <= stored
        assert 3 * len(stored) == len(parts)
        assert path.store.reserve_ids(1) > max(stored)
