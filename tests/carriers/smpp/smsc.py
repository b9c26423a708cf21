"""
A scripted message centre on a loopback port, made of our own server session.

Without a script it takes every bind and decides a submit_sm's fate by the last four
digits of the recipient, as the simulator does (``FATES``).
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Self, cast

from budstikke.smpp import (
    BOUND,
    Answered,
    Event,
    Limits,
    Pdu,
    Received,
    Role,
    Session,
    State,
    Tlvs,
)
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import BindResp, Body, MessageId, Sm
from budstikke.smpp.receipt import MessageState, receipt_text, receipt_tlvs
from carriers.waiting import Waiting

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

UNDELIVERED = "0001"
REJECTED = "0002"
SILENT = "0003"
EXPIRED = "0004"
RECEIPT_FIRST = "0005"
RECEIPT_TWICE = "0006"
NO_RECEIPT = "0007"
THROTTLED = "0008"

STATES = {UNDELIVERED: MessageState.UNDELIVERABLE, EXPIRED: MessageState.EXPIRED}


class Peer(asyncio.Protocol):
    """One connection as the message centre sees it."""

    def __init__(self, smsc: Smsc) -> None:
        self.smsc = smsc
        loop = asyncio.get_running_loop()
        self.session = Session(Role.MC, Limits(window=1000), loop.time())
        self.transport: asyncio.Transport | None = None
        self.bind: Pdu | None = None
        self.deaf = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.smsc.peers.append(self)
        self.smsc.on_connect(self)
        self.smsc.notify()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.smsc.notify()

    def data_received(self, data: bytes) -> None:
        self.smsc.reads += 1
        if self.deaf:
            return
        for event in self.session.receive(data, 0.0):
            self.happened(event)
        self.flush()
        self.smsc.notify()

    def happened(self, event: Event) -> None:
        smsc = self.smsc
        if isinstance(event, Received):
            pdu = event.pdu
            smsc.received.append(pdu)
            if pdu.command in cmd.BINDS:
                self.bind = pdu
                smsc.on_bind(self, pdu)
                smsc.give()
            elif pdu.command == cmd.SUBMIT_SM:
                smsc.submits.append((self, pdu))
                smsc.in_flight += 1
                smsc.most_in_flight = max(smsc.most_in_flight, smsc.in_flight)
                smsc.on_submit(self, pdu)
            else:
                self.session.respond(pdu)
        elif isinstance(event, Answered):
            smsc.answers.append(event.pdu)

    def flush(self) -> None:
        data = self.session.data_to_send()
        if self.transport is not None:
            self.transport.write(data)
            if self.session.state is State.CLOSED:
                self.transport.close()

    # What a script may do

    def answer(self, pdu: Pdu, status: int = 0, body: Body | None = None) -> None:
        self.smsc.in_flight -= 1
        self.session.respond(pdu, status, body)
        self.flush()

    def ok(self, pdu: Pdu, message_id: str) -> None:
        self.answer(pdu, st.ESME_ROK, MessageId(message_id))

    def deliver(
        self, body: Body, tlvs: Tlvs = (), command: int = cmd.DELIVER_SM
    ) -> None:
        """Deliver on a bind that receives; wait for one if there is none."""
        self.smsc.outbox.append((command, body, tlvs))
        self.smsc.give()

    def receipt(
        self, message_id: str, state: MessageState, phone: str = "4799999999"
    ) -> None:
        text = receipt_text(message_id, state, submitted=0.0, done=0.0)
        body = Sm(
            esm_class=4,
            source_addr_ton=1,
            source_addr_npi=1,
            source_addr=phone,
            destination_addr="Bud",
            short_message=text.encode("latin-1"),
        )
        self.deliver(body, receipt_tlvs(message_id, state))

    def raw(self, octets: bytes) -> None:
        assert self.transport is not None
        self.transport.write(octets)

    def hang_up(self) -> None:
        if self.transport is not None:
            self.transport.close()


class Smsc(Waiting):
    """The message centre; use as an asynchronous context."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        super().__init__()
        self.context = context
        self.port = 0
        self.peers: list[Peer] = []
        self.received: list[Pdu] = []
        self.submits: list[tuple[Peer, Pdu]] = []
        self.answers: list[Pdu] = []
        self.reads = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.ids = count(1)
        self.throttles: dict[str, int] = {}
        self.outbox: list[tuple[int, Body, Tlvs]] = []
        self.on_connect: Callable[[Peer], None] = lambda _peer: None
        self.on_bind: Callable[[Peer, Pdu], None] = take_bind
        self.on_submit: Callable[[Peer, Pdu], None] = fate

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(
            lambda: Peer(self), "127.0.0.1", 0, ssl=self.context
        )
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for peer in self.peers:
            if peer.transport is not None:
                peer.transport.abort()
        await self.server.wait_closed()

    @property
    def bound(self) -> list[Peer]:
        return [
            peer
            for peer in self.peers
            if peer.transport is not None and peer.session.state in BOUND
        ]

    def give(self) -> None:
        receivers = [
            peer for peer in self.bound if peer.session.state is not State.BOUND_TX
        ]
        if receivers:
            peer = receivers[-1]
            for command, body, tlvs in self.outbox:
                peer.session.send_request(command, body, None, 0.0, tlvs)
            self.outbox.clear()
            peer.flush()

    def texts(self) -> list[bytes]:
        return [sm(pdu).short_message for _, pdu in self.submits]


def sm(pdu: Pdu) -> Sm:
    assert isinstance(pdu.body, Sm)
    return pdu.body


def take_bind(peer: Peer, pdu: Pdu) -> None:
    peer.session.respond(pdu, st.ESME_ROK, BindResp("smsc"))


def refuse_bind(peer: Peer, pdu: Pdu) -> None:
    peer.session.respond(pdu, st.ESME_RINVPASWD)


def fate(peer: Peer, pdu: Pdu) -> None:
    """Do what the recipient's last digits say."""
    body, smsc = sm(pdu), peer.smsc
    ending = body.destination_addr[-4:]
    phone = body.destination_addr
    message_id = str(next(smsc.ids))
    if ending == SILENT:
        return
    if ending == REJECTED:
        peer.answer(pdu, st.ESME_RINVDSTADR)
        return
    if ending == THROTTLED and smsc.throttles.setdefault(phone, 3) > 0:
        smsc.throttles[phone] -= 1
        peer.answer(pdu, st.ESME_RTHROTTLED)
        return
    state = STATES.get(ending, MessageState.DELIVERED)
    wanted = body.registered_delivery and ending != NO_RECEIPT
    if wanted and ending == RECEIPT_FIRST:
        peer.receipt(message_id, state, phone)
    peer.ok(pdu, message_id)
    if wanted and ending != RECEIPT_FIRST:
        for _ in range(2 if ending == RECEIPT_TWICE else 1):
            peer.receipt(message_id, state, phone)
