"""The command about users of the console, as people see it."""

from __future__ import annotations

import io
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

from budstikke import cli
from budstikke.flow.one_time_links import digest
from budstikke.servers.auth import verify_secret
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("USER", "tester")
    monkeypatch.delenv("SUDO_USER", raising=False)
    (tmp_path / "data").mkdir()
    migrate(f"sqlite:///{tmp_path}/data/budstikke.sqlite")
    (tmp_path / "a.toml").write_text('[[account]]\nname = "acme"\n')
    assert cli.main(["apply", "a.toml"]) == 0
    capsys.readouterr()

    def run(*arguments: str, given: str = "") -> Ran:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        code = cli.main(["user", *arguments])
        return Ran(code, *capsys.readouterr())

    return run


def query(folder: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(folder / "data/budstikke.sqlite")) as connection:
        return connection.execute(sql).fetchall()


def test_users_from_the_first_to_a_disabled_one(
    run: Callable[..., Ran], tmp_path: Path
) -> None:
    mail = "Kari@Example.com"
    for given, why in (
        ("kort\n", "password: use at least 10 characters"),
        ("Passord123\n", "password: this is one of the first"),
    ):
        ran = run("add", mail, given=given)
        assert (2, "") == ran[:2]
        assert why in ran.err
    ran = run(
        "add", mail, "--name", "Kari Holm", "--role", "operator", given="riktig hest\n"
    )
    assert (0, "", "") == ran
    ((stored,),) = query(tmp_path, "SELECT password FROM console_user")
    assert verify_secret("riktig hest", str(stored))
    assert 2 == run("add", mail, given="riktig hest\n").code
    assert 0 == run("role", mail, "--account", "acme", "--role", "administrator").code
    line = "kari@example.com  Kari Holm  operator, administrator of acme"
    assert line == run("list").out.strip()
    ran = run("role", mail, "--account", "acme", "--role", "none")
    assert "is the last administrator of acme: give another user" in ran.err
    assert 0 == run("role", mail, "--role", "none").code

    ran = run("invite", "ola@example.com", "--account", "acme", "--role", "sender")
    base, _, token = ran.out.strip().rpartition("/")
    assert base.endswith("/console/invitation")
    assert [(digest(token), "sender")] == query(
        tmp_path, "SELECT hash, role FROM user_token"
    )

    base, _, token = run("reset", mail).out.strip().rpartition("/")
    assert base.endswith("/console/password")
    assert [(digest(token),)] == query(
        tmp_path, "SELECT hash FROM user_token WHERE kind = 'password'"
    )

    assert 0 == run("disable", mail).code
    assert run("list").out.strip().endswith("administrator of acme  disabled")
    assert 0 == run("enable", mail).code
    acts = [
        row[0]
        for row in query(tmp_path, "SELECT act FROM audit WHERE actor = 'tester'")
    ]
    for act in (
        *("created the user kari@example.com", "enabled the user kari@example.com"),
        "gave the role operator of user kari@example.com in the installation",
        "invited ola@example.com as sender of account 1",
        "made a link for a new password of kari@example.com",
    ):
        assert act in acts
    assert "riktig" not in str(acts)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("add",), "give the user's mail address"),
        (("disable", "no@example.com"), "there is no user no@example.com"),
        (("role", "no@example.com", "--role", "reader"), "role reader: give --account"),
        (("role", "no@example.com"), "give --role"),
        (("reset", "no@example.com"), "there is no user no@example.com"),
        (("invite", "no@example.com"), "give --role"),
        (("invite", "no@example.com", "--role", "none"), "give --role"),
        (
            ("invite", "no@example.com", "--role", "sender", "--account", "x"),
            "there is no account x",
        ),
        (
            ("role", "no@example.com", "--role", "operator", "--account", "acme"),
            "leave --account out",
        ),
    ],
)
def test_what_it_refuses(
    run: Callable[..., Ran], arguments: tuple[str, ...], why: str
) -> None:
    ran = run(*arguments)
    assert 2 == ran.code
    assert why in ran.err
