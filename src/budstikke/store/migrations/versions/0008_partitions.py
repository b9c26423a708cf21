"""
Partitions of the big tables on PostgreSQL; programs at 0006 run beside this one.

Nothing is copied: what is there becomes the first partition, under the names that its
indexes get here; the names of before go to those of the partitioned table, which take
them in. The rows are read once, since PostgreSQL wants to know that they belong there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from sqlalchemy import Connection

revision = "0008"
down_revision = "0007"

FIRST = 16 * 262_144
"""Ids that the first partition takes before the next one begins."""

INDEXES = """
SELECT c.relname, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = '{table}'::regclass AND NOT i.indisprimary"""

# In as many short tries as it takes: gateways that serve meanwhile wait no longer than
# one of them, and none of their transactions is undone (deadlock_timeout is a second).
LOCK = """
DO $$ BEGIN
    FOR try IN 1 .. 300 LOOP
        BEGIN
            SET LOCAL lock_timeout = '300ms';
            LOCK TABLE message, part, callback IN ACCESS EXCLUSIVE MODE;
            SET LOCAL lock_timeout = '30s';
            RETURN;
        EXCEPTION WHEN lock_not_available THEN
            PERFORM pg_sleep(0.2 * random());
        END;
    END LOOP;
    RAISE lock_not_available USING MESSAGE = 'the tables are in use without a pause';
END $$"""


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql(LOCK)
    next_id = connection.scalar(
        sa.text("SELECT value::bigint FROM meta WHERE key = 'next_id'")
    )
    last = connection.scalar(sa.text("SELECT last_value FROM callback_id_seq"))
    _partition(connection, "message", next_id + FIRST, 1)
    _partition(connection, "part", next_id + FIRST, 256)
    _partition(connection, "callback", last + FIRST, 1)


def _partition(connection: Connection, table: str, high: int, factor: int) -> None:
    """Make a table the first partition, [1, high), of one that has its name."""
    run = connection.exec_driver_sql
    indexes = run(INDEXES.format(table=table)).all()
    run(f"ALTER TABLE {table} RENAME TO {table}_1")
    run(f"ALTER INDEX {table}_pkey RENAME TO {table}_1_pkey")
    for name, _ in indexes:
        run(f"ALTER INDEX {name} RENAME TO {table}_1_{name.removeprefix(table)[1:]}")
    run(
        f"CREATE TABLE {table} (LIKE {table}_1 INCLUDING ALL EXCLUDING INDEXES)"
        " PARTITION BY RANGE (id)"
    )
    run(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
    run(f"ALTER SEQUENCE {table}_id_seq OWNED BY {table}.id")
    for _, made in indexes:
        run(made)
    low, high = factor, high * factor
    run(
        f"CREATE TABLE {table}_0 PARTITION OF {table}"
        f" FOR VALUES FROM (MINVALUE) TO ({low})"
    )
    run(
        f"ALTER TABLE {table} ATTACH PARTITION {table}_1"
        f" FOR VALUES FROM ({low}) TO ({high})"
    )
    run(
        f"CREATE TABLE {table}_2 PARTITION OF {table}"
        f" FOR VALUES FROM ({high}) TO (MAXVALUE)"
    )
