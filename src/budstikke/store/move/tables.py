"""The tables to move, their order, and the rows of a slice."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import GenericAlias
from typing import TYPE_CHECKING, Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import func, select

from budstikke.store import schema
from budstikke.store.ledger_check import check_in

if TYPE_CHECKING:
    from sqlalchemy import Column, Connection, Table

STAYING = frozenset({schema.bind_lease, schema.carrier_status, schema.node})
"""Nodes belong to their database: see finish_import.py."""

MOVED = {
    str(table.name): table
    for table in schema.metadata.sorted_tables
    if table not in STAYING
}
"""Tables to move, by name; each comes after those that its rows refer to."""

WIDE = frozenset({schema.media, schema.mms, schema.bulk})
"""Tables whose rows may be megabytes."""

SLICE = 2000
"""Rows in memory at a time: one line of the file."""

WIDE_SLICE = 8


def slice_of(table: Table) -> int:
    """Return how many rows of a table make a slice."""
    return WIDE_SLICE if table in WIDE else SLICE


def columns(table: Table) -> list[str]:
    """Return the names of a table's columns."""
    return [str(column.name) for column in table.columns]


def rows_type(table: Table) -> Any:
    """Return the type of a slice for msgspec: a list of tuples of its columns."""
    return GenericAlias(list, GenericAlias(tuple, tuple(map(_kind, table.columns))))


def _kind(column: Column[Any]) -> Any:
    kind = column.type.python_type
    return kind | None if column.nullable else kind


def revision(connection: Connection) -> str:
    """Return the schema's revision."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def count(connection: Connection, table: Table) -> int:
    """Count a table's rows."""
    return connection.scalar(select(func.count()).select_from(table)) or 0


@dataclass(frozen=True, slots=True)
class Books:
    """
    The ledger check's result for an account; amounts are micros.

    It must be the same for both databases.
    """

    account: str
    currency: str
    balance: int
    entries: int
    charged: int
    cost: int
    faults: list[str] = field(default_factory=list)


def read_books(connection: Connection) -> list[Books]:
    """Check every account's ledger, by name."""
    return [
        Books(
            found.name,
            found.currency,
            int(found.balance),
            found.entries,
            int(found.charged),  # PostgreSQL's sums are Decimal
            int(found.cost),
            found.faults,
        )
        for found in check_in(connection)
    ]
