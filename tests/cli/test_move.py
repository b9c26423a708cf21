"""The commands that move a database, as a person at the keyboard meets them."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

from budstikke import cli

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
[[price_list]]
name = "retail"
currency = "NOK"
price = [{ prefix = "+", amount = "0.40" }]
[[account]]
name = "acme"
currency = "NOK"
price_list = "retail"
balance = 100
[[account.access]]
dialect = "front"
id = "1000"
password = "very secret words"
[[account]]
name = "free"
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def here(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give a folder with the database ``old`` and one that is empty, ``new``."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BUDSTIKKE_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("time.time", lambda: 1_795_345_200.0)
    for name in ("old", "new"):
        (tmp_path / f"{name}.toml").write_text(f'database = "sqlite:///{name}.sqlite"')
        assert 0 == run(capsys, name, "migrate").code
    (tmp_path / "accounts.toml").write_text(FILE)
    assert 0 == run(capsys, "old", "apply", "accounts.toml").code
    return tmp_path


def run(
    capsys: pytest.CaptureFixture[str], config: str, command: str, *rest: str
) -> Ran:
    code = cli.main((command, "--config", f"{config}.toml", *rest))
    return Ran(code, *capsys.readouterr())


def change(statement: str) -> None:
    with closing(sqlite3.connect("old.sqlite")) as connection:
        connection.execute(statement)
        connection.commit()


def test_a_database_is_moved(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    out = run(capsys, "old", "export", "file")
    rows = "account                    2\naudit "
    assert (0, "") == (out.code, out.err)
    assert out.out.startswith(rows)
    assert "old.sqlite: " in out.out
    assert " rows written to file, 0.0 MB. It holds " in out.out
    right = "ok     2 accounts, every balance is the sum of its ledger\n"
    assert out.out.endswith(right)
    into = run(capsys, "new", "import", "file")
    assert (0, "") == (into.code, into.err)
    assert into.out.startswith(rows)
    assert into.out.endswith(f" rows of file\n{right}")
    same = run(capsys, "new", "apply", "accounts.toml", "--dry-run")
    assert "password" not in same.out  # the hash that came with it fits
    assert "ok     acme: 1 entries, 100.00 NOK\n" == run(capsys, "new", "ledger").out


def test_a_ledger_that_is_wrong_is_named_by_both(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    change("UPDATE account SET balance = balance + 1 WHERE name = 'acme'")
    wrong = (
        "wrong  acme: the ledger sums to 100000000, the balance is 100000001 (micros)\n"
    )
    for config, command in (("old", "export"), ("new", "import")):
        ran = run(capsys, config, command, "file")
        assert (1, "") == (ran.code, ran.err)
        assert ran.out.endswith(wrong)


def test_what_cannot_be_done_is_one_line(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    missing = run(capsys, "new", "import", "nowhere")
    assert (1, "") == (missing.code, missing.out)
    assert "No such file or directory: 'nowhere'" in missing.err
    run(capsys, "old", "export", "file")
    again = Ran(1, "", "budstikke: file: is there already; nothing was written\n")
    assert again == run(capsys, "old", "export", "file")
    full = run(capsys, "old", "import", "file")
    assert (1, "") == (full.code, full.out)
    assert full.err.startswith("budstikke: the database is not empty, account has rows")
    (here / "other.toml").write_text('database = "sqlite:///other.sqlite"')
    for command in ("export", "import"):
        none = run(capsys, "other", command, "file")
        assert (1, "") == (none.code, none.out)
        assert "run `budstikke migrate`" in none.err
