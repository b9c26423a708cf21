"""Pause, drain and resume carriers by hand, and show what nodes say of carriers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import Engine, and_, select, update

from budstikke.provisioning.acts import AdminError, touch_directory, write_audit
from budstikke.store import schema
from budstikke.store.admin import immediate

if TYPE_CHECKING:
    from budstikke.domain.directory import Switch

FRESH = 30.0
"""Seconds after which what a node has said of a carrier is not shown any more."""


class Shown(NamedTuple):
    """
    A carrier on a node; without a node, none has said anything lately.

    ``status`` is the JSON of ``store.contract.nodes.CarrierStatus``, decoded.
    """

    name: str
    kind: str
    switch: str
    node: str
    status: dict[str, str | int | float]


def switch_carrier(
    engine: Engine, name: str, switch: Switch, *, actor: str, now: float
) -> bool:
    """
    Switch a carrier on all nodes; it stays so when they restart.

    Returns whether that changes anything. Raises AdminError if there is no such
    carrier.
    """
    carrier = schema.carrier
    with immediate(engine) as connection:
        named = carrier.c.name == name
        before = connection.scalar(select(carrier.c.switch).where(named))
        if before is None:
            raise AdminError(f"there is no carrier {name}")
        if before == switch:
            return False
        connection.execute(update(carrier).where(named).values(switch=switch.value))
        act = f"carrier {name}: switched from {before} to {switch.value}"
        write_audit(connection, actor, [act], now)
        touch_directory(connection)
    return True


def list_carriers(engine: Engine, now: float) -> list[Shown]:
    """List the carriers, on each node that has spoken in the last ``FRESH`` seconds."""
    carrier, status, node = schema.carrier, schema.carrier_status, schema.node
    fresh = and_(status.c.carrier_id == carrier.c.id, status.c.at > now - FRESH)
    rows = carrier.outerjoin(status, fresh).outerjoin(
        node, node.c.id == status.c.node_id
    )
    columns = (carrier.c.name, carrier.c.kind, carrier.c.switch)
    with engine.connect() as connection:
        listed = connection.execute(
            select(*columns, node.c.name, status.c.status)
            .select_from(rows)
            .order_by(carrier.c.name, node.c.name)
        ).all()
    return [
        Shown(name, kind, switch, at or "", msgspec.json.decode(said or "{}"))
        for name, kind, switch, at, said in listed
    ]
