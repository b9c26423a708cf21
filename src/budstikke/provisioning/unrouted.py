"""
Messages from phones that are nobody's: looking at them, and giving them to somebody.

Everything here waits for the database. A gateway that serves routes what was given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import Engine, select, update

from budstikke.provisioning.accounts import AccountError
from budstikke.provisioning.audit import write_audit
from budstikke.provisioning.resources.accesses import is_two_way
from budstikke.store import schema
from budstikke.store.admin import immediate

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Stray:
    """
    A message that is nobody's.

    ``given`` says that an administrator gave it to an access that was not told yet.
    """

    id: int
    at: float
    recipient: str
    originator: str
    kind: str
    text: str
    given: bool


def unrouted(engine: Engine, *, limit: int, before: int | None = None) -> list[Stray]:
    """List the newest, with ids below ``before``."""
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
        return [Stray(*row) for row in rows]


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
    Give a message to an access, ``dialect:identifier``.

    Raises AccountError when it is not in the tray any more, and for an access that
    is not there or gets no messages from phones.
    """
    inbound, owner = schema.inbound, schema.access
    dialect, _, identifier = access.partition(":")
    with immediate(engine) as connection:
        found = connection.execute(
            select(owner).where(
                owner.c.dialect == dialect, owner.c.identifier == identifier
            )
        ).one_or_none()
        if found is None:
            raise AccountError(f"there is no access {access}")
        if not is_two_way(dialect, msgspec.json.decode(found.settings), dialects):
            raise AccountError(f"access {access} is not two_way")
        given = connection.execute(
            update(inbound)
            .where(
                inbound.c.id == message_id,
                inbound.c.access_id.is_(None),
                inbound.c.assign_id.is_(None),
            )
            .values(assign_id=found.id)
        )
        if given.rowcount != 1:
            raise AccountError(f"no message {message_id} waits in the tray")
        act = f"gave message {message_id} from a phone to access {access}"
        write_audit(connection, actor, [act], now)
