"""Who holds a link to an operator."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Table

from budstikke.store.schema.base import Id, metadata

link = Table(
    "link",
    metadata,
    Column("carrier_id", Id, primary_key=True, autoincrement=False),
    Column("node_id", Id, primary_key=True, autoincrement=False),
    Column("lease_until", Float, nullable=False),
    Column("up", Boolean, nullable=False),
)
"""Leases of links to operators; ``up``: it can be sent to."""
