"""What all tables share: the metadata, the type of ids, and partial indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Index, Integer, MetaData, text

if TYPE_CHECKING:
    from sqlalchemy import TextClause

metadata = MetaData()

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite makes only an ``INTEGER PRIMARY KEY`` the rowid of its table."""


def partial_index(
    name: str, *columns: str | TextClause, where: str, unique: bool = False
) -> Index:
    """Make an index of those rows alone, on both engines, for which ``where`` holds."""
    return Index(
        name,
        *columns,
        unique=unique,
        sqlite_where=text(where),
        postgresql_where=text(where),
    )
