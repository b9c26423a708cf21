"""``kill -9`` while a customer who was away gets what waited: nothing is lost."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from budstikke.smpp import commands as cmd
from budstikke.smpp.receipt import read_receipt
from carriers.simulator.operator_bind import Esme, sm
from journeys.gateway import Gateway, simulator_carrier
from journeys.processes import free_port, wait_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    Own = Callable[[Any], Any]

pytestmark = pytest.mark.slow

REPORTS = int(os.environ.get("REPORTS", "2000"))
KILLS = 3
WINDOW = 20
SUBMITS = 150
"""Requests at a time; the access's window is 200."""

WAITING = """SELECT count(*) FROM callback
WHERE state = 'due' AND due_at IS NULL AND node_id IS NULL AND tries = 0"""
DONE = "SELECT count(*) FROM callback WHERE state = 'done'"


def account() -> dict[str, Any]:
    access = {
        "dialect": "smpp",
        "id": "acme",
        "password": "secret",
        "require_https": False,
        "settings": {"deliver_window": WINDOW},
    }
    return {"name": "acme", "originators": ["*"], "access": [access]}


@asynccontextmanager
async def bound(port: int, command: int) -> AsyncIterator[Esme]:
    loop = asyncio.get_running_loop()
    _, esme = await loop.create_connection(Esme, "127.0.0.1", port)
    assert await esme.bind(command) == 0
    yield esme
    esme.transport.abort()
    await esme.until(lambda: bool(esme.closed))


async def submit(port: int) -> None:
    """Send all messages by a customer who cannot receive."""
    async with bound(port, cmd.BIND_TRANSMITTER) as sender:
        for first in range(0, REPORTS, SUBMITS):
            numbers = range(first, min(first + SUBMITS, REPORTS))
            for number in numbers:
                digits = str(1000 + number % 8000)  # no special fate
                sender.ask(cmd.SUBMIT_SM, sm(digits), number)
            for number in numbers:
                assert (await sender.answer(number)).status == 0


def reported(esme: Esme) -> list[int]:
    receipts = [read_receipt(pdu) for pdu in esme.delivered]
    return [int(receipt.id) for receipt in receipts if receipt is not None]


def test_killed_while_a_customer_gets_what_waited(
    tmp_path: Path, own: Own, figures: Callable[..., None]
) -> None:
    port = free_port()
    listen = {"smpp": {"listen": f"127.0.0.1:{port}"}}
    carrier = simulator_carrier()
    gateway = own(Gateway(tmp_path, carrier, [account()], listen))
    gateway.start()

    asyncio.run(submit(port))
    wait_until("all wait", lambda: gateway.count(WAITING) == REPORTS, 120)
    order = [
        id_ for (id_,) in gateway.query("SELECT message_id FROM callback ORDER BY id")
    ]
    place = {id_: number for number, id_ in enumerate(order)}

    async def receive_until_killed() -> list[int]:
        wanted = REPORTS // (KILLS + 1)
        async with bound(port, cmd.BIND_RECEIVER) as esme:
            await esme.until(lambda: len(esme.delivered) >= wanted)
            gateway.kill()
            await esme.until(lambda: bool(esme.closed))
        return reported(esme)

    async def receive_the_rest() -> list[int]:
        async with bound(port, cmd.BIND_RECEIVER) as esme:
            await esme.until(lambda: order[-1] in reported(esme)[-1:])
            await asyncio.to_thread(
                wait_until, "all are stored", lambda: gateway.count(DONE) == REPORTS, 60
            )
        return reported(esme)

    got: list[list[int]] = []
    for _ in range(KILLS):
        got.append(asyncio.run(receive_until_killed()))
        gateway.start()
    got.append(asyncio.run(receive_the_rest()))

    for session in got:
        places = [place[id_] for id_ in session]
        assert all(one < next_ for one, next_ in pairwise(places))  # none twice
    together = [id_ for session in got for id_ in session]
    assert set(order) == set(together)
    twice = len(together) - REPORTS
    figures(reports=REPORTS, kills=KILLS, twice=twice)
    assert twice <= KILLS * WINDOW
