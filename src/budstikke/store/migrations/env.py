"""What Alembic runs: the connection is given by ``store.migrate``."""

from __future__ import annotations

import re

from alembic import context
from sqlalchemy import Column

from budstikke.store.schema import metadata

BY_HAND = frozenset(
    index.name
    for table in metadata.tables.values()
    for index in table.indexes
    if not all(isinstance(item, Column) for item in index.expressions)
)
"""Indexes over expressions: Alembic can't compare them, tests/store/ does."""

PARTITION = re.compile(r"(message|part|callback)_\d+")
"""Partitions: the gateway makes and drops these tables while it runs."""


def compared(_item: object, name: str | None, kind: str, *_: object) -> bool:
    """Tell whether Alembic compares an object of the database with the schema."""
    if kind == "table":
        return not PARTITION.fullmatch(name or "")
    return not (kind == "index" and name in BY_HAND)


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_object=compared,
    render_as_batch=True,  # SQLite alters most of a table only by copying it
)
with context.begin_transaction():
    context.run_migrations()
