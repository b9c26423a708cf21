"""``budstikke carriers`` and ``budstikke carrier``, as people see them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke import cli
from budstikke.store.contract.nodes import CarrierStatus
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FILE = """
[[carrier]]
name = "acme"
kind = "smpp"
settings = { host = "smpp.example.com", system_id = "us" }

[[carrier]]
name = "phones"
kind = "simulator"
"""


def test_carriers(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "kari")
    monkeypatch.delenv("SUDO_USER", raising=False)
    (tmp_path / "data").mkdir()
    database = tmp_path / "data/budstikke.sqlite"
    migrate(f"sqlite:///{database}")
    (tmp_path / "carriers.toml").write_text(FILE)

    def run(*arguments: str) -> tuple[int, list[str]]:
        code = cli.main(arguments)
        shown = capsys.readouterr()
        return code, (shown.out or shown.err).splitlines()

    def query(sql: str, *values: Any) -> list[Any]:
        with closing(sqlite3.connect(database)) as connection, connection:
            return connection.execute(sql, values).fetchall()

    def row(name: str) -> list[str]:
        (found,) = (line for line in run("carriers")[1] if line.startswith(f"{name} "))
        return found.split()

    assert run("apply", "carriers.toml")[0] == 0
    before = query("SELECT value FROM meta WHERE key = 'revision'")
    assert ["acme", "smpp", "-", "no", "node"] == row("acme")[:5]

    assert (2, ["budstikke: there is no carrier none"]) == run(
        "carrier", "pause", "none"
    )
    assert (0, ["acme: paused"]) == run("carrier", "pause", "acme")
    assert (0, ["acme: paused already"]) == run("carrier", "pause", "acme")
    (after,) = query("SELECT value FROM meta WHERE key = 'revision'")
    assert int(after[0]) == int(before[0][0]) + 1
    assert ("kari", "carrier acme: switched from on to paused") == query(
        "SELECT actor, act FROM audit ORDER BY id DESC LIMIT 1"
    )[0]
    assert run("apply", "carriers.toml")[0] == 0
    assert [("acme", "paused"), ("phones", "on")] == query(
        "SELECT name, switch FROM carrier ORDER BY name"
    )
    assert row("acme")[3] == "paused"
    assert (0, ["acme: drained"]) == run("carrier", "drain", "acme")
    assert (0, ["acme: on"]) == run("carrier", "resume", "acme")

    status = CarrierStatus(
        1,
        "up",
        binds=2,
        submits=200,
        answers=199,
        refused=3,
        receipts=150,
        answer_delay=0.02,
        ids="hex_dec",
        alarm="no delivery report for 1000 s",
    )
    said = msgspec.json.encode(status).decode()
    insert = "INSERT INTO carrier_status VALUES (?, ?, ?, ?)"
    query("INSERT INTO node VALUES (7, 'n1', 0), (8, 'n2', 0)")
    query(insert, 1, 7, time.time(), said)
    query(insert, 1, 8, time.time() - 1000, said)
    wanted = "acme smpp n1 up 2 200 199 3 0 0 150 75% 0.02 - hex_dec"
    assert wanted.split() == row("acme")
    assert run("carriers")[1][-1] == "acme: no delivery report for 1000 s"
