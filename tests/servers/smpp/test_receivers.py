"""Deliveries to bound customers: order, windows, ranges, and the end of sessions."""

from __future__ import annotations

import asyncio

import pytest

from budstikke.flow.transports import NotReached
from budstikke.servers.smpp import receivers as module
from budstikke.servers.smpp.receivers import Receivers
from budstikke.smpp import Body, Tlvs
from budstikke.smpp import commands as cmd
from budstikke.smpp.pdus import Sm

ACCESS = 7


class Customer:
    """A bound session with a window; keeps what it was sent."""

    def __init__(self, window: int = 1, address_range: str = "") -> None:
        self.address_range = address_range
        self.window = window
        self.got: list[tuple[str, asyncio.Future[int]]] = []

    def room(self) -> int:
        return self.window - sum(not each.done() for _, each in self.got)

    def send(
        self, command: int, body: Body, tlvs: Tlvs, response: asyncio.Future[int]
    ) -> bool:
        assert isinstance(body, Sm)
        self.got.append((body.short_message.decode(), response))
        return True


def sm(text: str, to: str = "2229", esm_class: int = 0) -> Sm:
    return Sm(destination_addr=to, esm_class=esm_class, short_message=text.encode())


async def started(receivers: Receivers, body: Sm) -> asyncio.Task[int]:
    task = asyncio.create_task(receivers.deliver(ACCESS, cmd.DELIVER_SM, body))
    await asyncio.sleep(0)
    return task


async def test_deliveries_go_in_order_as_windows_have_room() -> None:
    receivers, first, second = Receivers(), Customer(), Customer()
    changed: list[int] = []
    receivers.on_change = changed.append
    assert not receivers.bound(ACCESS)
    receivers.add(ACCESS, first)
    assert receivers.bound(ACCESS)
    tasks = [await started(receivers, sm(text)) for text in "abc"]
    assert ["a"] == [text for text, _ in first.got]
    receivers.add(ACCESS, second)
    assert [ACCESS] == changed
    assert ["b"] == [text for text, _ in second.got]
    first.got[0][1].set_result(0x64)
    receivers.pump(ACCESS)
    assert ["a", "c"] == [text for text, _ in first.got]
    first.got[1][1].set_result(0)
    second.got[0][1].set_result(0)
    assert [0x64, 0, 0] == await asyncio.gather(*tasks)


async def test_ranges_hold_for_messages_and_not_for_reports() -> None:
    receivers, customer = Receivers(), Customer(2, "^2229$")
    receivers.add(ACCESS, customer)
    with pytest.raises(NotReached, match="covers the address"):
        await receivers.deliver(ACCESS, cmd.DELIVER_SM, sm("a", "22290"))
    tasks = [
        await started(receivers, sm("b", "2229")),
        await started(receivers, sm("c", "Acme", esm_class=0x04)),
    ]
    assert ["b", "c"] == [text for text, _ in customer.got]
    for task in tasks:
        task.cancel()


async def test_nobody_full_windows_and_the_end_are_not_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receivers, customer = Receivers(), Customer()
    with pytest.raises(NotReached, match="no receiver is bound"):
        await receivers.deliver(ACCESS, cmd.DELIVER_SM, sm("a"))
    receivers.add(ACCESS, customer)
    await started(receivers, sm("a"))
    monkeypatch.setattr(module, "WINDOW_WAIT", 0.0)
    with pytest.raises(NotReached, match="windows are full"):
        await receivers.deliver(ACCESS, cmd.DELIVER_SM, sm("b"))
    monkeypatch.undo()
    waiting = await started(receivers, sm("c"))
    receivers.remove(ACCESS, customer)
    with pytest.raises(NotReached, match="receiver has gone"):
        await waiting
    assert not receivers.bound(ACCESS)
    assert ["a"] == [text for text, _ in customer.got]
