"""Classes of PostgreSQL's errors: no server, a lost race, damage, or a bug."""

from __future__ import annotations

from typing import Any

import asyncpg

from budstikke.store.contract import StoreDamaged, StoreUnavailable

LOST = (
    asyncpg.PostgresConnectionError,  # 08
    asyncpg.InvalidAuthorizationSpecificationError,  # 28: perhaps of another host
    asyncpg.InsufficientResourcesError,  # 53: disk full, too many connections
    asyncpg.OperatorInterventionError,  # 57: shutdown, starting up, timed out
    asyncpg.PostgresSystemError,  # 58: input or output failed
    asyncpg.ReadOnlySQLTransactionError,  # it is a replica now
    asyncpg.InvalidCatalogNameError,
    asyncpg.LockNotAvailableError,
    asyncpg.InternalServerError,  # XX: it cannot read its files
    asyncpg.InternalClientError,  # among others: no host accepts writes
    OSError,
    TimeoutError,
)
"""The database cannot be used now."""

BEATEN = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""Another transaction was given precedence."""

DAMAGED = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)
"""A page cannot be read."""


class CommitUnknown(StoreUnavailable):
    """It is unknown whether a transaction was committed, or will be."""


class Lost(Exception):  # noqa: N818 - a state of affairs
    """The database cannot be used; ``done``: the result, which may be committed."""

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
    """Whether an error means that the database cannot be used now."""
    if isinstance(error, asyncpg.InterfaceError):  # "connection is closed" is one
        return not isinstance(error, asyncpg.DataError)
    return isinstance(error, LOST)


def is_gone(raw: Any) -> bool:
    """Whether a pooled connection is closed, or the pool has it back."""
    try:
        closed: bool = raw.is_closed()
    except asyncpg.InterfaceError:
        return True
    return closed
