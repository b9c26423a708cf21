"""A client of the simulated operator, and the operator with a clock to move."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any, cast

from budstikke.carriers.simulator.listener import Listener
from budstikke.carriers.simulator.phones import Message, Phones
from budstikke.carriers.simulator.settings import ListenerSettings
from budstikke.smpp import (
    Answered,
    Closed,
    Event,
    Limits,
    Pdu,
    Received,
    Role,
    Session,
    Timing,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, Body, Sm
from budstikke.smpp.receipt import DeliveryReceipt, read_receipt
from carriers.waiting import LONG, Waiting

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from budstikke.smpp import Tlvs

NOW = 1_800_000_000.0
OLA = "4799999999"
UDHI = 0x40


class Esme(asyncio.Protocol, Waiting):
    """A client made of our own session; acknowledges what is delivered."""

    def __init__(self, window: int = 1000) -> None:
        super().__init__()
        loop = asyncio.get_running_loop()
        limits = Limits(window=window, timing=Timing(enquire_link=0))
        self.session = Session(Role.ESME, limits, loop.time())
        self.loop = loop
        self.answers: dict[Any, Pdu] = {}
        self.delivered: list[Pdu] = []
        self.log: list[str] = []
        self.closed = ""
        self.statuses: list[int] = []
        """How the next deliveries are answered; -1: not at all."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is none by inheritance.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for event in self.session.receive(data, self.loop.time()):
            self.happened(event)
        self.flush()
        self.notify()

    def connection_lost(self, exc: Exception | None) -> None:
        for event in self.session.lost("lost"):
            self.happened(event)
        self.notify()

    def happened(self, event: Event) -> None:
        match event:
            case Answered(token, pdu):
                self.answers[token] = pdu
                self.log.append("answer")
            case Received(pdu) if pdu.command == cmd.UNBIND:
                self.session.respond(pdu)
                self.closed = "unbound by the operator"
            case Received(pdu):
                self.delivered.append(pdu)
                self.log.append("delivery")
                status = self.statuses.pop(0) if self.statuses else 0
                if status >= 0:
                    self.session.respond(pdu, status)
            case Closed(reason):
                self.closed = self.closed or reason

    def flush(self) -> None:
        self.transport.write(self.session.data_to_send())

    def ask(self, command: int, body: Body, token: Any, tlvs: Tlvs = ()) -> None:
        self.session.send_request(command, body, token, self.loop.time(), tlvs)
        self.flush()

    async def answer(self, token: Any) -> Pdu:
        await self.until(lambda: token in self.answers)
        return self.answers[token]

    async def bind(
        self,
        command: int = cmd.BIND_TRANSCEIVER,
        system_id: str = "acme",
        password: str = "secret",  # noqa: S107 - of nobody
        version: int = 0x34,
    ) -> int:
        body = Bind(system_id, password, interface_version=version)
        self.ask(command, body, "bind")
        return (await self.answer("bind")).status

    async def submit(
        self, digits: str = "9999", text: bytes = b"Hei", tlvs: Tlvs = (), **fields: Any
    ) -> Pdu:
        token = object()
        self.ask(cmd.SUBMIT_SM, sm(digits, text, **fields), token, tlvs)
        return await self.answer(token)

    async def receipts(self, number: int) -> list[DeliveryReceipt]:
        await self.until(lambda: len(self.delivered) >= number)
        found = [read_receipt(pdu) for pdu in self.delivered]
        return [receipt for receipt in found if receipt is not None]


def sm(digits: str = "9999", text: bytes = b"Hei", **fields: Any) -> Sm:
    values: dict[str, Any] = {
        "source_addr_ton": 5,
        "source_addr": "Bud",
        "dest_addr_ton": 1,
        "dest_addr_npi": 1,
        "destination_addr": "479999" + digits,
        "registered_delivery": 1,
        "short_message": text,
    }
    return Sm(**(values | fields))


class Operator:
    """A listener on a loopback port, its phones and a clock that a test moves."""

    def __init__(self, **settings: Any) -> None:
        self.now = NOW
        self.phones = Phones()
        values = {"port": 0, "delivery_delay": 1.0} | settings
        self.listener = Listener(
            self.phones,
            ListenerSettings(**values),
            random=Random(1),  # noqa: S311 - a test repeats itself
            clock=lambda: self.now,
        )

    async def connect(self, **options: Any) -> Esme:
        _, esme = await asyncio.get_running_loop().create_connection(
            lambda: Esme(**options), "127.0.0.1", self.listener.port
        )
        return esme

    async def bound(self, command: int = cmd.BIND_TRANSCEIVER, **options: Any) -> Esme:
        esme = await self.connect(**options)
        assert st.ESME_ROK == await esme.bind(command)
        return esme

    def after(self, seconds: float) -> None:
        """Let everything happen that is due in so many seconds."""
        end = self.now + seconds
        while (due := self.listener._centre.next()) is not None and due <= end:
            self.now = max(self.now, due)
            self.listener.tick()
        self.now = end

    def got(self, digits: str = "9999") -> list[Message]:
        return self.phones.messages("+479999" + digits)

    def text(self) -> str:
        (message,) = self.got()
        return message.text


@asynccontextmanager
async def operator(**settings: Any) -> AsyncIterator[Operator]:
    made = Operator(**settings)
    await made.listener.start()
    try:
        yield made
    finally:
        await made.listener.stop()


@asynccontextmanager
async def bound_to(**settings: Any) -> AsyncIterator[tuple[Operator, Esme]]:
    """Bind an ESME to the simulator for the block."""
    async with asyncio.timeout(LONG), operator(**settings) as centre:
        yield centre, await centre.bound()
