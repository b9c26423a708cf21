"""
Connections, transactions, and what becomes of a verb when PostgreSQL goes away.

A job is a coroutine that is given a connection inside a transaction. It may be run
again, after a rollback: when it lost against another node (a deadlock), or when its
connection turned out to be dead before it had committed, as all of a pool's are after
a fail-over. One whose commit was not answered is not run again: it may have happened.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import asyncpg

from budstikke.store.contract import Pulse, StoreUnavailable
from budstikke.store.engines.postgres.connection import Connection
from budstikke.store.engines.postgres.failing import (
    BEATEN,
    LOST,
    CommitUnknown,
    Lost,
    is_gone,
    is_lost,
)
from budstikke.store.verbs.bounds import PartitionBounds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from budstikke.store.contract.durability import Durability


log = logging.getLogger("budstikke.store")

T = TypeVar("T")

MOST_CONNECTIONS = 8
"""Of a node; each is a process of the server. The path uses three or four at once."""

STATEMENT_TIMEOUT = 15.0
"""Seconds that a statement may run or wait; no verb takes one of them on purpose."""

ANSWER_TIMEOUT = 20.0
"""Seconds after which a server that says nothing is taken for dead."""

WITHIN = 20.0
"""Seconds that a verb may take until its commit, and as long again for that."""

ACCEPT_WITHIN = 5.0
"""The same for what somebody waits for whom a "not now" helps."""

ATTEMPTS = 5
"""How often a job is run that loses against others."""

RECONNECTS = 2
"""How often a job is run anew because its connection was dead."""

IDLE_TIMEOUT = 10.0
"""Seconds after which the server ends a transaction of which it hears no more."""

SERVER_SETTINGS = {
    "application_name": "budstikke",
    "statement_timeout": str(int(STATEMENT_TIMEOUT * 1000)),
    "idle_in_transaction_session_timeout": str(int(IDLE_TIMEOUT * 1000)),
    # Every statement of a verb goes by index from the rows of its batch. The planner
    # must not think of anything else while statistics are young (a new database, a new
    # partition), and must look again at each table's size: a plan that goes through a
    # table and is kept with its statement gets slower as the table grows.
    "plan_cache_mode": "force_custom_plan",
    "random_page_cost": "1.1",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_bitmapscan": "off",
    "enable_material": "off",
    "jit": "off",
}

SYNCHRONOUS_COMMIT: Mapping[Durability, dict[str, str]] = {
    "power": {},  # as the server has it
    "process": {"synchronous_commit": "off"},
}
"""What a node's sessions say about commits, for each durability."""

WAIT_FOR_DISK = "SELECT set_config('synchronous_commit', 'on', true)"
"""Has this transaction's commit wait for the server's disk, as by default."""

LANDING = STATEMENT_TIMEOUT + IDLE_TIMEOUT
"""
Seconds in which it is found out whether a commit that was not answered happened.

By then a server that can be reached has ended its transaction, one way or the other.
"""

WAIT_FOR_ITS_END = "SET LOCAL lock_timeout = '2s'"
"""For a transaction that may not have ended; then others have the connection."""


class _Looked(Exception):  # noqa: N818 - what ends a transaction that only looks
    """What was found out about a commit."""

    def __init__(self, *, committed: bool) -> None:
        super().__init__()
        self.committed = committed


