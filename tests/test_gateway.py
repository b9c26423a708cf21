"""A gateway in one piece, with a clock of the test's own: what turns by itself."""

from __future__ import annotations

import asyncio
import time
from datetime import date
from typing import TYPE_CHECKING

import pytest

from budstikke import config
from budstikke.carriers import KINDS
from budstikke.carriers.simulator.phones import Phones
from budstikke.config.mail import Mail
from budstikke.dialects import IDENTIFY
from budstikke.domain.message import Order, Recurrence, Unit
from budstikke.gateway import SETTINGS, Gateway
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.provisioning.billing import statement
from budstikke.servers.auth import hash_secret, verify_secret
from budstikke.store.admin import open_engine
from budstikke.store.ledger_check import check
from budstikke.store.migrate import migrate
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = 1_795_345_200.0
"""2026-11-22 12:00 in Oslo."""

FILE = """
[[carrier]]
name = "sim"
kind = "simulator"
[[route]]
prefix = "+"
carriers = ["sim"]
[[account]]
name = "acme"
originators = ["*"]
currency = "SMS"
balance = 10
alert_below = 9
alert_mail = ["ops@acme.example"]
[[account.fee]]
name = "setup"
amount = 5
monthly = false
[[account.access]]
dialect = "front"
id = "1234"
password = "demo"
"""


@pytest.fixture
def settings(tmp_path: Path) -> config.Settings:
    mail = Mail(host="127.0.0.1", port=9, sender="us@example.com", tls="none")
    settings = config.Settings(data=str(tmp_path), mail=mail)
    migrate(settings.database_url)
    kinds = {name: kind.settings for name, kind in KINDS.items()}
    file = read_file(FILE, SETTINGS, kinds, {}, IDENTIFY)
    engine = open_engine(settings.database_url)
    secrets = Secrets(hash_secret, verify_secret)
    apply(engine, file, secrets, actor="tester", now=NOW)
    engine.dispose()
    return settings


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        await asyncio.sleep(0.01)


def kinds(settings: config.Settings) -> list[tuple[str, int]]:
    """List what the ledger has, in whole SMS; it has to be right."""
    engine = open_engine(settings.database_url)
    assert [[]] == [found.faults for found in check(engine)]
    _, lines = statement(engine, "acme", date(2026, 11, 1))
    engine.dispose()
    return [(line.kind, (line.amount or 0) // 1_000_000) for line in lines[1:-1]]


async def test_what_turns_by_itself(settings: config.Settings) -> None:
    now = NOW
    gateway = Gateway(settings, phones=Phones(), clock=lambda: now, count=lambda: now)
    await gateway.start()
    try:
        access = gateway.directory.login("front", "1234")
        assert access is not None
        await until(lambda: ("fee", -5) in kinds(settings))
        await until(lambda: gateway.alerter._mails)
        order = Order(
            recipients=["+4799990001"],
            text="Hei",
            originator="Acme",
            recurrence=Recurrence(value=1, unit=Unit.HOUR),
        )
        await gateway.acceptor.accept(order, access)
        now += 3 * 3600.0
        await until(lambda: ("charge", -2) in kinds(settings))
    finally:
        await gateway.stop()
    assert [("payment", 10), ("fee", -5), ("charge", -2)] == kinds(settings)
