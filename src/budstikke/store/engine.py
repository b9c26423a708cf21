"""What a database engine does for the store: it runs verbs, and knows its nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    import msgspec

    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.store.contract import Beat, BulkRow, Draft, DueWork, Hint, Pulse
    from budstikke.store.duplicates import DuplicateLock
    from budstikke.store.verbs.connection import Connection
    from budstikke.store.verbs.purge import BothSpans

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class BindLeases(Protocol):
    """Leases of binds to operators: see ``store.contract.NodeStore``."""

    async def bind(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        """Hold binds for a while; returns the carriers whose binds this node holds."""

    async def unbind(self, carrier_ids: Sequence[int]) -> None:
        """Hold the binds of these carriers no longer."""

    async def bound_elsewhere(self, now: float) -> set[int]:
        """Find the carriers to which another node has a bind that is up."""


class Engine(Protocol):
    """
    A database, and the node that this process is in it.

    A verb is run with a connection in a transaction, then its arguments. All methods
    that run one raise StoreUnavailable, and then nothing of it is stored.

    Attributes:
        node_id: 0 until the engine is open.
        pulse: Hears whether the database can be used.
        duplicates: The duplicate keys that this node knows to be locked.
        bind_leases: Of this node and the others.

    """

    node_id: int
    pulse: Pulse
    duplicates: DuplicateLock
    bind_leases: BindLeases

    async def open(self, now: float) -> None:
        """Connect, become a node, and take over what a dead node left."""

    async def close(self) -> None:
        """Finish what was begun, give the node up and disconnect."""

    def reserve_ids(self, count: int) -> int:
        """Give ids for messages and orders; returns the first."""

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read accounts, accesses, carriers, routes and suppressions."""

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Call ``heard`` with what other nodes notify."""

    async def write(
        self,
        verb: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """Run a verb in a transaction; when this returns, its work is durable."""

    async def write_one(
        self,
        verb: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """Likewise, for a verb of one statement: a server needs no BEGIN and COMMIT."""

    async def write_in_time(
        self,
        verb: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """Run a verb while a customer waits: within seconds, or not at all."""

    async def accept(
        self,
        rows: Sequence[Draft | BulkRow],
        now: float,
        verb: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """
        Run a verb that stores these orders: within seconds, or not at all.

        Whatever the database did without saying so in time is found, or undone.
        """

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Claim parts for this node; what it never hears of is put back later."""

    async def read(
        self,
        verb: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """Run a verb that only reads; each statement sees what is committed by then."""

    async def browse(
        self,
        verb: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """Likewise, beside short look-ups: it may take longer than they may wait."""

    async def snapshot(
        self,
        verb: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
        *args: *Ts,
    ) -> T:
        """Likewise, and all statements see one state of the database."""

    async def wake(self, now: float, limit: int, callbacks: int) -> DueWork:
        """Do what is due, and what keeps this node among the others."""

    async def retire(self, before: float, limit: int) -> tuple[int, BothSpans]:
        """
        Drop partitions of which all messages, or callbacks, are from before then.

        Returns how many messages were dropped, and the spans of ids in which ``purge``
        deletes rows.
        """

    async def beat(self, now: float, room: int) -> Beat:
        """Write that this process lives: see ``store.contract.HealthStore``."""

    async def whole(self) -> bool:
        """Tell whether what was damaged can be read again."""