class Client:
    """
    The connections of a node.

    Args:
        url: As asyncpg takes it; several hosts and ``target_session_attrs`` as well.
        durability: What a commit survives.

    """

    def __init__(self, url: str, durability: Durability = "power") -> None:
        self._url = url
        self._session = SERVER_SETTINGS | SYNCHRONOUS_COMMIT[durability]
        self._waits = durability == "power"
        self._pool: asyncpg.Pool[Any] | None = None
        self.pulse = Pulse()
        self.node_id = 0
        """The node in whose name verbs claim and lease; 0 until it is known."""
        self.bounds = PartitionBounds()
        self.lost = 0
        """How often the server went away in the middle of something."""

    async def open(self) -> None:
        """Connect; raises StoreUnavailable."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=MOST_CONNECTIONS,
                timeout=ANSWER_TIMEOUT,
                command_timeout=ANSWER_TIMEOUT,
                statement_cache_size=512,
                server_settings=self._session,
                # The server undoes what a job left in its session by ending the
                # transaction; asking it each time would cost a round trip a verb.
                reset=_keep,
            )
        except Exception as error:
            if is_lost(error):
                raise StoreUnavailable(str(error) or type(error).__name__) from error
            raise

    async def close(self) -> None:
        """Disconnect when what was begun is done."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), STATEMENT_TIMEOUT)
            except (TimeoutError, *LOST):
                pool.terminate()

    async def connect(self) -> asyncpg.Connection[Any]:
        """Make a connection that is in no pool, to listen and to hold locks."""
        return await asyncpg.connect(
            self._url, timeout=ANSWER_TIMEOUT, server_settings=self._session
        )

    async def write(
        self,
        job: Callable[[Connection], Awaitable[T]],
        again: Callable[[Connection], Awaitable[None]] | None = None,
        within: float = WITHIN,
    ) -> T:
        """
        Run a job in a transaction; when this returns, what it did is durable.

        ``again`` inserts once more what the job has stored: it is run if the server
        went away before it had said that it has committed, and fails if it has. After
        ``within`` seconds the job is given up: before the commit that is certain, and
        after as long again for the commit as if the server had gone away.

        Raises StoreUnavailable: nothing was stored, nor will be; and, with ``again``,
        CommitUnknown when that could not be found out.
        """
        try:
            return await self._run(job, _in_transaction, within)
        except Lost as lost:
            if lost.done and again is not None and await self._landed(again):
                result: T = lost.done[0]
                return result
            raise self._noted(lost.as_store_error()) from lost

    async def write_to_disk(self, job: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a job as ``write``; its commit waits for the disk in any case."""
        return await self.write(self.to_disk(job))

    async def write_one_to_disk(self, job: Callable[[Connection], Awaitable[T]]) -> T:
        """Likewise for a job of one statement, which in `power` needs no BEGIN."""
        return await (self.read(job) if self._waits else self.write_to_disk(job))

    def to_disk(
        self, job: Callable[[Connection], Awaitable[T]]
    ) -> Callable[[Connection], Awaitable[T]]:
        """Make a job for ``write`` whose commit waits for the disk in any case."""
        if self._waits:
            return job

        async def waiting(connection: Connection) -> T:
            await connection.value(WAIT_FOR_DISK)
            return await job(connection)

        return waiting

    async def _landed(self, again: Callable[[Connection], Awaitable[None]]) -> bool:
        """Tell whether a commit happened; it will not when this says no."""
        try:
            async with asyncio.timeout(LANDING):
                while True:
                    with contextlib.suppress(StoreUnavailable):
                        return await self._looked(again)
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            unknown = CommitUnknown("the database does not say what was committed")
            raise self._noted(unknown) from error

    async def _looked(self, again: Callable[[Connection], Awaitable[None]]) -> bool:
        """Insert once more, and take it back; raises StoreUnavailable."""

        async def job(connection: Connection) -> None:
            await connection.raw.execute(WAIT_FOR_ITS_END)
            try:
                await again(connection)
            except asyncpg.UniqueViolationError:
                raise _Looked(committed=True) from None
            except asyncpg.LockNotAvailableError as error:
                raise StoreUnavailable("its transaction has not ended") from error
            raise _Looked(committed=False)

        try:
            await self.write(job)
        except _Looked as looked:
            return looked.committed
        raise AssertionError

    async def read(self, job: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a job of which each statement stands alone."""
        return await self._look(job, _alone)

    async def snapshot(self, job: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a job that only reads, and all of it in one state of the database."""
        return await self._look(job, _in_snapshot)

    async def _look(self, job: Callable[[Connection], Awaitable[T]], how: _How) -> T:
        try:
            return await self._run(job, how, WITHIN)
        except Lost as lost:
            raise self._noted(lost.as_store_error()) from lost

    def _noted(self, error: StoreUnavailable) -> StoreUnavailable:
        self.pulse.failed(error)
        return error

    async def _run(
        self, job: Callable[[Connection], Awaitable[T]], how: _How, within: float
    ) -> T:
        beaten = reconnected = 0
        until = time.monotonic() + within

        def begun(raw: Any) -> Awaitable[T]:
            return job(Connection(raw, self.node_id, self.bounds))

        while True:
            try:
                return await self._once(begun, how, until, within)
            except BEATEN as error:
                beaten += 1
                if beaten >= ATTEMPTS:
                    raise StoreUnavailable(str(error)) from error
                await asyncio.sleep(random.random() * 0.02 * beaten)  # noqa: S311
            except Lost as lost:
                reconnected += 1
                late = time.monotonic() >= until
                if lost.done or late or reconnected > RECONNECTS:
                    raise

    async def _once(
        self,
        job: Callable[[Any], Awaitable[T]],
        how: _How,
        until: float,
        within: float,
    ) -> T:
        pool = self._pool
        if pool is None:
            raise StoreUnavailable("the store is closed")
        try:
            async with pool.acquire(timeout=_left(until)) as raw:
                try:
                    result: T = await how(raw, job, until, within)
                except Exception as error:
                    # Whatever it is: uvloop has a RuntimeError for a dead transport.
                    if is_gone(raw) and not isinstance(error, Lost):
                        raise Lost(error) from error
                    raise
                return result
        except Lost:
            await self._expire(pool)
            raise
        except Exception as error:
            if not is_lost(error):
                raise
            await self._expire(pool)
            raise Lost(error) from error

    async def _expire(self, pool: asyncpg.Pool[Any]) -> None:
        """Use none of the connections that there are again: the server is another."""
        self.lost += 1
        if pool is self._pool and pool is not None:
            await pool.expire_connections()


def _left(until: float) -> float:
    """Tell how many seconds are left; never none, since that would be no limit."""
    return max(until - time.monotonic(), 0.001)


@asynccontextmanager
async def _bounded(raw: Any, seconds: float) -> AsyncIterator[None]:
    """
    Give what is asked of a server so long.

    A connection whose question was given up is of no use, and a server that says
    nothing would not answer either when it is asked to cancel it.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except (TimeoutError, asyncio.CancelledError) as error:
        raw.terminate()
        if isinstance(error, TimeoutError):
            raise TimeoutError(f"no answer in {seconds:.0f} s") from error
        raise


async def _in_transaction(
    raw: Any,
    job: Callable[[Any], Awaitable[T]],
    until: float,
    within: float,
    **kind: Any,
) -> T:
    transaction = raw.transaction(**kind)
    try:
        async with _bounded(raw, _left(until)):
            await transaction.start()
            result = await job(raw)
    except BaseException:
        if not is_gone(raw):
            await transaction.rollback()
        raise
    try:
        async with _bounded(raw, within):
            await transaction.commit()
    except BEATEN:
        raise
    except Exception as error:
        if is_lost(error) or is_gone(raw):
            raise Lost(error, result) from error
        raise
    return result


async def _in_snapshot(
    raw: Any, job: Callable[[Any], Awaitable[T]], until: float, within: float
) -> T:
    kind = {"isolation": "repeatable_read", "readonly": True}
    return await _in_transaction(raw, job, until, within, **kind)


async def _alone(
    raw: Any, job: Callable[[Any], Awaitable[T]], until: float, _within: float
) -> T:
    async with _bounded(raw, _left(until)):
        return await job(raw)


async def _keep(_: Any) -> None:
    """Leave a connection as it is when it goes back to the pool."""


if TYPE_CHECKING:
    _How = Callable[
        [Any, Callable[[Any], Awaitable[Any]], float, float], Awaitable[Any]
    ]
