"""What PostgreSQL's errors mean: a bug, a lost race, or a server that is not there."""

from __future__ import annotations

from typing import Any

import asyncpg

from budstikke.store.contract import StoreDamaged, StoreUnavailable

LOST = (
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.InvalidAuthorizationSpecificationError,  # 28: the other host's, perhaps
    asyncpg.InsufficientResourcesError,  # 53: disk full, too many connections
    asyncpg.OperatorInterventionError,  # 57: shutdown, starting up, timed out
    asyncpg.PostgresSystemError,  # 58: input or output failed
    asyncpg.ReadOnlySQLTransactionError,  # it is a replica now
    asyncpg.InvalidCatalogNameError,
    asyncpg.LockNotAvailableError,
    asyncpg.InternalServerError,  # XX: it cannot read its own files
    asyncpg.InternalClientError,  # no host may be written to, among others
    OSError,
    TimeoutError,
)
"""What says that the database cannot be used now."""

BEATEN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What says that another transaction was let go first."""

DAMAGED = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)
"""What says that a page cannot be read."""


class CommitUnknown(StoreUnavailable):
    """Nobody can tell now whether a transaction was committed, or will be."""


class Lost(Exception):  # noqa: N818 - a state of affairs
    """The database cannot be used; ``done``: it may have committed this result."""

    def __init__(self, why: BaseException, *done: Any) -> None:
        super().__init__(str(why) or type(why).__name__)
        self.why = why
        self.done = done

    def as_store_error(self) -> StoreUnavailable:
        """Return the error of the store contract for it."""
        if isinstance(self.why, DAMAGED):
            return StoreDamaged(f"the database is damaged: {self}")
        return StoreUnavailable(str(self))


def is_lost(error: BaseException) -> bool:
    """Tell whether an error says that the database cannot be used now."""
    if isinstance(error, asyncpg.InterfaceError):  # "connection is closed" is one
        return not isinstance(error, asyncpg.DataError)
    return isinstance(error, LOST)


def is_gone(raw: Any) -> bool:
    """Tell whether a connection of the pool is closed; the pool may have it back."""
    try:
        closed: bool = raw.is_closed()
    except asyncpg.InterfaceError:
        return True
    return closed
