"""Routes: ``apply`` and ``budstikke route``, as a person at the keyboard meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from budstikke import cli
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from pathlib import Path

FILE = """
carrier = [
    { name = "a", kind = "simulator", costs = { "+" = "0.60", "+47" = "0.21" } },
    { name = "b", kind = "simulator", costs = { "+" = 1 } },
]

[[route]]
prefix = "+"
carriers = ["b", "a"]
least_cost = true

[[route]]
prefix = "+47"
carriers = ["b", "a"]
weights = [1, 3]

[[route]]
prefix = "+47"
kind = "flash"
hours = "22:00-06:00"
carriers = ["b"]

[[route]]
account = "acme"
prefix = "+47"
operator = "telenor"
sender = "2229"
carriers = ["a"]

[[operator]]
code = "telenor"
prefixes = ["+4790", "+4799999999"]

[[price_list]]
name = "retail"
currency = "NOK"
price = [{ prefix = "+47", amount = "0.40" }, { prefix = "+46", amount = "0.80" }]

[[account]]
name = "acme"
originators = ["*"]
currency = "NOK"
price_list = "retail"
balance = 10

[[account.access]]
dialect = "native"
password = "key"
"""


@pytest.fixture
def here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    monkeypatch.chdir(tmp_path)
    migrate(f"sqlite:///{tmp_path}/data/budstikke.sqlite")
    (tmp_path / "a.toml").write_text(FILE, "utf-8")
    assert 0 == cli.main(("apply", "a.toml"))
    assert (
        "+ route +47, operator telenor, sender 2229 of acme" in capsys.readouterr().out
    )
    assert 0 == cli.main(("apply", "a.toml"))
    assert "0 added, 0 changed" in capsys.readouterr().out
    return tmp_path


@pytest.mark.usefixtures("here")
def test_the_rule_the_carriers_and_the_price(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def route(*arguments: str) -> list[str]:
        code = cli.main(("route", *arguments, "--account", "acme"))
        printed = capsys.readouterr()
        return [str(code), *(printed.out + printed.err).splitlines()]

    assert [
        "0",
        "recipient  +4799999998",
        "rule       route +47",
        "carriers   b (weight 1), a (weight 3)",
        "price      0.40 NOK",
    ] == route("99999998")
    assert [
        "0",
        "recipient  +4799999999",
        "rule       route +47, operator telenor, sender 2229 of acme",
        "carriers   a",
        "price      0.40 NOK",
        "operator   telenor",
    ] == route("+4799999999", "--sender", "2229")
    night = ("--kind", "flash", "--at", "2026-12-24T23:00")
    assert "rule       route +47, kind flash, hours 22:00-06:00" in route(
        "99999998", *night
    )
    assert "rule       route +47" in route("99999998", *night[:3], "2026-12-24T12:00")
    assert "carriers   a, b" in route("+46705555555")
    assert [
        "1",
        "the gateway would refuse the message: country_not_allowed +4530123456",
    ] == route("+4530123456")
    assert ["1", "the gateway would refuse the message: bad_recipient 12"] == route(
        "12"
    )
    assert 2 == cli.main(("route", "99999998", "--account", "other"))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ('carriers = ["a"], weights = [1, 2]', "a number for each of carriers"),
        ('carriers = ["a"], weights = [0]', "one must be above 0"),
        ('carriers = ["a"], weights = [1], least_cost = true', "not together"),
        ('carriers = ["a"], hours = "24:00-06:00"', "two times of day"),
        ('carriers = ["a"], sender = " Firm"', "as phones show it"),
        ('carriers = ["a"], kind = "flsh"', "did you mean `flash`"),
    ],
)
def test_what_apply_refuses(
    entry: str, fault: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "b.toml"
    file.write_text(f'route = [{{ prefix = "+46", {entry} }}]', "utf-8")
    assert 2 == cli.main(("apply", str(file)))
    assert fault in capsys.readouterr().err


def test_an_operator_s_prefixes_are_its_own(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "b.toml"
    file.write_text('operator = [{ code = "telia", prefixes = ["+4790"] }]', "utf-8")
    assert 2 == cli.main(("apply", str(file)))
    assert "+4790 is one of operator telenor" in capsys.readouterr().err
