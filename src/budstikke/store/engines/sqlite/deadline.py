"""
Deadlines of what somebody waits for: it is done in time, or not at all.

The writer may hang: stopped, or in a disk that does not answer. A customer is refused
then, and what was refused must not be sent. So such a job carries the time until which
it may be committed, by the monotonic clock, which all processes of a machine share: the
writer does not begin it later, and takes it back if it is late when all is ready for
the commit. Only what was in the commit itself, and took longer than ``GRACE`` for that,
is stored without its customer knowing; ``late`` hears of it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, TypeVarTuple, overload

from budstikke.store.contract import StoreUnavailable
from budstikke.store.engines.sqlite.connection import call

if TYPE_CHECKING:
    import sqlite3
    from asyncio import Future
    from collections.abc import Callable, Coroutine, Sequence

    from budstikke.store.engines.sqlite.connection import Connection

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = logging.getLogger("budstikke.store")

WITHIN = 5.0
"""Seconds until the commit."""

GRACE = 2.0
"""Seconds for the commit itself."""


class Runs(Protocol):
    """A writer."""

    def run(self, function: Callable[..., T], /, *args: Any) -> Future[T]:
        """Do a job."""


async def until(
    connection: Connection, end: float, function: Callable[..., Any], *args: object
) -> Any:
    """Do a job unless it is too late for it; ``end``: by the monotonic clock."""
    if time.monotonic() > end:
        raise StoreUnavailable("it waited too long for the database writer")
    return call(connection, function, *args)


def check(jobs: Sequence[tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
    """Raise StoreUnavailable if it is too late for one of these to be committed."""
    ends = [arguments[0] for function, arguments in jobs if function is until]
    if ends and time.monotonic() > min(ends):
        raise StoreUnavailable("the database writer took too long")


@overload
async def in_time(
    writer: Runs,
    late: Callable[[T], None] | None,
    function: Callable[[Connection, *Ts], Coroutine[Any, Any, T]],
    *args: *Ts,
) -> T: ...


@overload
async def in_time(
    writer: Runs,
    late: Callable[[T], None] | None,
    function: Callable[[sqlite3.Connection, *Ts], T],
    *args: *Ts,
) -> T: ...


async def in_time(
    writer: Runs,
    late: Callable[[Any], None] | None,
    function: Callable[[Any, *Ts], Any],
    *args: *Ts,
) -> Any:
    """
    Do a job in time, or raise StoreUnavailable.

    ``late`` hears its result if it was done after all.
    """
    future: Future[Any] = writer.run(until, time.monotonic() + WITHIN, function, *args)
    try:
        done, _ = await asyncio.wait([future], timeout=WITHIN + GRACE)
    except asyncio.CancelledError:
        future.cancel()
        raise
    if done:
        return future.result()
    future.add_done_callback(partial(_late, late))
    raise StoreUnavailable(f"the writer has not answered for {WITHIN + GRACE:.0f} s")


def _late(late: Callable[[T], None] | None, future: Future[T]) -> None:
    if future.cancelled() or future.exception() is not None:
        return  # as it should be
    log.error("an order was stored after its customer was refused")
    if late is not None:
        late(future.result())
