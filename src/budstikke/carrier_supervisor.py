"""
Supervision of this node's carriers: made from the directory, run, and ended.

A carrier may limit how many nodes use it (``max_nodes``): such a carrier runs only
while this node holds a bind lease for it. A lease that cannot be renewed ends the
carrier here before another node may take it. A node without a lease still accepts
messages for the carrier: it queues the parts, and notifies the node with the lease.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from random import SystemRandom
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.carrier_watch import CarrierWatch, status_of
from budstikke.carriers import KINDS
from budstikke.carriers.http import HttpCarrier
from budstikke.carriers.mm7 import Mm7Carrier
from budstikke.carriers.smpp import SmppCarrier
from budstikke.config import ConfigError
from budstikke.domain.directory import Switch
from budstikke.flow.fail_over import FailOver
from budstikke.flow.second_copies import SecondCopies
from budstikke.flow.send import Sender
from budstikke.store.contract import StoreUnavailable
from budstikke.store.contract.nodes import LINK_LEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.carriers.contract import Carrier
    from budstikke.carriers.simulator.phones import Phones
    from budstikke.domain.directory import CarrierEntry, Directory
    from budstikke.domain.staging import TextProfile
    from budstikke.flow.schedule import PeriodicJob
    from budstikke.flow.send import Receive
    from budstikke.store.contract import CallbackRow, Store

log = logging.getLogger("budstikke")

AGAIN = 1.0
"""Seconds after which a carrier that failed by a bug is restarted."""

DRAIN = 10.0
"""Seconds that a stop waits for operators' responses."""

DRAIN_BY_HAND = 30.0
"""Seconds that a carrier waits for them when an administrator drains it."""

EVERY = 1.0
"""Seconds between renewals of leases and checks for parts that other nodes queued."""

PATIENCE = 2.0
"""Seconds that the store may take to renew leases."""

SHORT_DRAIN = 1.5
"""Seconds of a carrier's end, which waits twice: for the store, for the operator."""

LONGEST_WITHOUT = LINK_LEASE - 2 * SHORT_DRAIN - PATIENCE - EVERY
"""Seconds without a renewal after which a carrier ends, before its lease does."""


ASKED: Mapping[str, type[Mm7Carrier | HttpCarrier]] = {
    "mm7": Mm7Carrier,
    "carriers": HttpCarrier,
}
"""Carriers that operators call, by the first word of the path."""


