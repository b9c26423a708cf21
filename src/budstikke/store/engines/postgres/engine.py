"""
The PostgreSQL engine: any number of nodes on one database.

Each verb is one transaction. Nodes claim work with ``FOR UPDATE SKIP LOCKED``, under a
lease (node.py); when a lease is over, another node takes over.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

import msgspec

from budstikke.domain.message import Part
from budstikke.store.contract import Beat, Draft, DueWork, Hint, StoreUnavailable
from budstikke.store.contract.durability import must_reach_disk
from budstikke.store.directory import directory_of
from budstikke.store.duplicates import DuplicateLock
from budstikke.store.engines.postgres.bind_leases import BindLeases
from budstikke.store.engines.postgres.client import ACCEPT_WITHIN, Client
from budstikke.store.engines.postgres.failing import CommitUnknown
from budstikke.store.engines.postgres.heartbeat import Heartbeat
from budstikke.store.engines.postgres.id_allocator import IdAllocator
from budstikke.store.engines.postgres.in_doubt import InDoubt
from budstikke.store.engines.postgres.node import Node
from budstikke.store.engines.postgres.node_session import NodeSession
from budstikke.store.engines.postgres.partition_retirement import PartitionRetirement
from budstikke.store.engines.postgres.partitions import Changes, Partitions
from budstikke.store.verbs import clock
from budstikke.store.verbs.accept import store_again
from budstikke.store.verbs.claim import claim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from budstikke.domain.directory import Directory
    from budstikke.store import engine as contract
    from budstikke.store.contract import BulkRow
    from budstikke.store.contract.durability import Durability
    from budstikke.store.engines.postgres.connection import Connection
    from budstikke.store.verbs.connection import Running, Verb
    from budstikke.store.verbs.purge import BothSpans

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

LOCKED_KEYS = "SELECT key, until FROM duplicate WHERE until > $1"

_parts = msgspec.json.Decoder(list[Part]).decode


class PostgresEngine:
    """
    PostgreSQL; see ``store.engine.Engine``.

    Args:
        url: ``postgresql://…``; it may have several hosts and ``target_session_attrs``.
        node: This process's name among the nodes; unique.
        durability: What a commit survives.

    """

    def __init__(
        self, url: str, *, node: str, durability: Durability = "power"
    ) -> None:
        self._url = url
        self._client = Client(url, durability)
        self.node_id = 0
        self.pulse = self._client.pulse
        self.duplicates = DuplicateLock(shared=True)
        self.bind_leases: contract.BindLeases = BindLeases(self._client)
        self._heartbeat = Heartbeat(self._client, node)
        self._node = Node(node)
        self._session = NodeSession(self._client, node, self._hear)
        self._heard: Callable[[Hint], None] | None = None
        self._in_doubt = InDoubt()
        changes = Changes(self._client)
        self._retirement = PartitionRetirement(self._client, changes)
        self._partitions = Partitions(self._client, changes, self._client.bounds)
        self._ids = IdAllocator(self._client)

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Call ``heard`` with the hints of other nodes."""
        self._heard = heard

    def _hear(self, hint: Hint) -> None:
        if self._heard is not None and hint.node != self._node.id:
            self._heard(hint)

    async def open(self, now: float) -> None:
        """Take this node's name, and take over from a dead one."""
        await self._client.open()
        try:
            await self._session.start()
            await self._client.write_to_disk(lambda c: self._begin(c, now))
        except BaseException:
            await self._session.stop()
            await self._client.close()
            raise

    async def _begin(self, connection: Connection, now: float) -> None:
        await self._node.begin(connection, now)
        self.node_id = self._client.node_id = self._node.id
        await self._ids.refill(connection)
        for key, until in await connection.rows(LOCKED_KEYS, now):
            self.duplicates.hold(key, until)

    async def close(self) -> None:
        """Finish the jobs in progress and disconnect."""
        await self._ids.close()
        with contextlib.suppress(StoreUnavailable):
            await self._client.write(self._end)
        await self._session.stop()
        await self._client.close()

    async def _end(self, connection: Connection) -> None:
        await self._ids.give_back(connection)
        await self._node.end(connection)

    def reserve_ids(self, count: int) -> int:
        """Return ids from this node's blocks."""
        return self._ids.reserve(count)

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read the directory."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(None, directory_of, self._url, settings)

    # -- verbs that write

    async def write(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in a transaction."""
        return await self._client.write(lambda c: verb(c, *args))

    async def write_one(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb of one statement, which is a transaction of its own."""
        return await self._client.read(lambda c: verb(c, *args))

    async def write_in_time(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in a transaction: they all have a deadline."""
        return await self.write(verb, *args)

    async def accept(
        self,
        rows: Sequence[Draft | BulkRow],
        now: float,
        verb: Verb[*Ts, T],
        *args: *Ts,
    ) -> T:
        """Store orders; if the server does not say whether it did, find out."""

        def store(connection: Connection) -> Running[T]:
            return verb(connection, *args)

        try:
            with self.pulse.waiting():
                return await self._client.write(
                    self._client.to_disk(store) if must_reach_disk(rows) else store,
                    lambda c: store_again(c, rows),
                    ACCEPT_WITHIN,
                )
        except CommitUnknown:
            self._in_doubt.of_orders(rows, now)
            raise

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Claim parts; those of a lost answer return to the queue later."""
        parts: list[Part] = []
        lost = self._client.lost
        try:
            parts = _parts(
                await self._client.write_one_to_disk(
                    lambda c: claim(c, carrier_id, limit, now)
                )
            )
        finally:
            if self._client.lost != lost:
                self._in_doubt.of_claim(carrier_id, now, parts)
        return parts

    async def wake(self, now: float, limit: int, callbacks: int) -> DueWork:
        """
        Run ``wake``, renew this node's lease, and see to partitions and ids.

        Mostly there is nothing to do, and it takes one round trip to know.
        """

        async def write(connection: Connection) -> DueWork:
            await self._node.renew(connection, now)
            woken = await clock.wake(connection, now, limit, callbacks)
            woken.carriers |= await self._in_doubt.settle(connection, now)
            if woken.carriers:  # another node may hold their binds
                hint = Hint(self._node.id, carriers=sorted(woken.carriers))
                await connection.notify(hint)
            return woken

        self._in_doubt.of_leases(self._client.unheard_leases, now)
        await self._partitions.keep(now)
        await self._ids.keep()
        rests = not (self._node.must_renew(now) or self._in_doubt.any)
        if rests and not await self._client.read(lambda c: clock.is_due(c, now)):
            return DueWork(set(), [])
        woken = await self._client.write(write)
        self._in_doubt.settled(now)
        return woken

    async def retire(self, before: float, limit: int) -> tuple[int, BothSpans]:
        """Drop old partitions; return also where to delete rows."""
        return await self._retirement.retire(before, limit)

    # -- verbs that read

    async def read(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in which each statement is its own transaction."""
        return await self._client.read(lambda c: verb(c, *args))

    async def browse(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in which each statement is its own transaction."""
        return await self.read(verb, *args)

    async def snapshot(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in one transaction that reads one state of the database."""
        return await self._client.snapshot(lambda c: verb(c, *args))

    # -- health

    async def beat(self, now: float, room: int) -> Beat:
        """Write a heartbeat; the reserved room is released at once."""
        return await self._heartbeat.beat(now, room)

    async def whole(self) -> bool:
        """Whether no bad page was met for a while."""
        return await self._heartbeat.whole()
