"""What a verb is, and its connection, on either engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import TypeAlias, TypeVar, TypeVarTuple

    import msgspec

    from budstikke.store.contract import Hint
    from budstikke.store.verbs.bounds import PartitionBounds
    from budstikke.store.verbs.statement import Statement

    T = TypeVar("T")
    Ts = TypeVarTuple("Ts")

    Running: TypeAlias = Coroutine[Any, Any, T]
    """What a verb returns when it is called: await it."""

    Verb: TypeAlias = Callable[["Connection", *Ts], Running[T]]
    """An operation on the database: it takes a connection, then its arguments."""


class Connection(Protocol):
    """
    A connection in a transaction.

    Values are bound to ``$1``, ``$2``, … in order, or given as one mapping for
    ``:name``. Rows are those of the engine's library; their columns have indexes.

    Attributes:
        node_id: The node that runs the verb; claims and leases are its own.
        bounds: Of the partitions; without partitions all are 0.

    """

    node_id: int
    bounds: PartitionBounds

    async def one(self, statement: Statement, *values: object) -> str:
        """Run a statement that returns one JSON array; ``[]`` if it returns none."""

    async def value(self, statement: Statement, *values: object) -> Any:
        """Run a statement that returns one value, or nothing: ``None``."""

    async def row(self, statement: Statement, *values: object) -> Any:
        """Run a statement that returns one row, or nothing: ``None``."""

    async def rows(self, statement: Statement, *values: object) -> list[Any]:
        """Run a statement that returns rows."""

    async def execute(self, statement: Statement, *values: object) -> int:
        """
        Run a statement that changes rows; return how many.

        PostgreSQL skips a statement without a text for it.
        """

    async def each(
        self, statement: Statement, rows: Sequence[msgspec.Struct], *low: int
    ) -> None:
        """
        Run a statement for each row of a batch, by the fields of its struct.

        SQLite runs it for each row, with the fields as ``$1`` … ``$n``. PostgreSQL runs
        it once, with the batch as JSON in ``$1`` and ``low``, a bound of the ids, in
        ``$2``.
        """

    async def on_server(self, statement: Statement, *values: object) -> None:
        """
        Run a statement of ``server_only``: a lock between nodes, a planner's setting.

        SQLite, where one connection writes, does nothing.
        """

    async def hold_keys(
        self, keys: Sequence[tuple[int, float]], now: float
    ) -> set[int]:
        """
        Lock duplicate keys until their times; return those that this locked.

        The others were locked before, by a committed transaction. An engine that locks
        keys in memory, before the transaction, returns all of them.
        """

    async def release_keys(self, keys: Sequence[int]) -> None:
        """Unlock keys that ``hold_keys`` locked: their messages are not stored."""

    def lease_until(self, now: float) -> float:
        """
        Return until when to lease callbacks and queues to this node, Unix seconds.

        If the commit gets no answer, the node knows no more of them than this time: an
        engine with which that happens finds them by it, and puts them back.
        """

    async def notify(self, hint: Hint) -> None:
        """Notify the other nodes, once this is committed."""
