"""What ``budstikke demo`` applies and prints; the journeys run it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from budstikke import config
from budstikke.demo import apply_demo, demo_lines, read_demos
from budstikke.dialects import DIALECTS, IDENTIFY
from budstikke.domain.key_identifier import keyed
from budstikke.domain.money import MICROS, SMS
from budstikke.gateway import SETTINGS
from budstikke.provisioning.billing import statement
from budstikke.store.admin import open_engine, read_directory
from budstikke.store.ledger_check import check
from budstikke.store.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from budstikke.domain.directory import Access

WEBHOOK_SECRET = "whsec_YnVkc3Rpa2tlIGRlbW8gd2ViaG9va3MgMDE="
LOGINS = {
    "front": "1234",
    "sveve": "demo",
    "ip1": "ip1-1000",
    "reseller": "demo",
    "native": "demo",
    "smpp": "demo",
}
"""By dialect, who calls: as the design has promised it to everybody."""


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    folder: Path = tmp_path_factory.mktemp("demo")
    settings = config.Settings(data=str(folder))
    migrate(settings.database_url)
    for _ in range(2):  # with --data it is applied at each start
        apply_demo(settings)
    engine = open_engine(settings.database_url)
    yield engine
    engine.dispose()


def access(engine: Engine, dialect: str) -> Access:
    directory, said = read_directory(engine, SETTINGS), LOGINS[dialect]
    if dialect in IDENTIFY:
        said = keyed(directory.salt, IDENTIFY[dialect](said))
    found = directory.login(dialect, said)
    assert found is not None
    return found


def test_every_dialect_has_a_request_that_is_printed() -> None:
    demos = read_demos()
    assert list(DIALECTS) == list(demos)
    lines = demo_lines(8081)
    for demo in demos.values():
        assert f"{demo.title}:".replace("{smpp}", "2776") in lines
    assert not any(re.search(r"\{\w+\}", line) for line in lines)
    curls = [line for line in lines if "curl " in line]
    assert all("http://127.0.0.1:8081" in line for line in curls)
    assert len(demos) < len(curls)
    assert "ready" == lines[-1]


@pytest.mark.parametrize("dialect", sorted(LOGINS))
def test_every_dialect_has_an_account(engine: Engine, dialect: str) -> None:
    found = access(engine, dialect)
    account = found.account
    assert not found.require_https
    assert ("*",) == account.grants
    assert not account.premium
    assert "26114" == account.reply_number
    assert getattr(found.settings, "approved_domains", ()) == ()


@pytest.mark.parametrize("dialect", sorted(LOGINS))
def test_there_is_money_for_a_million_segments(engine: Engine, dialect: str) -> None:
    account = access(engine, dialect).account
    assert account.prices is not None
    price = account.prices.price(f"{account.home}99999999", 1_800_000_000.0)
    assert price
    found = next(row for row in check(engine) if row.name == account.name)
    assert [] == found.faults
    assert 1_000_000 * price == found.balance
    assert 1 == found.entries


def test_sveve_counts_in_sms_and_the_reseller_in_euro(engine: Engine) -> None:
    sveve = access(engine, "sveve").account
    assert SMS == sveve.currency
    assert sveve.prices is not None
    assert MICROS == sveve.prices.price("+4799999999", 0)
    reseller = access(engine, "reseller").account
    assert "EUR" == reseller.currency
    assert reseller.prices is not None
    assert 50_000 == reseller.prices.price("+447483938220", 0)


def test_the_opening_balance_is_in_the_statement(engine: Engine) -> None:
    from datetime import UTC, datetime

    month = datetime.now(UTC).date().replace(day=1)
    _, lines = statement(engine, "demo", month)
    assert 400_000 * MICROS == lines[-1].balance


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("FRONT hei", "front"),
        ("native", "native"),
        ("Sveve x", "sveve"),
        ("ip1", "ip1"),
    ],
)
def test_every_two_way_account_has_a_keyword_and_a_number(
    engine: Engine, text: str, dialect: str
) -> None:
    inventory = read_directory(engine, SETTINGS).inventory
    found = access(engine, dialect)
    assert found.id == inventory.find("2229", text).access_id
    assert 1 == sum(
        number.access_id == found.id for number in inventory.numbers.values()
    )


def test_the_short_numbers_are_shared(engine: Engine) -> None:
    inventory = read_directory(engine, SETTINGS).inventory
    for value in ("1963", "2065", "2229", "26444", "26114", "2401"):
        assert inventory.find(value, "").number is not None
        assert inventory.find(value, "hei").access_id is None


def test_callbacks_go_where_one_says(tmp_path: Path) -> None:
    settings = config.Settings(data=str(tmp_path))
    migrate(settings.database_url)
    base = "http://127.0.0.1:9000/in"
    for callbacks in (base, "", base):
        apply_demo(settings, callbacks)
    engine = open_engine(settings.database_url)
    front = access(engine, "front").settings
    assert f"{base}/front/status" == front.status_url
    assert f"{base}/front/inbound" == front.inbound_url
    assert front.two_way
    assert f"{base}/sveve/reply" == access(engine, "sveve").settings.reply_url
    assert f"{base}/ip1/inbound" == access(engine, "ip1").settings.inbound_url
    native = access(engine, "native").settings
    assert (WEBHOOK_SECRET,) == native.webhook_secrets
    assert f"{base}/native/inbound" == native.inbound_url
    assert access(engine, "sveve").settings.originator == "Budstikke"
    apply_demo(settings)
    assert "" == access(engine, "front").settings.status_url
    engine.dispose()
    assert any(WEBHOOK_SECRET in line for line in demo_lines(8080, base))
    assert not any(WEBHOOK_SECRET in line for line in demo_lines(8080))
