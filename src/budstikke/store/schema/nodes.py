"""Counters, and the nodes' names and leases."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, String, Table, Text

from budstikke.store.schema.base import Id, metadata

meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)
"""
By key: ``revision`` of the directory; ``next_id``, the first id of messages and orders
that no node has reserved; ``callback_id``, on SQLite the last id of a callback before a
purge; ``salt`` of key identifiers; ``compatible``, the oldest schema whose programs can
use this one; and the times of ``store.time_seen``.
"""


node = Table(
    "node",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", String, nullable=False),
    Column("lease_until", Float, nullable=False),
)
"""Nodes; one whose lease is over is dead, and another takes over its work."""


bind_lease = Table(
    "bind_lease",
    metadata,
    Column("carrier_id", Id, primary_key=True, autoincrement=False),
    Column("node_id", Id, primary_key=True, autoincrement=False),
    Column("lease_until", Float, nullable=False),
    Column("up", Boolean, nullable=False),
)
"""Nodes' bind leases; ``up``: the bind takes parts now."""


carrier_status = Table(
    "carrier_status",
    metadata,
    Column("carrier_id", Id, primary_key=True, autoincrement=False),
    Column("node_id", Id, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("status", Text, nullable=False),  # JSON of ``contract.nodes.CarrierStatus``
)
"""What each node says of its carriers, for ``budstikke carriers``."""
