"""PostgreSQL's connection for the verbs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from budstikke.store.contract.leases import LEASE
from budstikke.store.contract.nodes import CHANNEL
from budstikke.store.verbs.json_text import text
from budstikke.store.verbs.statement import POSTGRES, Statement, columns

if TYPE_CHECKING:
    from collections.abc import Sequence

    from budstikke.store.contract import Hint
    from budstikke.store.verbs.bounds import PartitionBounds

# Rows of the batch: [key, until]. This transaction holds the locks of those it returns.
HOLD_KEYS = f"""
WITH held AS (
    INSERT INTO duplicate (key, until)
    SELECT DISTINCT ON (1) {columns("if")} FROM {POSTGRES.rows()} ORDER BY 1
    ON CONFLICT (key) DO UPDATE SET until = excluded.until WHERE duplicate.until <= $2
    RETURNING key)
SELECT json_agg(key) FROM held"""

RELEASE_KEYS = f"DELETE FROM duplicate WHERE key {POSTGRES.in_ids()}"

NOTIFY = "SELECT pg_notify($1, $2)"

_encode = msgspec.json.Encoder().encode
_ids = msgspec.json.Decoder(list[int]).decode


class Connection:
    """
    A connection to PostgreSQL for the verbs.

    A batch is one JSON parameter, which the server takes apart: docs/why/postgres.md
    has the figures.

    Args:
        raw: asyncpg's connection.
        node_id: This process's node.
        bounds: Of the partitions.
        leases: Gets the ends of the leases that the job takes.

    """

    __slots__ = ("_leases", "bounds", "node_id", "raw")

    def __init__(
        self, raw: Any, node_id: int, bounds: PartitionBounds, leases: set[float]
    ) -> None:
        self.raw = raw
        self.node_id = node_id
        self.bounds = bounds
        self._leases = leases

    async def one(self, statement: str | Statement, *values: object) -> str:
        """Run a statement that returns one JSON list; ``[]`` if it returns none."""
        found: str | None = await self.value(statement, *values)
        return found or "[]"

    async def value(self, statement: str | Statement, *values: object) -> Any:
        """Run a statement that returns one value, or nothing."""
        statement, values = _placed(statement, values)
        return await self.raw.fetchval(statement, *values)

    async def row(self, statement: str | Statement, *values: object) -> Any:
        """Run a statement that returns one row, or nothing."""
        statement, values = _placed(statement, values)
        return await self.raw.fetchrow(statement, *values)

    async def rows(self, statement: str | Statement, *values: object) -> list[Any]:
        """Run a statement that returns rows."""
        statement, values = _placed(statement, values)
        found: list[Any] = await self.raw.fetch(statement, *values)
        return found

    async def execute(self, statement: str | Statement, *values: object) -> int:
        """Run a statement that changes rows; return how many."""
        statement, values = _placed(statement, values)
        if not statement:
            return 0
        status: str = await self.raw.execute(statement, *values)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def each(
        self, statement: Statement, rows: Sequence[msgspec.Struct], *low: int
    ) -> None:
        """Run a statement for a batch, as JSON in ``$1``; ``low`` is ``$2``."""
        await self.execute(statement, text(rows), *low)

    async def hold_keys(
        self, keys: Sequence[tuple[int, float]], now: float
    ) -> set[int]:
        """Lock duplicate keys by rows that this transaction commits."""
        return set(_ids(await self.one(HOLD_KEYS, text(keys), now)))

    async def release_keys(self, keys: Sequence[int]) -> None:
        """Unlock keys that this transaction has locked."""
        await self.execute(RELEASE_KEYS, text(keys))

    def lease_until(self, now: float) -> float:
        """Return when a lease of now ends; note it, as its commit may be unknown."""
        end = now + LEASE
        self._leases.add(end)
        return end

    async def notify(self, hint: Hint) -> None:
        """Notify the other nodes, at the commit."""
        await self.value(NOTIFY, CHANNEL, _encode(hint).decode())

    async def on_server(self, statement: Statement, *values: object) -> None:
        """Run a statement that only a server needs."""
        await self.raw.execute(statement.postgres, *values)


_NAME = re.compile(r"(?<!:):([a-z]+)")


@cache
def _numbered(statement: str) -> tuple[str, tuple[str, ...]]:
    """Write ``:name`` as ``$1``; return the names in the order of their numbers."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${names.setdefault(found[1], len(names) + 1)}"

    return _NAME.sub(number, statement), tuple(names)


def _placed(
    statement: str | Statement, values: tuple[object, ...]
) -> tuple[str, tuple[object, ...]]:
    """
    Put values with names in the order of their numbers.

    NUL becomes U+FFFD, as in JSON: PostgreSQL's texts cannot have it.
    """
    if isinstance(statement, Statement):
        statement = statement.postgres
    if len(values) == 1 and isinstance(values[0], Mapping):
        named = values[0]
        statement, names = _numbered(statement)
        values = tuple(named[name] for name in names)
    if any(isinstance(value, str) and "\0" in value for value in values):
        values = tuple(
            value.replace("\0", "\ufffd") if isinstance(value, str) else value
            for value in values
        )
    return statement, values
