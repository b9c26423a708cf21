"""The commands about money, as a person at the keyboard meets them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest

from budstikke import cli
from budstikke.store.migrate import migrate

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
[[account]]
name = "trial"
trial = true
[[account]]
name = "free"
"""


class Ran(NamedTuple):
    code: int
    out: str
    err: str


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
) -> Path:
    """Give a folder whose database has the accounts above."""
    shutil.copytree(empty, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BUDSTIKKE_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("time.time", lambda: 1_795_345_200.0)  # 2026-11-22 12:00
    (tmp_path / "accounts.toml").write_text(FILE)
    assert 0 == run(capsys, "apply", "accounts.toml").code
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    try:
        code = cli.main(arguments)
    except SystemExit as error:  # argparse leaves this way
        code = int(error.code or 0)
    return Ran(code, *capsys.readouterr())


def change(statement: str) -> None:
    with closing(sqlite3.connect("data/budstikke.sqlite")) as connection:
        connection.execute(statement)
        connection.commit()


def test_credit(
    capsys: pytest.CaptureFixture[str], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "kari")
    note = ("--note", "invoice 1041")
    assert Ran(0, "acme: 600.05 NOK\n", "") == run(
        capsys, "credit", "acme", "500.05", *note
    )
    assert Ran(0, "acme: 599.00 NOK\n", "") == run(capsys, "credit", "acme", "-1.05")
    assert Ran(0, "trial: 525 SMS\n", "") == run(capsys, "credit", "trial", "500")
    with closing(sqlite3.connect("data/budstikke.sqlite")) as connection:
        (actor,) = connection.execute(
            "SELECT actor FROM audit ORDER BY id DESC LIMIT 1"
        ).fetchone()
    assert "kari" == actor


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("nobody", "5"), "budstikke: there is no account nobody\n"),
        (
            ("free", "5"),
            "budstikke: account free has no currency: nothing is charged\n",
        ),
    ],
)
def test_credit_for_whom_it_cannot_be(
    capsys: pytest.CaptureFixture[str],
    here: Path,
    arguments: tuple[str, ...],
    expected: str,
) -> None:
    assert Ran(2, "", expected) == run(capsys, "credit", *arguments)


@pytest.mark.parametrize("amount", ["0", "0.00", "1,5", "much", "0.0000001", "1e3"])
def test_amounts_that_are_none(
    capsys: pytest.CaptureFixture[str], here: Path, amount: str
) -> None:
    ran = run(capsys, "credit", "acme", amount)
    assert 2 == ran.code
    assert "argument AMOUNT: " in ran.err


def test_orders(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    assert Ran(0, "", "") == run(capsys, "orders")
    for count in (5000, 700):
        change(
            "INSERT INTO credit_order (account_id, at, count, state, amount) "
            f"VALUES (2, 1795345200, {count}, 'waiting', {count}000000)"
        )
    first = "1  2026-11-22 12:00 CET  trial  5000 SMS  5000 SMS\n"
    second = "2  2026-11-22 12:00 CET  trial  700 SMS  700 SMS\n"
    assert Ran(0, first + second, "") == run(capsys, "orders")
    assert Ran(0, second, "") == run(capsys, "orders", "--approve", "1")
    assert Ran(0, "", "") == run(capsys, "orders", "--refuse", "2")
    gone = "budstikke: no order 2 is waiting\n"
    assert Ran(2, "", gone) == run(capsys, "orders", "--approve", "2")
    assert "ok     trial: 2 entries, 5025 SMS\n" in run(capsys, "ledger").out
    both = run(capsys, "orders", "--approve", "1", "--refuse", "2")
    assert 2 == both.code


def test_statement(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    run(capsys, "credit", "acme", "0.055", "--note", 'so "far", so good')
    expected = (
        "date,kind,note,messages,amount,balance\n"
        "2026-11-01,opening,,,,0.00\n"
        "2026-11-22,payment,opening balance,,100.00,100.00\n"
        '2026-11-22,payment,"so ""far"", so good",,0.055,100.055\n'
        "2026-11-30,closing,,,,100.055\n"
    )
    assert Ran(0, expected, "") == run(
        capsys, "statement", "acme", "--month", "2026-11"
    )
    trial = run(capsys, "statement", "trial", "--month", "2026-11").out
    assert "2026-11-22,trial,opening balance,,25,25\n" in trial
    december = run(capsys, "statement", "acme", "--month", "2026-12").out
    assert "2026-12-01,opening,,,,100.055\n2026-12-31,closing,,,,100.055\n" in december


@pytest.mark.parametrize(
    "arguments",
    [
        ("statement", "acme"),
        ("statement", "acme", "--month", "November"),
        ("statement", "acme", "--month", "2026-13"),
        ("statement", "--month", "2026-11"),
    ],
)
def test_statements_of_no_month(
    capsys: pytest.CaptureFixture[str], here: Path, arguments: tuple[str, ...]
) -> None:
    assert 2 == run(capsys, *arguments).code


def test_the_ledger_is_right(capsys: pytest.CaptureFixture[str], here: Path) -> None:
    expected = "ok     acme: 1 entries, 100.00 NOK\nok     trial: 1 entries, 25 SMS\n"
    assert Ran(0, expected, "") == run(capsys, "ledger")


def test_a_ledger_that_is_wrong_is_named(
    capsys: pytest.CaptureFixture[str], here: Path
) -> None:
    change("UPDATE account SET balance = balance + 1 WHERE name = 'trial'")
    expected = (
        "ok     acme: 1 entries, 100.00 NOK\n"
        "wrong  trial: the ledger sums to 25000000, the balance is 25000001 (micros)\n"
    )
    assert Ran(1, expected, "") == run(capsys, "ledger")


def test_all_need_a_database(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in (
        ("ledger",),
        ("orders",),
        ("credit", "a", "1"),
        ("statement", "a", "--month", "2026-11"),
    ):
        ran = run(capsys, *command)
        assert (1, "") == (ran.code, ran.out)
        assert "run `budstikke migrate`" in ran.err
