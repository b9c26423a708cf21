"""A gateway in one process with the simulator behind it, and customers that bind."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from budstikke import config
from budstikke.carriers import KINDS
from budstikke.carriers.simulator.phones import Message, Phones
from budstikke.config.smpp import Smpp
from budstikke.dialects import IDENTIFY
from budstikke.gateway import SETTINGS, Gateway
from budstikke.provisioning.apply import Secrets, apply, read_file
from budstikke.servers.auth import hash_secret, verify_secret
from budstikke.smpp_service import smpp_service
from budstikke.store.admin import open_engine
from budstikke.store.migrate import migrate
from carriers.simulator.operator_bind import Esme
from carriers.waiting import LONG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

FILE = """
[[carrier]]
name = "sim"
kind = "simulator"
[[route]]
prefix = "+47"
carriers = ["sim"]
[[account]]
name = "acme"
originators = ["*"]
currency = "SMS"
balance = 1000
[[account.access]]
dialect = "smpp"
id = "acme"
password = "secret"
require_https = false
[[account.access]]
dialect = "smpp"
id = "tight"
password = "secret"
require_https = false
[account.access.settings]
max_binds = 1
rate = 3
throttle_status = "ESME_RMSGQFUL"
message_ids = "hex"
originator = "Tight"
[[account.access]]
dialect = "smpp"
id = "narrow"
password = "secret"
require_https = false
settings = { window = 2 }
[[account.access]]
dialect = "smpp"
id = "tls"
password = "secret"
[[account.access]]
dialect = "smpp"
id = "elsewhere"
password = "secret"
require_https = false
allow_from = ["10.0.0.1"]
[[account]]
name = "poor"
originators = ["*"]
currency = "SMS"
[[account.access]]
dialect = "smpp"
id = "poor"
password = "secret"
require_https = false
[[account.number]]
value = "4759000000"
"""


class House:
    """The gateway, its phones, and the port that customers bind to."""

    def __init__(self, gateway: Gateway, phones: Phones, port: int) -> None:
        self.gateway = gateway
        self.phones = phones
        self.port = port

    async def connect(self) -> Esme:
        """Connect a customer that has not bound yet."""
        _, esme = await asyncio.get_running_loop().create_connection(
            Esme, "127.0.0.1", self.port
        )
        return esme

    async def bound(self, system_id: str = "acme", version: int = 0x34) -> Esme:
        """Bind a customer as transceiver."""
        esme = await self.connect()
        assert await esme.bind(system_id=system_id, version=version) == 0
        return esme

    async def got(self, number: str, count: int = 1) -> list[Message]:
        """Return what a phone got, once that are so many messages."""
        end = time.monotonic() + LONG
        while len(found := self.phones.messages(number)) < count:
            assert time.monotonic() < end, found
            await asyncio.sleep(0.01)
        return found


@asynccontextmanager
async def house(folder: Path, listen: Smpp | None = None) -> AsyncIterator[House]:
    """Run a gateway with an SMPP server for the block."""
    smpp = listen or Smpp(listen="127.0.0.1:0")
    settings = config.Settings(data=str(folder), smpp=smpp, durability="process")
    migrate(settings.database_url)
    kinds = {name: kind.settings for name, kind in KINDS.items()}
    file = read_file(FILE, SETTINGS, kinds, {}, IDENTIFY)
    engine = open_engine(settings.database_url)
    secrets = Secrets(hash_secret, verify_secret)
    apply(engine, file, secrets, actor="tester", now=time.time())
    engine.dispose()
    phones = Phones()
    gateway = Gateway(settings, phones=phones)
    await gateway.start()
    try:
        async with asyncio.timeout(2 * LONG), smpp_service(gateway) as port:
            yield House(gateway, phones, port)
    finally:
        await gateway.stop()
