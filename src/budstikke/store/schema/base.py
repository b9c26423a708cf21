"""The metadata that all tables share, and the type of ids."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Integer,
    MetaData,
)

metadata = MetaData()

Id = BigInteger().with_variant(Integer, "sqlite")
"""SQLite makes only an ``INTEGER PRIMARY KEY`` the rowid of its table."""
