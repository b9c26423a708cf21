"""What a verb needs of a connection, whichever engine it is of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from budstikke.store.contract import Hint
    from budstikke.store.verbs.bounds import PartitionBounds
    from budstikke.store.verbs.statement import Statement


class Connection(Protocol):
    """
    A connection in a transaction.

    Values are bound in their order to ``$1``, ``$2``, …, or given as one mapping to
    ``:name``. Rows are what the engine's library has: their columns are had by index.

    Attributes:
        node_id: The node that runs the verb: claims and leases are in its name.
        bounds: Of the partitions; all 0 where there are none.

    """

    node_id: int
    bounds: PartitionBounds

    async def one(self, statement: Statement, *values: object) -> str:
        """Run a statement that returns one JSON array; none is ``[]``."""

    async def value(self, statement: Statement, *values: object) -> Any:
        """Run a statement that returns one value, or nothing: ``None``."""

    async def row(self, statement: Statement, *values: object) -> Any:
        """Run a statement that returns one row, or nothing: ``None``."""

    async def rows(self, statement: Statement, *values: object) -> list[Any]:
        """Run a statement that returns rows."""

    async def execute(self, statement: Statement, *values: object) -> int:
        """
        Run a statement that changes rows; returns how many.

        One that has no text for PostgreSQL, which needs no such step, is not run there.
        """

    async def each(
        self, statement: Statement, rows: Sequence[msgspec.Struct], *low: int
    ) -> None:
        """
        Run a statement for each row of a batch, by the fields of its struct.

        SQLite takes a row's fields as ``$1`` … ``$n`` and is run for each; PostgreSQL
        takes the batch as JSON in ``$1`` and ``low``, a bound of their ids, in ``$2``.
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
        Lock duplicate keys until their times; returns those that are locked now.

        The others were locked before, by a transaction that was committed. An engine
        that locks all keys before the transaction, in memory, returns all of them.
        """

    async def release_keys(self, keys: Sequence[int]) -> None:
        """Unlock keys that ``hold_keys`` locked: what they stand for is not stored."""

    async def notify(self, hint: Hint) -> None:
        """Tell the other nodes, once this is committed, what there is to be done."""
