"""Delivery reports and inbound messages to customers that bind, over real sockets."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sqlalchemy import select

from budstikke.flow.callback_deliveries import OTHER_SESSION
from budstikke.smpp import commands as cmd
from budstikke.smpp import status as st
from budstikke.smpp.pdus import Bind, MessageId, Sm
from budstikke.smpp.receipt import read_receipt
from budstikke.store import schema
from budstikke.store.admin import open_engine
from carriers.simulator.operator_bind import sm
from carriers.waiting import LONG
from servers.smpp.customers import house

if TYPE_CHECKING:
    from pathlib import Path

    from carriers.simulator.operator_bind import Esme
    from servers.smpp.customers import House

OFFLINE = 300
"""Messages whose reports wait; there is money for 1,000."""


def rows(gateway: House, *columns: str) -> list[tuple[object, ...]]:
    """Read columns of all callbacks, in order of id."""
    engine = open_engine(gateway.gateway.settings.database_url)
    table = schema.callback
    try:
        with engine.connect() as connection:
            wanted = select(*(table.c[name] for name in columns)).order_by(table.c.id)
            return [tuple(row) for row in connection.execute(wanted)]
    finally:
        engine.dispose()


async def until_rows(gateway: House, count: int, **wanted: object) -> None:
    """Wait until so many callbacks have these values."""
    end = time.monotonic() + LONG
    while True:
        found = rows(gateway, *wanted)
        if found.count(tuple(wanted.values())) >= count:
            return
        assert time.monotonic() < end, found[:5]
        await asyncio.sleep(0.05)


async def idle(gateway: House) -> None:
    """Wait until nothing is on its way, and no task looks for more."""
    end = time.monotonic() + LONG
    while gateway.gateway.deliveries.busy():
        assert time.monotonic() < end
        await asyncio.sleep(0.01)


async def submit(gateway: House, count: int) -> list[str]:
    """Send messages by a customer who cannot receive; returns their ids."""
    sender = await gateway.connect()
    assert await sender.bind(cmd.BIND_TRANSMITTER) == 0
    for number in range(count):
        sender.ask(cmd.SUBMIT_SM, sm(str(1000 + number)), number)
    ids = []
    for number in range(count):
        response = await sender.answer(number)
        assert response.status == 0
        assert isinstance(response.body, MessageId)
        ids.append(response.body.message_id)
    sender.transport.abort()
    return ids


def reported(esme: Esme) -> list[str]:
    """Return the ids in the reports that a customer got, in order."""
    receipts = [read_receipt(pdu) for pdu in esme.delivered]
    return [receipt.id for receipt in receipts if receipt is not None]


async def receiver(gateway: House, *statuses: int) -> Esme:
    """Bind a customer's receiver that responds so to its first deliveries."""
    esme = await gateway.connect()
    esme.statuses = list(statuses)
    assert await esme.bind(cmd.BIND_RECEIVER) == 0
    return esme


