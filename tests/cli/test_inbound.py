"""The commands about requests for numbers and unrouted messages, as people see them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from budstikke import cli
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
[[number]]
value = "2229"

[[account]]
name = "acme"

[[account.access]]
dialect = "front"
id = "1234"
password = "x"
settings = { two_way = true }

[[account.access]]
dialect = "front"
id = "1235"
password = "x"
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


class Here:
    """A folder with a database, and the commands run in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        (folder / "accounts.toml").write_text(FILE)
        assert self.run("apply", "accounts.toml").code == 0

    def run(self, *arguments: str) -> Ran:
        code = cli.main(arguments)
        return Ran(code, *self._capsys.readouterr())

    def query(self, sql: str, *values: Any) -> list[Any]:
        file = self.folder / "data/budstikke.sqlite"
        with closing(sqlite3.connect(file)) as connection:
            found = connection.execute(sql, values).fetchall()
            connection.commit()
            return found

    def ask(self, kind: str, number: str, word: str = "") -> None:
        self.query(
            "INSERT INTO number_request (account_id, access_id, kind, number, word,"
            " note, state, at, answer) VALUES (1, 1, ?, ?, ?, ?, 'waiting', 1e9, '')",
            *(kind, number, word, "Hi\x1b[2J"),
        )

    def receive(self, text: str) -> None:
        self.query(
            "INSERT INTO inbound (carrier_id, originator, recipient, kind, text, data,"
            " subject, keyword, missing, opt_out, sent_at, came_at)"
            " VALUES (1, '+4799999999', '2065', 'sms', ?, '', '', '', 0, 0, 1e9, 1e9)",
            text,
        )


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("empty") / "data"
    migrate(f"sqlite:///{folder}/budstikke.sqlite")
    return folder


@pytest.fixture
def here(
    capsys: pytest.CaptureFixture[str],
    empty: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Here:
    shutil.copytree(empty, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BUDSTIKKE_"):
            monkeypatch.delenv(name)
    return Here(tmp_path, capsys)


def test_requests_are_shown_and_decided(here: Here) -> None:
    here.ask("keyword", "2229", "TIPS")
    here.ask("number", "")
    assert Ran(
        0,
        "1  2001-09-09 03:46 CEST  acme  front:1234  keyword 2229 TIPS  Hi [2J\n"
        "2  2001-09-09 03:46 CEST  acme  front:1234  number  Hi [2J\n",
        "",
    ) == here.run("requests")
    assert Ran(0, "keyword TIPS on 2229 for front:1234\n", "") == here.run(
        "approve", "1"
    )
    assert Ran(
        2, "", "budstikke: request 2: the customer takes any number: name one\n"
    ) == (here.run("approve", "2"))
    assert Ran(0, "", "") == here.run("refuse", "2", "--answer", "None is left")
    assert Ran(0, "", "") == here.run("requests")
    assert [("approved", "keyword TIPS on 2229"), ("refused", "None is left")] == (
        here.query("SELECT state, answer FROM number_request ORDER BY id")
    )
    assert Ran(2, "", "budstikke: no request 2 is waiting\n") == (
        here.run("approve", "2", "--number", "4759440000")
    )


def test_what_is_taken_is_not_given_twice(here: Here) -> None:
    for _ in range(2):
        here.ask("number", "4759440000")
    assert 0 == here.run("approve", "1").code
    taken = Ran(2, "", "budstikke: number 4759440000 is taken\n")
    assert taken == here.run("approve", "2")
    assert 0 == here.run("approve", "2", "--number", "+4759440001").code


@pytest.mark.parametrize("number", ["x", "-1", "9" * 20, "9" * 5000, "\u0663"])
def test_what_is_no_id_is_refused(
    here: Here, capsys: pytest.CaptureFixture[str], number: str
) -> None:
    for arguments in (("unrouted", f"--before={number}"), ("assign", "--", number)):
        with pytest.raises(SystemExit) as ended:
            here.run(*arguments)
        assert 2 == ended.value.code
    assert "not an id: " in capsys.readouterr().err


def test_unrouted_messages_are_shown_and_assigned(here: Here) -> None:
    here.receive("Hei\x07 " + "x" * 80)
    here.receive("To")
    when = "2001-09-09 03:46:40 CEST  +4799999999 -> 2065  sms"
    assert f"2  {when}  [2]\n1  {when}  [85]\n" == here.run("unrouted").out
    texts = here.run("unrouted", "--show-text", "--limit", "1", "--before", "2").out
    assert f"1  {when}  Hei  {'x' * 55}…\n" == texts
    assert Ran(0, "", "") == here.run("assign", "1", "--access", "front:1234")
    assert f"1  {when}  [85]  assigned\n" == here.run("unrouted", "--before", "2").out
    again = here.run("assign", "1", "--access", "front:1234")
    assert Ran(2, "", "budstikke: message 1 is not unrouted, or is assigned\n") == again
    for access, fault in (
        ("front:1235", "access front:1235 is not two_way"),
        ("front:1", "there is no access front:1"),
    ):
        answer = here.run("assign", "2", "--access", access)
        assert Ran(2, "", f"budstikke: {fault}\n") == answer
