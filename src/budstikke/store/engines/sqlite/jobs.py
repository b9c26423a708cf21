"""
Jobs of the writer: a verb, and the terms on which it is run and committed.

The writer may hang: stopped, or in a disk that does not answer. A customer is refused
then, and what was refused must not be sent. So a job for which a customer waits carries
the time until which it may be committed, by the monotonic clock, which all processes of
a machine share: the writer does not begin it later, and takes it back if it is late
when all is ready for the commit. Only what was in the commit itself, and took longer
than ``WAIT`` allows for that, is stored without its customer knowing; the engine
withdraws it.
"""

from __future__ import annotations

import time
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from budstikke.store.contract import StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from budstikke.store.engines.sqlite.connection import Connection

    Job = tuple[Callable[..., Any], tuple[Any, ...]]
    """A function and its arguments, without the connection."""

WITHIN = 5.0
"""Seconds until the commit of what a customer waits for."""

WAIT = 7.0
"""Seconds that a customer waits: two more, for the commit itself."""

ID_BLOCK = 10_000
"""Ids set aside at a time; what is left of a block at a stop is never used."""

SAVE_NEXT_ID = "UPDATE meta SET value = ?1 WHERE key = 'next_id'"


class Terms(NamedTuple):
    """
    The terms of a job.

    Attributes:
        until: When it must be ready for the commit, by the monotonic clock.
        next_id: Where the ids end that were given so far: the block of ids that begins
            there is saved with the job, which may store one of them; ``None``: a block
            that was saved has them all.
        to_disk: Its commit waits for the disk, whatever ``durability`` is.

    """

    until: float = inf
    next_id: int | None = None
    to_disk: bool = False


async def run(
    connection: Connection,
    terms: Terms,
    verb: Callable[..., Coroutine[Any, Any, Any]],
    *args: object,
) -> Any:
    """Run a verb on these terms; raises StoreUnavailable if it is too late for it."""
    if time.monotonic() > terms.until:
        raise StoreUnavailable("it waited too long for the database writer")
    if terms.next_id is not None:
        connection.raw.execute(SAVE_NEXT_ID, (str(terms.next_id + ID_BLOCK),))
    return await verb(connection, *args)
