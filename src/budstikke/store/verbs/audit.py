"""The audit line that every act leaves, in the transaction of the act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from budstikke.store.verbs.statement import statement

if TYPE_CHECKING:
    from budstikke.store.contract.users import Act
    from budstikke.store.verbs.connection import Connection

AUDIT = statement("INSERT INTO audit (at, actor, act) VALUES ($1, $2, $3)")


async def record_act(connection: Connection, by: Act, what: str) -> None:
    """Record what somebody did, without secrets."""
    await connection.execute(AUDIT, by.at, by.actor, what)
