"""
Make a database that was moved ready for its first gateway.

What the old gateways held is held here by nodes whose leases are over: the first one
to serve takes it over as it does from a node that died. What was being sent is then
unsure, and never sent again in silence.
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

NOBODY = 0
"""No node has this id."""

MOVED_NODE = "moved"


def take_over(connection: Connection, positions: Mapping[str, int], now: float) -> None:
    """
    Bury the old nodes, keep duplicate locks, and let ids go on where they were.

    ``positions`` are the last ids that were given, by table.
    """
    _bury_nodes(connection)
    if connection.dialect.name == "postgresql":
        _hold_duplicates(connection, now)
    for table in metadata.tables.values():
        _go_on(connection, table, positions.get(table.name, 0))
    if connection.dialect.name == "postgresql":
        _divide(connection, now)
        # Else it plans as for no rows at first.
        names = map(connection.dialect.identifier_preparer.format_table, MOVED.values())
        connection.exec_driver_sql(f"ANALYZE {', '.join(names)}")


def _divide(connection: Connection, now: float) -> None:
    """Give the last partitions an end: PostgreSQL reads their rows this one time."""
    # Who moves to SQLite needs none of it.
    from budstikke.store.engines.postgres import layout, partitions  # noqa: PLC0415

    for series in (partitions.MESSAGES, partitions.CALLBACKS):
        read = text(partitions.READ.format(table=f"'{series.name}'"))
        found = [partitions.partition(*row) for row in connection.execute(read)]
        found.sort(key=lambda partition: partition.low)
        next_id = connection.scalar(text(series.next_id)) or 0
        at = layout.cut_at(found, next_id, now)
        for statement in layout.dividing(series, found[-1], at) if at else ():
            connection.exec_driver_sql(statement)


def _bury_nodes(connection: Connection) -> None:
    holders = union(
        _holders(schema.part, schema.part.c.state == "sending"),
        _holders(schema.callback, schema.callback.c.state == "due"),
        _holders(schema.queue, schema.queue.c.state.in_(("due", "paused"))),
    ).subquery()
    dead = select(holders.c.node_id, literal(MOVED_NODE), literal(0.0))
    columns = ["id", "name", "lease_until"]
    connection.execute(insert(schema.node).from_select(columns, dead))
    bulk = schema.bulk
    unmade = update(bulk).where(bulk.c.done < bulk.c.total)
    connection.execute(unmade.values(node_id=NOBODY))


def _holders(table: Table, held: Any) -> Select[Any]:
    return select(table.c.node_id).where(held, table.c.node_id.is_not(None))


def _hold_duplicates(connection: Connection, now: float) -> None:
    """Write down the locks that SQLite's gateways find in the messages."""
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


def _go_on(connection: Connection, table: Table, position: int) -> None:
    """Give no id again that the old database has given."""
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
        noted = text("INSERT OR REPLACE INTO meta VALUES ('callback_id', :last)")
        connection.execute(noted, {"last": str(last)})
