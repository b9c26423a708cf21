"""The number directory: asked once, remembered, and never waited for long."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import pytest

from budstikke.flow.number_directory import (
    FAILURES,
    NOBODY,
    REST,
    DirectoryTable,
    NumberDirectory,
)
from budstikke.flow.transports import NotReached
from budstikke.store.contract import StoreUnavailable
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

KARI = ("Kari Nordmann", "Storgata 1, 0155 OSLO")


class Source:
    """A directory that knows all numbers but those that end in 9."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fault: Exception | None = None
        self.gate: asyncio.Event | None = None
        self.closed = False

    async def find(self, number: str) -> tuple[str, str]:
        self.asked.append(number)
        if self.gate is not None:
            await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        return NOBODY if number.endswith("9") else KARI

    async def close(self) -> None:
        self.closed = True


class Rig:
    def __init__(self, **values: Any) -> None:
        self.now = 1000.0
        self.source = Source()
        known: dict[str, Any] = {"timeout": 5.0, "keep": 60.0, "most": 3}
        self.subscribers = NumberDirectory(
            self.source, clock=lambda: self.now, **known | values
        )

    @asynccontextmanager
    async def playing(self) -> AsyncIterator[None]:
        """Stop the subscribers at the end of the block, and see the source closed."""
        async with asyncio.timeout(PATIENCE):
            yield
            await self.subscribers.stop()
        assert self.source.closed


async def test_an_answer_is_remembered_for_its_time() -> None:
    rig = Rig()

    async with rig.playing():
        find = rig.subscribers.find
        assert KARI == await find("+4799999998")
        assert NOBODY == await find("+4799999999")
        rig.now += 59.9
        assert KARI == await find("+4799999998")
        assert NOBODY == await find("+4799999999")
        assert ["+4799999998", "+4799999999"] == rig.source.asked
        rig.now += 0.1
        assert KARI == await find("+4799999998")
        assert 3 == len(rig.source.asked)


async def test_what_is_no_number_is_not_asked_for() -> None:
    rig = Rig()

    async with rig.playing():
        for originator in ("Front", "26114", ""):
            assert NOBODY == await rig.subscribers.find(originator)
        assert [] == rig.source.asked


async def test_the_number_that_was_used_longest_ago_is_forgotten_first() -> None:
    rig = Rig()

    async with rig.playing():
        for number in ("+471", "+472", "+473", "+471", "+474", "+471", "+472"):
            await rig.subscribers.find(number)
        assert ["+471", "+472", "+473", "+474", "+472"] == rig.source.asked


async def test_who_asks_for_the_same_number_meanwhile_shares_the_answer() -> None:
    rig = Rig()

    async with rig.playing():
        rig.source.gate = asyncio.Event()
        find = rig.subscribers.find
        given_up, *others = [asyncio.create_task(find("+471")) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        given_up.cancel()
        rig.source.gate.set()
        assert [KARI, KARI] == await asyncio.gather(*others)
        assert ["+471"] == rig.source.asked


async def test_a_directory_that_hangs_is_waited_for_once() -> None:
    rig = Rig(timeout=0.01)

    async with rig.playing():
        rig.source.gate = asyncio.Event()
        assert NOBODY == await rig.subscribers.find("+471")
        rig.source.gate = None
        assert NOBODY == await rig.subscribers.find("+471")  # a further try of a push
        assert ["+471"] == rig.source.asked
        rig.now += REST
        assert KARI == await rig.subscribers.find("+471")


@pytest.mark.parametrize(
    "fault", [NotReached("HTTP 500"), StoreUnavailable("away"), KeyError("a bug")]
)
async def test_a_directory_that_fails_is_left_alone(fault: Exception) -> None:
    rig = Rig(most=100)

    async with rig.playing():
        find = rig.subscribers.find
        assert KARI == await find("+471")
        rig.source.fault = fault
        for place in range(2 * FAILURES):
            assert NOBODY == await find(f"+48{place}")
        assert 1 + FAILURES == len(rig.source.asked)
        assert KARI == await find("+471")  # it is remembered all the same
        rig.source.fault = None
        rig.now += REST
        assert KARI == await find("+480")


async def test_failures_count_in_a_row_only() -> None:
    rig = Rig(most=100)

    async with rig.playing():
        find = rig.subscribers.find
        for place in range(2 * FAILURES):
            rig.source.fault = NotReached("HTTP 500")
            await find(f"+48{place}")
            rig.source.fault = None
            assert KARI == await find(f"+471{place}8")


async def test_a_stop_gives_up_what_is_under_way() -> None:
    rig = Rig()

    async with rig.playing():
        rig.source.gate = asyncio.Event()
        task = asyncio.create_task(rig.subscribers.find("+471"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await rig.subscribers.stop()
        with pytest.raises(asyncio.CancelledError):
            await task


class Store:
    """As much of a store as the table needs."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    async def subscribers(self, numbers: Sequence[str]) -> dict[str, tuple[str, str]]:
        self.asked.append(list(numbers))
        await asyncio.sleep(0)
        return {number: KARI for number in numbers if not number.endswith("9")}


async def test_look_ups_in_the_table_share_queries() -> None:
    store = Store()
    table = DirectoryTable(cast("Any", store))  # as much of a store as it needs

    found = await asyncio.gather(*(table.find(f"+47{n}") for n in range(100)))
    assert [NOBODY if n % 10 == 9 else KARI for n in range(100)] == found
    await table.close()
    assert 1 == len(store.asked)
