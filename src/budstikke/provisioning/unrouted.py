"""
Unrouted messages: inbound messages that no rule gives to an access.

An administrator lists them and assigns one to an access. A running gateway then
routes the assigned message there and calls the customer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Engine, select, update

from budstikke.provisioning.acts import AdminError, write_audit
from budstikke.provisioning.resources.accesses import is_two_way
from budstikke.store import schema
from budstikke.store.admin import immediate

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class UnroutedMessage:
    """
    An inbound message that belongs to no access yet.

    Attributes:
        at: When it came, Unix seconds.
        assigned: Whether an administrator has assigned it to an access, and no gateway
            has routed it there so far.

    """

    id: int
    at: float
    recipient: str
    originator: str
    kind: str
    text: str
    assigned: bool


def list_unrouted(
    engine: Engine, *, limit: int, before: int | None = None
) -> list[UnroutedMessage]:
    """List unrouted messages, the newest first, with ids below ``before``."""
    table = schema.inbound.c
    columns = (table.id, table.came_at, table.recipient, table.originator, table.kind)
    older = () if before is None else (table.id < before,)
    with engine.connect() as connection:
        rows = connection.execute(
            select(*columns, table.text, table.assign_id.is_not(None))
            .where(table.access_id.is_(None), *older)
            .order_by(table.id.desc())
            .limit(limit)
        )
        return [UnroutedMessage(*row) for row in rows]


def assign(
    engine: Engine,
    message_id: int,
    access: str,
    *,
    dialects: Mapping[str, type[msgspec.Struct]],
    actor: str,
    now: float,
) -> None:
    """
    Assign an unrouted message to an access, ``dialect:identifier``.

    Raises AdminError when the message is not unrouted or is assigned already, and for
    an access that does not exist or gets no messages from phones.
    """
    inbound, owner = schema.inbound, schema.access
    dialect, _, identifier = access.partition(":")
    with immediate(engine) as connection:
        row = connection.execute(
            select(owner).where(
                owner.c.dialect == dialect, owner.c.identifier == identifier
            )
        ).one_or_none()
        if row is None:
            raise AdminError(f"there is no access {access}")
        if not is_two_way(dialect, msgspec.json.decode(row.settings), dialects):
            raise AdminError(f"access {access} is not two_way")
        updated = connection.execute(
            update(inbound)
            .where(
                inbound.c.id == message_id,
                inbound.c.access_id.is_(None),
                inbound.c.assign_id.is_(None),
            )
            .values(assign_id=row.id)
        )
        if updated.rowcount != 1:
            raise AdminError(f"message {message_id} is not unrouted, or is assigned")
        act = f"assigned message {message_id} from a phone to access {access}"
        write_audit(connection, actor, [act], now)
