"""
Connections and transactions, and what happens to a verb when PostgreSQL goes away.

A job is a coroutine that gets a connection in a transaction. After a rollback it may
run again: when it lost a deadlock against another node, or when its connection was dead
before the commit, as all connections are after a fail-over. A job whose commit got no
answer does not run again: it may be committed.
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
"""Connections of a node; each is a process of the server. Three or four are busy."""

STATEMENT_TIMEOUT = 15.0
"""Seconds that a statement may run or wait; no verb needs nearly as long."""

ANSWER_TIMEOUT = 20.0
"""Seconds without an answer after which a server counts as dead."""

WITHIN = 20.0
"""Seconds that a verb may take until its commit, and the commit as well."""

ACCEPT_WITHIN = 5.0
"""The same for an order, whose customer can try again after a refusal."""

ATTEMPTS = 5
"""Runs of a job that loses against other transactions."""

RECONNECTS = 2
"""Further runs of a job because its connection was dead."""

IDLE_TIMEOUT = 10.0
"""Seconds after which the server ends a transaction that is idle."""

SERVER_SETTINGS = {
    "application_name": "budstikke",
    "statement_timeout": str(int(STATEMENT_TIMEOUT * 1000)),
    "idle_in_transaction_session_timeout": str(int(IDLE_TIMEOUT * 1000)),
    # Each statement of a verb uses indexes from the rows of its batch. The planner must
    # not choose otherwise while statistics are young (a new database or partition), and
    # must plan anew by each table's size: a kept plan that scans a table gets slower as
    # it grows.
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
    "power": {},  # the server's own setting
    "process": {"synchronous_commit": "off"},
}
"""Settings of a node's sessions, by durability."""

WAIT_FOR_DISK = "SELECT set_config('synchronous_commit', 'on', true)"
"""Makes this transaction's commit wait for the server's disk."""

LANDING = STATEMENT_TIMEOUT + IDLE_TIMEOUT
"""
Seconds within which to find out whether a commit without an answer happened.

By then a server that can be reached has ended its transaction, one way or the other.
"""

WAIT_FOR_ITS_END = "SET LOCAL lock_timeout = '2s'"
"""For a transaction that may still be open; others can have the connection then."""


class _Looked(Exception):  # noqa: N818 - what ends a transaction that only looks
    """The outcome of a commit, raised to end a transaction that only looks for it."""

    def __init__(self, *, committed: bool) -> None:
        super().__init__()
        self.committed = committed


