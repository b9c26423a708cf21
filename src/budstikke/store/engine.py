"""What the store needs of a database engine: it runs verbs, and has the node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import msgspec

    from budstikke.domain.directory import Directory
    from budstikke.domain.message import Part
    from budstikke.store.contract import Beat, BulkRow, Draft, DueWork, Hint, Pulse
    from budstikke.store.duplicates import DuplicateLock
    from budstikke.store.verbs.connection import Verb
    from budstikke.store.verbs.purge import BothSpans

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class BindLeases(Protocol):
    """Bind leases; see ``store.contract.NodeStore``."""

    async def bind(
        self, carriers: Sequence[tuple[int, int, bool]], now: float
    ) -> set[int]:
        """Take or renew bind leases; return the carriers with a lease of this node."""

    async def unbind(self, carrier_ids: Sequence[int]) -> None:
        """Release the leases of these carriers."""

    async def bound_elsewhere(self, now: float) -> set[int]:
        """Find the carriers to which another node has a bind that is up."""


class Engine(Protocol):
    """
    A database, and this process's node in it.

    The engine runs a verb with a connection in a transaction, and the verb's arguments.
    All methods that run one raise StoreUnavailable, and then nothing of it is stored.

    Attributes:
        node_id: 0 until the engine is open.
        pulse: Notes whether the database can be used.
        duplicates: The duplicate keys that this node knows to be locked.
        bind_leases: The bind leases.

    """

    node_id: int
    pulse: Pulse
    duplicates: DuplicateLock
    bind_leases: BindLeases

    async def open(self, now: float) -> None:
        """Connect, become a node, and take over from a dead one."""

    async def close(self) -> None:
        """Finish the jobs in progress, end the node, and disconnect."""

    def reserve_ids(self, count: int) -> int:
        """Return the first of ``count`` ids for messages and orders."""

    async def directory(
        self, settings: Mapping[str, type[msgspec.Struct]]
    ) -> Directory:
        """Read the directory."""

    def listen(self, heard: Callable[[Hint], None]) -> None:
        """Call ``heard`` with the hints of other nodes."""

    async def write(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb in a transaction; its work is durable when this returns."""

    async def write_one(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Likewise for a verb of one statement, which a server runs without BEGIN."""

    async def write_in_time(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb for which a customer waits: within seconds, or not at all."""

    async def accept(
        self,
        rows: Sequence[Draft | BulkRow],
        now: float,
        verb: Verb[*Ts, T],
        *args: *Ts,
    ) -> T:
        """
        Run a verb that stores these orders: within seconds, or not at all.

        If the database does not say in time whether it stored them, the engine finds
        out, or withdraws them.
        """

    async def claim(self, carrier_id: int, limit: int, now: float) -> list[Part]:
        """Claim parts for this node; those of a lost answer go back to the queue."""

    async def read(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Run a verb that only reads; each statement sees what is committed by then."""

    async def browse(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Likewise for a slow verb: short ones do not wait for it."""

    async def snapshot(self, verb: Verb[*Ts, T], *args: *Ts) -> T:
        """Likewise, and all statements see one state of the database."""

    async def wake(self, now: float, limit: int, callbacks: int) -> DueWork:
        """Queue parts and lease callbacks that are due, and renew this node's lease."""

    async def retire(self, before: float, limit: int) -> tuple[int, BothSpans]:
        """
        Drop partitions whose messages, or callbacks, are all from before ``before``.

        Returns how many messages it dropped, and the ranges of ids in which ``purge``
        has to delete rows.
        """

    async def beat(self, now: float, room: int) -> Beat:
        """Write that this process lives: see ``store.contract.HealthStore``."""

    async def whole(self) -> bool:
        """Whether damaged data can be read again."""