async def test_reports_wait_for_a_receiver_and_come_in_order_none_twice(
    tmp_path: Path,
) -> None:
    async with house(tmp_path) as gateway:
        ids = await submit(gateway, 10)  # window 200 at a time
        for _ in range(OFFLINE // 100):
            ids += await submit(gateway, 100)
        await until_rows(gateway, len(ids), state="due", due_at=None, node_id=None)
        assert {0} == {tries for (tries,) in rows(gateway, "tries")}
        order = [str(id_) for (id_,) in rows(gateway, "message_id")]
        esme = await receiver(gateway)
        await esme.until(lambda: len(esme.delivered) >= len(ids))
        await until_rows(gateway, len(ids), state="done")
        assert order == reported(esme)
        assert sorted(ids) == sorted(order)
        more = await submit(gateway, 1)  # what comes now goes at once
        await esme.until(lambda: len(esme.delivered) > len(ids))
        assert [*order, *more] == reported(esme)
        await idle(gateway)


async def test_what_responses_do(tmp_path: Path) -> None:
    """Later: the same one again, after a rest. Never: failed. Again: by the policy."""
    async with house(tmp_path) as gateway:
        ids = await submit(gateway, 3)
        await until_rows(gateway, 3, state="due", due_at=None, node_id=None)
        order = [str(id_) for (id_,) in rows(gateway, "message_id")]
        esme = await receiver(gateway, st.ESME_RX_T_APPN, -1, -1)
        await esme.until(lambda: len(esme.delivered) == 3)
        assert order == reported(esme)
        await until_rows(gateway, 1, state="due", tries=1, answer="ESME_RX_T_APPN")
        esme.transport.abort()
        await until_rows(gateway, 3, state="due", due_at=None, node_id=None)
        again = await receiver(gateway, 0, st.ESME_RX_P_APPN, st.ESME_RX_R_APPN)
        await again.until(lambda: len(again.delivered) == 3)
        await until_rows(gateway, 1, state="due", answer="ESME_RX_R_APPN")
        assert order == reported(again)  # the first one first
        states = [state for (state,) in rows(gateway, "state")]
        assert ["done", "failed", "due"] == states
        assert [2, 1, 1] == [tries for (tries,) in rows(gateway, "tries")]
        ((due_at, at),) = rows(gateway, "due_at", "at")[2:]
        assert isinstance(due_at, float)
        assert isinstance(at, float)
        assert due_at > at
        assert sorted(ids) == sorted(order)


async def test_a_customer_that_takes_nothing_now_rests(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        ids = await submit(gateway, 2)
        await until_rows(gateway, 2, state="due", due_at=None, node_id=None)
        esme = await receiver(gateway, st.ESME_RX_T_APPN, st.ESME_RMSGQFUL)
        begun = time.monotonic()
        await esme.until(lambda: len(esme.delivered) >= 4)
        assert time.monotonic() - begun > 0.9  # a second, not at once
        await until_rows(gateway, 2, state="done")
        assert sorted(ids * 2) == sorted(reported(esme))
        assert reported(esme)[:2] == reported(esme)[2:]


async def test_an_old_client_gets_the_id_in_the_text(tmp_path: Path) -> None:
    async with house(tmp_path) as gateway:
        (id_,) = await submit(gateway, 1)
        esme = await gateway.connect()
        assert await esme.bind(cmd.BIND_RECEIVER, version=0x33) == 0
        await esme.until(lambda: bool(esme.delivered))
        (pdu,) = esme.delivered
        assert not pdu.tlvs
        assert [id_] == reported(esme)


async def test_what_phones_write_waits_and_comes(tmp_path: Path) -> None:
    """A session whose address_range leaves it out does not get it, nor hold it up."""
    async with house(tmp_path) as gateway:

        def write(text: str) -> None:
            now = time.time()
            assert gateway.phones.compose("+4799999999", "4759000000", text, now)

        write("Hei €")
        await until_rows(gateway, 1, state="due", due_at=None, node_id=None)
        narrow = await gateway.connect()
        body = Bind("poor", "secret", interface_version=0x34, address_range="^22")
        narrow.ask(cmd.BIND_RECEIVER, body, "bind")
        assert (await narrow.answer("bind")).status == 0
        why = "no receiver's address_range covers the address"
        await until_rows(gateway, 1, state="due", node_id=None, tries=0, answer=why)
        narrow.transport.abort()
        esme = await gateway.bound("poor")
        write("x" * 161)
        await esme.until(lambda: len(esme.delivered) >= 2)
        await until_rows(gateway, 1, state="done")
        for pdu, length in zip(esme.delivered, (159, 14), strict=True):
            assert isinstance(pdu.body, Sm)
            assert ("4799999999", "4759000000", 0x40, length) == (
                pdu.body.source_addr,
                pdu.body.destination_addr,
                pdu.body.esm_class,
                len(pdu.body.short_message),
            )
        ((due_at, at),) = rows(gateway, "due_at", "at")[:1]
        assert isinstance(due_at, float)
        assert isinstance(at, float)
        assert due_at - at == OTHER_SESSION
