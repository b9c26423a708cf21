"""Links run while their lease is held, and end before it is over."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from budstikke import metrics
from budstikke.carrier_supervisor import LONGEST_WITHOUT, CarrierSupervisor
from budstikke.carriers.simulator.phones import Phones
from budstikke.carriers.smpp import SmppCarrier
from budstikke.config import ConfigError
from budstikke.domain.directory import CarrierEntry, Directory, Switch
from budstikke.store.contract import StoreUnavailable
from patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from budstikke.store.contract.nodes import CarrierStatus

SMPP = {"host": "127.0.0.1", "port": 9, "system_id": "test"}
LIMITED = CarrierEntry(
    id=1, name="limited", kind="smpp", settings={**SMPP, "max_nodes": 1}
)
FREE = CarrierEntry(id=2, name="free", kind="simulator", settings={})


class Leases:
    """A store of which only the leases of links are asked for."""

    def __init__(self) -> None:
        self.free = {1, 2}
        self.elsewhere: set[int] = set()
        self.away = False
        self.unbound: list[int] = []
        self.claims: list[int] = []
        self.said: dict[int, str] = {}

    async def lease_binds(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        if self.away:
            raise StoreUnavailable("away")
        return {carrier_id for carrier_id, _, _ in carriers} & self.free

    async def release_binds(self, carrier_ids: Sequence[int]) -> None:
        self.unbound += carrier_ids

    async def bound_elsewhere(self, now: float) -> set[int]:
        return self.elsewhere

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Any]:
        self.claims.append(carrier_id)
        return []

    async def put_carrier_status(
        self, statuses: Sequence[CarrierStatus], now: float
    ) -> None:
        self.said = {each.carrier_id: each.state for each in statuses}

    async def mms_contents(self, ids: Sequence[int]) -> dict[int, Any]:
        return {}


class Site:
    def __init__(self, *, sends: bool = True) -> None:
        self.now = 1000.0
        self.store = Leases()
        store: Any = self.store
        self.supervisor = CarrierSupervisor(
            store=store,
            phones=Phones(),
            directory=lambda: Directory(revision=1, accesses={}, carriers={}),
            notify=lambda _: None,
            receive=self._receive,
            clock=lambda: self.now,
            sends=sends,
        )
        self.supervisor.follow({1: LIMITED, 2: FREE})

    async def _receive(self, carrier_id: int, parts: Sequence[Any]) -> None:
        raise AssertionError

    def running(self) -> set[int]:
        return set(self.supervisor._tasks)


@asynccontextmanager
async def site_of_links(*, sends: bool = True) -> AsyncIterator[Site]:
    """Run links for the block; afterwards each has ended and given up its lease."""
    site = Site(sends=sends)
    yield site
    await site.supervisor.stop()
    assert ([1, 2] if sends else []) == site.store.unbound
    assert set() == site.running()


async def test_a_limited_link_waits_for_its_lease() -> None:
    async with site_of_links() as site:
        assert {2} == site.running()
        site.store.free = {2}
        await site.supervisor.run_once()
        assert {2} == site.running()
        site.store.free = {1, 2}
        await site.supervisor.run_once()
        assert {1, 2} == site.running()


async def test_a_link_whose_lease_is_lost_ends_and_begins_again() -> None:
    async with site_of_links() as site:
        await site.supervisor.run_once()
        first = site.supervisor.senders[1]
        site.store.free = set()
        await site.supervisor.run_once()
        assert {2} == site.running()
        assert first is not site.supervisor.senders[1]
        site.store.free = {1}
        await site.supervisor.run_once()
        assert {1, 2} == site.running()


async def test_a_lease_that_cannot_be_renewed_ends_the_link_in_time() -> None:
    async with site_of_links() as site:
        await site.supervisor.run_once()
        site.store.away = True
        site.now += LONGEST_WITHOUT
        with pytest.raises(StoreUnavailable):
            await site.supervisor.run_once()
        assert {1, 2} == site.running()
        site.now += 0.1
        with pytest.raises(StoreUnavailable):
            await site.supervisor.run_once()
        assert {2} == site.running()


async def test_a_node_that_does_not_send_runs_no_link() -> None:
    async with site_of_links(sends=False) as site:
        await site.supervisor.run_once()
        assert set() == site.running()
        assert not site.supervisor.senders[1].reserve(1)
        assert not site.supervisor.senders[1].up()
        site.store.elsewhere = {1}
        await site.supervisor.run_once()
        assert site.supervisor.senders[1].up()
        assert not site.supervisor.senders[2].up()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def test_each_turn_looks_for_what_others_queued() -> None:
    async with site_of_links() as site:
        carrier = site.supervisor.senders[2].carrier
        await until(lambda: carrier.healthy() and site.store.claims)
        for _ in range(2):
            before = len(site.store.claims)
            await site.supervisor.run_once()
            await until(lambda: len(site.store.claims) > before)  # noqa: B023 - waited


async def test_an_administrator_pauses_drains_and_resumes_carriers() -> None:
    async with site_of_links() as site:
        supervisor = site.supervisor
        await supervisor.run_once()
        await until(supervisor.senders[2].up)
        first = dict(supervisor.senders)
        for switch, runs, state in (
            (Switch.PAUSED, {1, 2}, "paused"),
            (Switch.DRAINED, set(), "drained"),
            (Switch.PAUSED, {1, 2}, "paused"),
            (Switch.ON, {1, 2}, "up"),
        ):
            supervisor.follow(
                {each.id: replace(each, switch=switch) for each in (LIMITED, FREE)}
            )
            site.now += 10
            await supervisor.run_once()
            assert runs == site.running()
            if switch is Switch.ON:
                await until(supervisor.senders[2].up)
                await supervisor.run_once()
            assert (switch is Switch.ON) == supervisor.senders[2].up()
            assert state == site.store.said[2]
            if switch is Switch.DRAINED:
                assert first[2] is not supervisor.senders[2]
                site.store.elsewhere = {1}
        assert supervisor.senders[1].up()


async def test_a_drained_carrier_does_not_begin_with_the_gateway() -> None:
    async with site_of_links() as site:
        supervisor = site.supervisor
        await supervisor.forget({})
        site.store.unbound.clear()
        off = {
            each.id: replace(each, switch=Switch.DRAINED) for each in (LIMITED, FREE)
        }
        supervisor.follow(off)
        await supervisor.run_once()
        assert set() == site.running()
        assert not supervisor.senders[2].up()


async def test_a_carrier_that_is_removed_is_unbound() -> None:
    async with site_of_links() as site:
        await site.supervisor.run_once()
        site.supervisor.follow({2: FREE})
        await site.supervisor.forget({2: FREE})
        assert {2} == site.running()
        assert [1] == site.store.unbound
        site.store.unbound.clear()
        site.supervisor.follow({1: LIMITED, 2: FREE})
        await site.supervisor.run_once()
        assert {1, 2} == site.running()


async def test_each_turn_says_how_many_links_of_a_carrier_are_paused() -> None:
    def shown() -> float | None:
        labels = {"carrier": "limited"}
        return metrics.registry.get_sample_value("budstikke_carrier_paused", labels)

    async with site_of_links() as site:
        await site.supervisor.run_once()
        assert 0 == shown()
        carrier = site.supervisor.senders[1].carrier
        assert isinstance(carrier, SmppCarrier)
        while not carrier._binds:  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0)
        carrier._binds[0]._flap_pause = 60.0
        await site.supervisor.run_once()
        assert 1 == shown()


def test_settings_that_an_earlier_version_took_are_named() -> None:
    """A carrier of MMS that anybody may deliver to does not come up with an upgrade."""
    settings = {"url": "https://mmsc.example.com/mm7"}
    entry = CarrierEntry(id=3, name="mmsc", kind="mm7", settings=settings)
    supervisor = Site(sends=False).supervisor
    with pytest.raises(ConfigError) as caught:
        supervisor.follow({3: entry})
    assert str(caught.value).startswith("carrier mmsc: anybody could deliver: set ")
