"""
Finish an import: make the new database ready for its first gateway.

The old gateways' claims and leases get the names of nodes whose lease is over. So the
first gateway takes them over as from dead nodes: parts that were being sent become
unsure, and are never sent again in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Connection,
    func,
    insert,
    literal,
    select,
    text,
    union,
    update,
)
from sqlalchemy.dialects import postgresql

from budstikke.store import schema
from budstikke.store.move.tables import MOVED
from budstikke.store.schema import metadata

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Select, Table

NO_NODE = 0
"""The id of no node: any node may take a row with it."""

MOVED_NODE = "moved"
"""The name of the old database's nodes."""


def finish_import(
    connection: Connection, positions: Mapping[str, int], now: float
) -> None:
    """
    Expire the old nodes' leases, keep duplicate locks, and continue the ids.

    Args:
        connection: In the transaction that filled the tables.
        positions: By table, the last id that the old database gave.
        now: Unix seconds.

    """
    _release_leases(connection)
    if connection.dialect.name == "postgresql":
        _store_duplicate_locks(connection, now)
    for table in metadata.tables.values():
        _continue_ids(connection, table, positions.get(table.name, 0))
    if connection.dialect.name == "postgresql":
        _end_last_partitions(connection, now)
        # Without statistics the planner would expect empty tables.
        names = map(connection.dialect.identifier_preparer.format_table, MOVED.values())
        connection.exec_driver_sql(f"ANALYZE {', '.join(names)}")


def _end_last_partitions(connection: Connection, now: float) -> None:
    """Give the last partitions an upper bound: PostgreSQL reads their rows once."""
    # Imported here: an installation on SQLite has no driver of PostgreSQL.
    from budstikke.store.engines.postgres import layout, partitions  # noqa: PLC0415

    for series in (partitions.MESSAGES, partitions.CALLBACKS):
        read = text(partitions.READ.format(table=f"'{series.name}'"))
        found = [partitions.partition(*row) for row in connection.execute(read)]
        found.sort(key=lambda partition: partition.low)
        next_id = connection.scalar(text(series.next_id)) or 0
        at = layout.cut_at(found, next_id, now)
        for statement in layout.dividing(series, found[-1], at) if at else ():
            connection.exec_driver_sql(statement)


def _release_leases(connection: Connection) -> None:
    """Make expired nodes of the old ones that hold something; free bulk orders."""
    holders = union(
        _holders(schema.part, schema.part.c.state == "sending"),
        _holders(schema.callback, schema.callback.c.state == "due"),
        _holders(schema.queue, schema.queue.c.state.in_(("due", "paused"))),
    ).subquery()
    dead = select(holders.c.node_id, literal(MOVED_NODE), literal(0.0))
    columns = ["id", "name", "lease_until"]
    connection.execute(insert(schema.node).from_select(columns, dead))
    bulk = schema.bulk
    unexpanded = update(bulk).where(bulk.c.done < bulk.c.total)
    connection.execute(unexpanded.values(node_id=NO_NODE))


def _holders(table: Table, held: Any) -> Select[Any]:
    return select(table.c.node_id).where(held, table.c.node_id.is_not(None))


def _store_duplicate_locks(connection: Connection, now: float) -> None:
    """Write the duplicate locks, which SQLite has in its messages, into their table."""
    message, held = schema.message.c, schema.duplicate
    keys = (
        select(message.duplicate_key, func.max(message.duplicate_until))
        .where(message.duplicate_key.is_not(None), message.duplicate_until > now)
        .group_by(message.duplicate_key)
    )
    locks = postgresql.insert(held).from_select(["key", "until"], keys)
    latest = func.greatest(held.c.until, locks.excluded.until)
    connection.execute(
        locks.on_conflict_do_update(index_elements=["key"], set_={"until": latest})
    )


def _continue_ids(connection: Connection, table: Table, position: int) -> None:
    """Make the next id of a table greater than any in the old database."""
    column = table.autoincrement_column
    if column is None:
        return
    held = connection.scalar(select(func.max(column))) or 0
    last = max(position, held)
    if not last:
        return
    if connection.dialect.name == "postgresql":
        sequence = func.pg_get_serial_sequence(table.name, column.name)
        connection.execute(select(func.setval(sequence, last)))
    elif table.dialect_options["sqlite"]["autoincrement"]:
        counters = text("DELETE FROM sqlite_sequence WHERE name = :name")
        connection.execute(counters, {"name": table.name})
        counters = text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)")
        connection.execute(counters, {"name": table.name, "seq": last})
    elif table is schema.callback and last > held:
        last_id = text("INSERT OR REPLACE INTO meta VALUES ('callback_id', :last)")
        connection.execute(last_id, {"last": str(last)})