class Client:
    """
    The connections of a node.

    Args:
        url: For asyncpg; it may have several hosts and ``target_session_attrs``.
        durability: What a commit survives.

    """

    def __init__(self, url: str, durability: Durability = "power") -> None:
        self._url = url
        self._session = SERVER_SETTINGS | SYNCHRONOUS_COMMIT[durability]
        self._waits = durability == "power"
        self._pool: asyncpg.Pool[Any] | None = None
        self.pulse = Pulse()
        self.node_id = 0
        """The node of this process, for claims and leases; 0 until it is known."""
        self.bounds = PartitionBounds()
        self.lost = 0
        """How often the server went away during a job."""
        self.unheard_leases: set[float] = set()
        """Ends of leases, Unix seconds, whose commit got no answer."""

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
                # The server undoes a job's session settings by ending the transaction;
                # to reset them explicitly would cost a round trip for each verb.
                reset=_keep,
            )
        except Exception as error:
            if is_lost(error):
                raise StoreUnavailable(str(error) or type(error).__name__) from error
            raise

    async def close(self) -> None:
        """Disconnect once all jobs have ended."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                await asyncio.wait_for(pool.close(), STATEMENT_TIMEOUT)
            except (TimeoutError, *LOST):
                pool.terminate()

    async def connect(self) -> asyncpg.Connection[Any]:
        """Make a connection outside the pool, to listen and to hold locks."""
        return await asyncpg.connect(
            self._url, timeout=ANSWER_TIMEOUT, server_settings=self._session
        )

    async def write(
        self, job: _Job[T], again: _Job[None] | None = None, within: float = WITHIN
    ) -> T:
        """
        Run a job in a transaction; its work is durable when this returns.

        ``again`` inserts the job's rows once more. It runs if the server went away
        during the commit, and fails if the rows are there. After ``within`` seconds the
        job is given up; after as long again the commit, as if the server had gone away.

        Raises StoreUnavailable: nothing was or will be stored; or, with ``again``,
        CommitUnknown if that could not be found out.
        """
        leases: set[float] = set()
        try:
            return await self._run(job, _in_transaction, within, leases)
        except Lost as lost:
            if lost.done and again is not None and await self._landed(again):
                result: T = lost.done[0]
                return result
            if lost.done:
                self.unheard_leases |= leases
            raise self._noted(lost.as_store_error()) from lost

    async def write_to_disk(self, job: _Job[T]) -> T:
        """Run a job as ``write`` does, with a commit that waits for the disk."""
        return await self.write(self.to_disk(job))

    async def write_one_to_disk(self, job: _Job[T]) -> T:
        """Likewise for a job of one statement, which needs no BEGIN with `power`."""
        return await (self.read(job) if self._waits else self.write_to_disk(job))

    def to_disk(self, job: _Job[T]) -> _Job[T]:
        """Make a job for ``write`` whose commit waits for the disk."""
        if self._waits:
            return job

        async def waiting(connection: Connection) -> T:
            await connection.value(WAIT_FOR_DISK)
            return await job(connection)

        return waiting

    async def _landed(self, again: _Job[None]) -> bool:
        """Return whether a commit happened; if not, it will not happen later."""
        try:
            async with asyncio.timeout(LANDING):
                while True:
                    with contextlib.suppress(StoreUnavailable):
                        return await self._looked(again)
                    await asyncio.sleep(0.2)
        except TimeoutError as error:
            unknown = CommitUnknown("the database does not say what was committed")
            raise self._noted(unknown) from error

    async def _looked(self, again: _Job[None]) -> bool:
        """Insert the rows once more and roll back; raises StoreUnavailable."""

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

    async def read(self, job: _Job[T]) -> T:
        """Run a job in which each statement is its own transaction."""
        return await self._look(job, _alone)

    async def snapshot(self, job: _Job[T]) -> T:
        """Run a job that only reads, in one state of the database."""
        return await self._look(job, _in_snapshot)

    async def _look(self, job: _Job[T], how: _How) -> T:
        try:
            return await self._run(job, how, WITHIN, set())
        except Lost as lost:
            raise self._noted(lost.as_store_error()) from lost

    def _noted(self, error: StoreUnavailable) -> StoreUnavailable:
        self.pulse.failed(error)
        return error

    async def _run(
        self, job: _Job[T], how: _How, within: float, leases: set[float]
    ) -> T:
        beaten = reconnected = 0
        until = time.monotonic() + within

        def begun(raw: Any) -> Awaitable[T]:
            return job(Connection(raw, self.node_id, self.bounds, leases))

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
                    # Any exception: uvloop raises RuntimeError for a dead transport.
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
        """Stop using the present connections: the server is another one."""
        self.lost += 1
        if pool is self._pool and pool is not None:
            await pool.expire_connections()


def _left(until: float) -> float:
    """Return the seconds that are left; never 0, which would mean no limit."""
    return max(until - time.monotonic(), 0.001)


@asynccontextmanager
async def _bounded(raw: Any, seconds: float) -> AsyncIterator[None]:
    """
    Limit how long a server may take to answer.

    A connection with an abandoned query is useless, and a silent server would not
    answer a request to cancel it either.
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
    """Leave a connection as it is when it returns to the pool."""


if TYPE_CHECKING:
    _Job = Callable[[Connection], Awaitable[T]]
    _How = Callable[
        [Any, Callable[[Any], Awaitable[Any]], float, float], Awaitable[Any]
    ]
