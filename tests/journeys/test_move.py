"""A database is moved in the middle of a large load: nothing is lost or doubled."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from journeys.centre import MessageCentre
from journeys.gateway import MESSAGE, PROGRAM, Gateway, smpp_carrier
from journeys.load import Load
from journeys.processes import wait_until
from store.postgres_server import serving

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

MESSAGES = 3_000


def budstikke(command: str, database: str, folder: Path, *file: Path) -> str:
    """Run a command on a database."""
    done = subprocess.run(
        [*PROGRAM, command, *map(str, file)],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        env={"BUDSTIKKE_DATABASE": database},
        timeout=120,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout


def moved(messages: int, old: str, new: str, file: Path) -> None:
    """Move from one database to another."""
    folder = file.parent
    wrote = budstikke("export", old, folder, file)
    budstikke("migrate", new, folder)
    read = budstikke("import", new, folder, file)
    assert f"message         {messages:>12}\n" in wrote
    assert f"message         {messages:>12}\n" in read


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_moved_to_postgresql_and_back_with_a_backlog(
    tmp_path: Path, own: Own, figures: Callable[..., None], end: str
) -> None:
    # Slower than any machine accepts, so that there is a backlog to move.
    centre = own(MessageCentre(tmp_path, pause=0.5))
    centre.start()
    gateway = own(Gateway(tmp_path, smpp_carrier(centre.port, window=20)))
    gateway.start()
    with Load(gateway.port, MESSAGES, MESSAGE) as load:
        load.finish(120)
        wanted = set(load.accepted.values())
        assert not load.refused
    getattr(gateway, end)()
    centre.behave(pause=0.02)
    before = gateway.parts()
    assert before["queued"] > 100

    server = own(serving())
    server.execute("CREATE DATABASE budstikke")
    postgres = server.url("budstikke")
    new = tmp_path / "new"
    files = f"sqlite:///{gateway.data}/budstikke.sqlite", f"sqlite:///{new}/b.sqlite"
    moved(len(wanted), files[0], postgres, tmp_path / "first.export")
    moved(len(wanted), postgres, files[1], tmp_path / "second.export")

    (new / "b.sqlite").rename(new / "budstikke.sqlite")
    settings = gateway.config.read_text("utf-8")
    was, now = json.dumps(str(gateway.data)), json.dumps(str(new))
    gateway.config.write_text(settings.replace(was, now), "utf-8")
    gateway.data = new
    gateway.start()
    # Receipts that the centre owes may have settled some of them already.
    assert gateway.parts().get("unsure", 0) <= before.get("sending", 0)
    over = {"delivered", "unsure"}
    wait_until("all are sent", lambda: set(gateway.parts()) <= over, 120, every=0.2)
    gateway.stop()

    got = centre.recipients()
    unsure = gateway.parts().get("unsure", 0)
    doubles = sum(got.values()) - len(got)
    never_sent = len(wanted - got.keys())
    figures(moved=before, unsure=unsure, never_sent=never_sent, doubles=doubles)
    assert 0 == doubles
    assert never_sent <= unsure
    if end == "stop":
        assert 0 == unsure
    assert "ok     1 accounts" in budstikke(
        "export", f"sqlite:///{new}/budstikke.sqlite", tmp_path, tmp_path / "last"
    )
