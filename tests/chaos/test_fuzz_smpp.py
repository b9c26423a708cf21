"""Mutated PDUs at the live simulator, and at a live link of the gateway."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.smpp import Pdu, build
from budstikke.smpp import commands as cmd
from budstikke.smpp.pdus import Bind, BindResp, Sm
from journeys.centre import MessageCentre
from journeys.gateway import PROGRAM, Gateway, smpp_carrier
from journeys.processes import Child, free_port, memory, wait_until
from journeys.web import Background, ask, front_id
from patience import PATIENCE
from smpp.test_fuzz import corpus, framed, mutate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

SHORT = pytest.param(31, 400, id="short")
LONG = pytest.param(29, 8_000, id="long", marks=pytest.mark.slow)
LINK_SEED = 30
PDUS = 8_000
A_LINK = 10
"""PDUs on one connection, if it lasts; a stray length may swallow those that follow."""
WARM_UP = 2_000
GROWTH = 6 * 2**20


def mutants(dice: random.Random, count: int) -> list[bytes]:
    samples = corpus()
    made = []
    for _ in range(count):
        data = mutate(dice.choice(samples), dice)
        made.append(framed(data) if dice.random() < 0.97 else data)
    return made


async def one_link(port: int, pdus: list[bytes]) -> int:
    """Bind, send them, end our side; returns the octets that were answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    bind = build(Pdu(cmd.BIND_TRANSCEIVER, 0, 1, Bind("fuzz", "x")))
    try:
        writer.write(bind + b"".join(pdus))
        writer.write_eof()
        async with asyncio.timeout(PATIENCE):
            return len(await reader.read(-1))
    except ConnectionError:
        return 0  # it hung up while we wrote
    finally:
        writer.close()


async def all_links(port: int, pdus: list[bytes]) -> int:
    octets = 0
    for start in range(0, len(pdus), A_LINK):
        octets += await one_link(port, pdus[start : start + A_LINK])
    return octets


def submit_one(port: int, recipient: str) -> None:
    """Bind and submit as a well-behaved client; the answer must be a yes."""
    sm = Sm(destination_addr=recipient, dest_addr_ton=1, short_message=b"Hei")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as link:
        for sequence, command, body in (
            (1, cmd.BIND_TRANSCEIVER, Bind("good", "x")),
            (2, cmd.SUBMIT_SM, sm),
        ):
            link.sendall(build(Pdu(command, 0, sequence, body)))
            head = link.recv(4096)[4:12]
            assert head == (command | cmd.RESPONSE).to_bytes(4, "big") + bytes(4)


@pytest.mark.parametrize(("seed", "count"), [SHORT, LONG])
def test_mutated_pdus_at_the_simulator(
    tmp_path: Path, own: Own, figures: Callable[..., None], seed: int, count: int
) -> None:
    dice = random.Random(seed)  # noqa: S311 - dice
    smpp, http = free_port(), free_port()
    listen = ["--listen", f"127.0.0.1:{smpp}", "--http", f"127.0.0.1:{http}"]
    simulator = own(Child([*PROGRAM, "simulator", *listen], tmp_path))
    simulator.wait_ready()
    pdus = mutants(dice, count)
    warm_up = count // 4

    octets = asyncio.run(all_links(smpp, pdus[:warm_up]))
    before = memory(simulator.pid)
    octets += asyncio.run(all_links(smpp, pdus[warm_up:]))
    growth = memory(simulator.pid) - before

    submit_one(smpp, "4799990200")
    path = "/simulator/phones/+4799990200/messages"
    wait_until("a phone has it", lambda: ask(http, "GET", path).json)
    figures(seed=seed, pdus=count, octets_answered=octets, grown_kib=growth // 1024)
    logged = [json.loads(line) for line in simulator.log]
    assert [] == [line for line in logged if line["level"] == "error"]
    assert growth < GROWTH


class Babbler:
    """A message centre that answers binds, then sends what it is given."""

    def __init__(self, port: int, pdus: list[bytes]) -> None:
        self.left = pdus
        self.octets = 0
        self._background = Background()
        self._server = self._background.run(self._open(port))

    async def _open(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", port)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            sequence = int.from_bytes((await reader.read(4096))[12:16], "big")
            answer = Pdu(cmd.BIND_TRANSCEIVER_RESP, 0, sequence, BindResp("fuzz"))
            batch, self.left = self.left[:A_LINK], self.left[A_LINK:]
            writer.write(build(answer) + b"".join(batch))
            writer.write_eof()
            async with asyncio.timeout(PATIENCE):
                self.octets += len(await reader.read(-1))
        except ConnectionError:
            pass  # the gateway hung up: it may
        finally:
            writer.close()

    async def _shut(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    def close(self) -> None:
        self._background.run(self._shut())
        self._background.close()


@pytest.mark.slow
def test_mutated_pdus_at_a_link(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    dice = random.Random(LINK_SEED)  # noqa: S311 - dice
    centre = own(MessageCentre(tmp_path))
    babbler = Babbler(centre.port, mutants(dice, PDUS))
    carrier = smpp_carrier(
        centre.port, window=50, reconnect_min=0.01, reconnect_max=0.01
    )
    gateway = own(Gateway(tmp_path, carrier))
    gateway.start()
    pid = gateway.running.pid
    try:
        wait_until("warm", lambda: len(babbler.left) <= PDUS - WARM_UP)
        before = memory(pid)
        wait_until("all are sent", lambda: not babbler.left, 120)
        growth = memory(pid) - before
    finally:
        babbler.close()

    centre.start()
    front_id(gateway.push("+4799990201", "Still here"))
    wait_until("it is delivered", lambda: gateway.parts() == {"delivered": 1})
    figures(
        seed=LINK_SEED,
        pdus=PDUS,
        octets_answered=babbler.octets,
        log_lines=len(gateway.running.log),
        grown_kib=growth // 1024,
    )
    assert [] == gateway.log("error")
    assert growth < GROWTH
