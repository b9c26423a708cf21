"""
The first schema, on both engines; ``store.schema`` says what its tables hold.

Until the first release it is made from ``store.schema``, so that each table is written
once; docs/release.md says how that release freezes it. On PostgreSQL the tables of
messages, their parts and callbacks are partitioned by their ids from the beginning;
``store.engines.postgres.layout`` says how.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from alembic import op

from budstikke.store.schema import metadata

revision = "0001"
down_revision = None

FIRST_ID = 1001
"""Of messages and orders."""

FIRST_PARTITION = 16 * 262_144
"""Ids that the first partition takes before the next one begins."""


def upgrade() -> None:
    metadata.create_all(op.get_bind(), checkfirst=False)
    _add_meta()
    if op.get_bind().dialect.name == "postgresql":
        _add_partitions("message", FIRST_ID + FIRST_PARTITION, 1)
        _add_partitions("part", FIRST_ID + FIRST_PARTITION, 256)
        _add_partitions("callback", 1 + FIRST_PARTITION, 1)


def _add_meta() -> None:
    """Add what a gateway counts with, and the salt of the identifiers of keys."""
    rows = {
        "revision": "0",
        "next_id": str(FIRST_ID),
        "salt": secrets.token_hex(16),
        "compatible": revision,
    }
    statement = sa.text("INSERT INTO meta (key, value) VALUES (:key, :value)")
    for key, value in rows.items():
        op.get_bind().execute(statement, {"key": key, "value": value})


def _add_partitions(table: str, end: int, factor: int) -> None:
    """
    Add the partition in use, an empty one below it, and the last one, without end.

    ``end`` is the first id, times ``factor``, that the last one takes.
    """
    low, high = factor, end * factor
    for number, first, last in (
        (0, "MINVALUE", low),
        (1, low, high),
        (2, high, "MAXVALUE"),
    ):
        op.execute(
            f"CREATE TABLE {table}_{number} PARTITION OF {table}"
            f" FOR VALUES FROM ({first}) TO ({last})"
        )
