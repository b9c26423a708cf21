"""Store conformance: beats are writes, and tell what time it is."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from budstikke.cli import main
from budstikke.store.admin import confirm_clock
from budstikke.store.contract import StoreUnavailable
from budstikke.store.contract.health import ROOM
from budstikke.store.time_seen import read_seen
from store.path import NOW, Path, opened

if TYPE_CHECKING:
    import pathlib

    from store.engines import Engine


@pytest.mark.parametrize("room", [0, ROOM])
async def test_a_beat_is_written(engine: Engine, room: int) -> None:
    async with opened(engine) as path:
        assert 0.0 == read_seen(engine.url).beat
        for now in (NOW, NOW + 1):
            beat = await path.store.beat(now, room)
            assert 0.0 == beat.confirmed
            assert now == read_seen(engine.url).beat
    assert NOW + 1 == read_seen(engine.url).beat


async def test_a_beat_fails_where_nothing_can_be_written(
    engine: Engine, path: Path
) -> None:
    await path.store.beat(NOW, 0)
    before = path.store.pulse.failures
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.store.beat(NOW + 1, 0)
    assert before < path.store.pulse.failures
    assert path.store.pulse.why
    assert NOW == read_seen(engine.url).beat
    await path.store.beat(NOW + 2, ROOM)


async def test_any_write_that_fails_is_noted(engine: Engine, path: Path) -> None:
    with engine.unwritable(), pytest.raises(StoreUnavailable):
        await path.accept()
    assert path.store.pulse.failures
    assert "" == path.store.pulse.damaged
    assert 0.0 == path.store.pulse.oldest()


async def test_a_beat_tells_what_an_administrator_confirmed(
    engine: Engine, path: Path
) -> None:
    for at in (NOW + 5.5, NOW + 7):
        confirm_clock(engine.url, at)
        assert at == (await path.store.beat(NOW, 0)).confirmed
        assert at == read_seen(engine.url).confirmed


async def test_a_server_tells_its_time(engine: Engine, path: Path) -> None:
    told = [
        (await path.store.beat(NOW, 0)).database_time,
        read_seen(engine.url).database_time,
    ]
    if engine.url.startswith("sqlite"):
        assert [None, None] == told
    else:
        assert all(at and abs(at - time.time()) < 60 for at in told)


async def test_what_is_whole_is_said_to_be(path: Path) -> None:
    assert await path.store.whole()


def test_the_command_shows_every_clock_there_is(
    engine: Engine,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BUDSTIKKE_DATABASE", engine.url)
    assert 0 == main(["clock"])
    lines = [line[:26].rstrip() for line in capsys.readouterr().out.splitlines()]
    servers = [] if engine.url.startswith("sqlite") else ["the database's server"]
    assert ["this machine", *servers, "a gateway was last alive"] == lines