class CarrierSupervisor:
    """
    Runs all carriers of this node.

    Args:
        store: Holds leases.
        phones: The simulated phones that carriers of that kind share.
        directory: Gives the directory as it is now.
        notify: Takes callbacks that are due.
        receive: Makes inbound messages durable.
        clock: Unix seconds.
        sends: Whether this node runs carriers at all.

    Attributes:
        senders: By carrier id; also of carriers that do not run here.
        profiles: How each carrier is sent long texts, by carrier id.
        fail_over: The periodic job that moves what waits for a carrier.
        watch: Says how the carriers are.
        second_copies: The one that sends again what another carrier may have.

    """

    def __init__(
        self,
        *,
        store: Store,
        phones: Phones,
        directory: Callable[[], Directory],
        notify: Callable[[Sequence[CallbackRow]], None],
        receive: Receive,
        clock: Callable[[], float],
        sends: bool,
    ) -> None:
        self.senders: dict[int, Sender] = {}
        self.profiles: dict[int, TextProfile] = {}
        self._store = store
        self._phones = phones
        self._directory = directory
        self._notify = notify
        self._receive = receive
        self._clock = clock
        self._sends = sends
        self.watch = CarrierWatch(store)
        self._entries: dict[int, CarrierEntry] = {}
        self._switches: dict[int, Switch] = {}
        self._most: dict[int, int] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._ending: dict[int, asyncio.Task[None]] = {}  # before another begins
        self._renewed = 0.0
        self.fail_over = FailOver(
            store=store,
            senders=self.senders,
            up=self.up,
            directory=directory,
            clock=clock,
        )
        self.second_copies = SecondCopies(
            store=store,
            up=self.up,
            directory=directory,
            notify=notify,
            requeued=self.requeued,
            clock=clock,
        )

    @property
    def jobs(self) -> tuple[PeriodicJob, ...]:
        """List the periodic jobs of carriers; each runs on every node."""
        return self, self.fail_over, self.second_copies

    def follow(self, entries: Mapping[int, CarrierEntry]) -> None:
        """
        Make the carriers of a new directory; those whose settings changed anew.

        It also pauses, drains and resumes those that an administrator has switched.
        """
        for entry in entries.values():
            before = self._switches.get(entry.id, Switch.ON)
            self._switches[entry.id] = entry.switch
            if self._entries.get(entry.id) != entry:
                self._stop_soon(entry.id, DRAIN)
                self._entries[entry.id] = entry
                self._make(entry)
                self._begin_unlimited(entry.id)
            elif before is not entry.switch:
                self._turn(entry, before)

    def _turn(self, entry: CarrierEntry, before: Switch) -> None:
        """Do what an administrator has switched a carrier to."""
        log.warning("carrier %s is switched: %s", entry.name, entry.switch.value)
        if entry.switch is Switch.DRAINED:
            self._stop_soon(entry.id, DRAIN_BY_HAND)
            self._make(entry)
            return
        self._pause(self.senders[entry.id], entry.switch)
        if before is Switch.DRAINED:
            self._begin_unlimited(entry.id)

    def _pause(self, sender: Sender, switch: Switch) -> None:
        paused = switch is not Switch.ON
        sender.pause(paused=paused)
        if isinstance(sender.carrier, SmppCarrier):
            sender.carrier.pause(paused=paused)

    def _begin_unlimited(self, carrier_id: int) -> None:
        """Run a carrier that needs no lease; ``_adapt`` begins the others."""
        drained = self._switches[carrier_id] is Switch.DRAINED
        if self._sends and not self._most[carrier_id] and not drained:
            self._begin(carrier_id)

    async def forget(self, entries: Mapping[int, CarrierEntry]) -> None:
        """End carriers that the directory no longer has."""
        gone = self._entries.keys() - entries.keys()
        for carrier_id in gone:
            self._stop_soon(carrier_id, DRAIN)
            await asyncio.gather(*self._ended(carrier_id))
            del self.senders[carrier_id], self.profiles[carrier_id]
            del self._entries[carrier_id], self._most[carrier_id]
            del self._switches[carrier_id]
        if gone and self._sends:
            await self._store.release_binds(sorted(gone))

    def _make(self, entry: CarrierEntry) -> None:
        kind = KINDS[entry.kind]
        try:
            settings = msgspec.convert(entry.settings, kind.settings)
        except msgspec.ValidationError as error:
            # An earlier version accepted them, or somebody changed the database.
            raise ConfigError(
                f"carrier {entry.name}: {error} (`budstikke apply` a file with it)"
            ) from error
        extra: dict[str, Any] = {}
        if entry.kind == "simulator":
            extra["phones"] = self._phones
        if "mms" in kind.carries:
            extra["contents"] = self._store.mms_contents
        carrier: Carrier = kind.make(
            entry.name, settings, random=SystemRandom(), clock=self._clock, **extra
        )
        self.senders[entry.id] = Sender(
            entry.id,
            carrier,
            store=self._store,
            directory=self._directory,
            notify=self._notify,
            requeued=self.requeued,
            receive=self._receive,
            clock=self._clock,
            up=self.up,
        )
        self._pause(self.senders[entry.id], self._switches[entry.id])
        self.profiles[entry.id] = kind.text(settings)
        self._most[entry.id] = kind.most_nodes(settings)

    def _begin(self, carrier_id: int) -> None:
        """Run a carrier as soon as its predecessor has ended."""
        keep = self._keep(self.senders[carrier_id], self._ended(carrier_id))
        self._tasks[carrier_id] = asyncio.create_task(keep)

    def _ended(self, carrier_id: int) -> list[asyncio.Task[None]]:
        ending = self._ending.pop(carrier_id, None)
        return [] if ending is None else [ending]

    async def _keep(self, sender: Sender, before: list[asyncio.Task[None]]) -> None:
        """Run a carrier; restart it when it fails by a bug."""
        if before:
            await asyncio.wait(before)
        while True:
            try:
                await sender.run()
            except Exception:
                log.exception("carrier %s failed; restarting it", sender.carrier.name)
                await asyncio.sleep(AGAIN)
            else:
                return

    def _stop_soon(self, carrier_id: int, seconds: float) -> None:
        """Begin to end a carrier, if it runs."""
        task = self._tasks.pop(carrier_id, None)
        if task is not None:
            before = self._ended(carrier_id)
            stop = self._stop(self.senders[carrier_id], task, before, seconds)
            self._ending[carrier_id] = asyncio.create_task(stop)

    async def _stop(
        self,
        sender: Sender,
        task: asyncio.Task[None],
        before: list[asyncio.Task[None]],
        seconds: float,
    ) -> None:
        await sender.stop(seconds)
        task.cancel()
        await asyncio.gather(task, *before, return_exceptions=True)

    # -- leases

    async def run_once(self) -> bool:
        """Renew leases, begin and end carriers by them, and wake all senders."""
        statuses = {
            carrier_id: status_of(
                sender, self._switches[carrier_id], runs=carrier_id in self._tasks
            )
            for carrier_id, sender in self.senders.items()
        }
        self.watch.look(list(self.senders.values()), statuses)
        now = self._clock()
        wanted = [
            (carrier_id, most, self.senders[carrier_id].carrier.healthy())
            for carrier_id, most in self._most.items()
            if self._switches[carrier_id] is not Switch.DRAINED
        ]
        try:
            async with asyncio.timeout(PATIENCE):
                held = (
                    await self._store.lease_binds(wanted, now) if self._sends else set()
                )
                elsewhere = await self._store.bound_elsewhere(now)
        except (StoreUnavailable, TimeoutError) as error:
            if self._clock() - self._renewed > LONGEST_WITHOUT:
                self._adapt(set())
            why = str(error) or f"no answer in {PATIENCE:.0f} s"
            raise StoreUnavailable(why) from error
        self._renewed = now
        self._adapt(held)
        for carrier_id, sender in self.senders.items():
            sender.elsewhere = carrier_id in elsewhere
            sender.stored()  # another node may have queued parts
        await self.watch.store(list(statuses.values()), now)
        return False

    def _adapt(self, held: set[int]) -> None:
        """Run the limited carriers whose lease this node holds, and no others."""
        for carrier_id, most in list(self._most.items()):
            runs = carrier_id in self._tasks
            if carrier_id in held and not runs:
                self._begin(carrier_id)
            elif most and runs and carrier_id not in held:
                log.warning(
                    "lost the bind lease for %s, unbinding",
                    self._entries[carrier_id].name,
                )
                self._stop_soon(carrier_id, SHORT_DRAIN)
                self._make(self._entries[carrier_id])

    def operator(self, kind: str, name: str) -> Mm7Carrier | HttpCarrier | None:
        """
        Find the carrier that answers its operator; ``None``: there is none.

        ``kind`` is the first word of the path that the operator calls.
        """
        for sender in self.senders.values():
            carrier = sender.carrier
            if carrier.name == name and isinstance(carrier, ASKED[kind]):
                return carrier
        return None

    def requeued(self, carrier_id: int) -> None:
        """Note that parts were queued for a carrier."""
        sender = self.senders.get(carrier_id)
        if sender is not None:
            sender.stored()

    def up(self, carrier_id: int) -> bool:
        """Whether a carrier takes parts now, on this node or another."""
        sender = self.senders.get(carrier_id)
        return sender is not None and sender.takes()

    async def stop(self) -> None:
        """End all carriers, and release their leases."""
        for carrier_id in self.senders:
            self._stop_soon(carrier_id, DRAIN)
        await asyncio.gather(*self._ending.values())
        if self._sends and self._most:
            with contextlib.suppress(StoreUnavailable):
                await self._store.release_binds(sorted(self._most))
