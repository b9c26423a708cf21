"""Clients that are slow, silent, broken or blocked: nobody else notices."""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from budstikke import smpp_service as service
from budstikke.config.smpp import Smpp
from budstikke.flow.transports import NotReached
from budstikke.servers.smpp import segments
from budstikke.servers.smpp.listener import ListenerLimits
from budstikke.smpp import Pdu, build, tags
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, Empty, Sm
from carriers.simulator.operator_bind import Esme, sm
from servers.smpp.customers import House, house
from smpp.test_fuzz import corpus, framed, mutate

BIND = build(Pdu(cmd.BIND_TRANSCEIVER, 0, 1, Bind("acme", "secret")))
MOST_UNREAD = 64 * 2**20
"""Octets; sockets of both sides hold less."""
TLS = Path(__file__).parents[2] / "carriers/smpp/tls"


async def works(gateway: House) -> None:
    """A well-behaved customer is served."""
    esme = await gateway.bound()
    assert (await esme.submit("1101")).status == 0
    esme.transport.abort()


async def answered(port: int, context: ssl.SSLContext) -> bytes:
    """Bind without a certificate; return what is answered."""
    with suppress(ssl.SSLError, ConnectionError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        writer.write(BIND)
        try:
            return await reader.read(1)
        finally:
            writer.close()
    return b""


async def sent_to(port: int, octets: bytes) -> bytes:
    """Send octets, end our side; return what is answered until the other end, too."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(octets)
        writer.write_eof()
        return await reader.read(-1)
    except ConnectionError:
        return b""  # it hung up while we wrote
    finally:
        writer.close()


async def flood(port: int, octets: bytes) -> int:
    """Send and never read, until nothing more is taken; return how many octets were."""
    loop, sent = asyncio.get_running_loop(), 0
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setblocking(False)
        with suppress(TimeoutError):
            while sent < MOST_UNREAD:
                async with asyncio.timeout(0.5):
                    await loop.sock_sendall(client, octets)
                sent += len(octets)
    return sent


async def test_connections_that_do_not_bind_are_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = partial(ListenerLimits, bind_timeout=0.05)
    monkeypatch.setattr(service, "ListenerLimits", soon)
    async with house(tmp_path) as gateway:
        silent, slow = await gateway.connect(), await gateway.connect()
        for octet in BIND[:9]:
            slow.transport.write(bytes([octet]))
        for esme in (silent, slow):
            await esme.until(lambda esme=esme: bool(esme.closed))  # type: ignore[misc]


async def test_garbage_ends_its_own_connection_at_most(tmp_path: Path) -> None:
    dice = random.Random(7)  # noqa: S311 - a test repeats itself
    samples = corpus()
    async with house(tmp_path) as gateway:
        for _ in range(30):
            mutants = [framed(mutate(dice.choice(samples), dice)) for _ in range(10)]
            await sent_to(gateway.port, BIND + b"".join(mutants))
        await works(gateway)


async def test_nothing_is_read_from_a_client_that_does_not_read(
    tmp_path: Path,
) -> None:
    ping = build(Pdu(cmd.ENQUIRE_LINK, 0, 1, Empty())) * 4096
    async with house(tmp_path) as gateway:
        assert await flood(gateway.port, ping) < MOST_UNREAD
        await works(gateway)


async def test_a_text_that_stays_incomplete_is_refused_and_may_come_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = [
        sm("1102", bytes((5, 0, 3, 9, 2, number)) + text, esm_class=0x40)
        for number, text in ((1, b"Hello "), (2, b"world"))
    ]
    async with house(tmp_path) as gateway:
        esme = await gateway.bound()
        monkeypatch.setattr(segments, "PATIENCE", 0.05)
        esme.ask(cmd.SUBMIT_SM, parts[0], "alone")
        assert st.ESME_RTHROTTLED == (await esme.answer("alone")).status
        monkeypatch.undo()
        for token, part in enumerate(parts):
            esme.ask(cmd.SUBMIT_SM, part, token)
        assert [0, 0] == [(await esme.answer(token)).status for token in (0, 1)]
        (message,) = await gateway.got("+4799991102")
        assert "Hello world" == message.text


@pytest.mark.parametrize(
    "change",
    [
        {"blocked": True},
        {"secret": "another"},
        {"require_https": True},
        {"networks": (ip_network("10.0.0.0/8"),)},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_who_could_not_bind_again_is_unbound(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    async with house(tmp_path) as gateway:
        esme, other = await gateway.bound(), await gateway.bound("narrow")
        now = gateway.gateway.directory
        access = now.login("smpp", "acme")
        assert access is not None
        changed = {**now.accesses, access.id: replace(access, **change)}
        gateway.gateway.directory = replace(now, accesses=changed)
        if "blocked" in change:
            assert st.ESME_RSUBMITFAIL == (await esme.submit()).status
        for follow in gateway.gateway.followers:
            follow()
        await esme.until(lambda: bool(esme.closed))
        assert "unbound by the operator" == esme.closed
        assert (await other.submit("1101")).status == 0


async def test_tls_with_certificates_of_clients(tmp_path: Path) -> None:
    smpp = Smpp(
        listen="127.0.0.1:0",
        tls_cert=str(TLS / "server.pem"),
        tls_key=str(TLS / "server.key"),
        tls_client_ca=str(TLS / "ca.pem"),
    )
    async with house(tmp_path, smpp) as gateway:
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context(cafile=str(TLS / "ca.pem"))
        context.check_hostname = False
        assert not await answered(gateway.port, context)
        context.load_cert_chain(TLS / "client.pem", TLS / "client.key")
        _, esme = await loop.create_connection(
            Esme, "127.0.0.1", gateway.port, ssl=context
        )
        assert await esme.bind(system_id="tls") == 0
        assert (await esme.submit("1101")).status == 0


async def test_deliveries_to_a_bound_customer(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        receivers, changed = gateway.gateway.receivers, list[int]()
        receivers.on_change = changed.append
        esme = await gateway.bound()
        (access_id,) = changed
        esme.statuses = [0, st.ESME_RX_T_APPN]
        body = Sm(destination_addr="2229", short_message=b"Hei")
        tlvs = [(tags.USER_MESSAGE_REFERENCE, b"\0\1")]
        deliver: Any = partial(receivers.deliver, access_id, cmd.DELIVER_SM)
        assert await deliver(body, tlvs) == 0
        assert await deliver(body) == st.ESME_RX_T_APPN
        assert (body, tlvs) == (esme.delivered[0].body, esme.delivered[0].tlvs)
        esme.statuses = [-1]
        lost = asyncio.create_task(deliver(body))
        await esme.until(lambda: len(esme.delivered) == 3)
        esme.transport.abort()
        with pytest.raises(NotReached, match="connection ended"):
            await lost
        assert not receivers.bound(access_id)
