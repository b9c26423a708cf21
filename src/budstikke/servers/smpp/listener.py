"""
The SMPP server for customers: takes connections, checks logins, counts binds.

It runs in the gateway's own process, beside the binds to operators, so that a submit_sm
is committed with the requests of all other customers.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from budstikke import metrics
from budstikke.domain.refusal import Refusal, RefusalCode
from budstikke.servers.addresses import neighbourhood, within
from budstikke.servers.smpp.limits import RateLimits
from budstikke.servers.smpp.requests import Requests
from budstikke.servers.smpp.segments import SegmentJoiner
from budstikke.servers.smpp.session import SmppSession
from budstikke.smpp import Timing

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable, Sequence

    from budstikke.dialects.contract import Login
    from budstikke.dialects.smpp.settings import Settings
    from budstikke.domain.directory import Access, Directory
    from budstikke.servers.auth import Caller
    from budstikke.servers.contract import Authenticates, HandlesQueries, TakesOrders
    from budstikke.servers.smpp.receivers import Receivers

Key = TypeVar("Key")

HANDSHAKE: Final = 10.0
"""Seconds for a TLS handshake."""

LAST_RESPONSES: Final = 10.0
"""Seconds that a stop waits until all requests are answered and all have unbound."""


class ListenerLimits(NamedTuple):
    """
    The limits of a listener.

    Attributes:
        connections: The most at a time.
        per_address: The most of one address (of IPv6: of one /64).
        bind_timeout: Seconds from the connection to its bind.
        enquire_link: Seconds of silence after which a session sends enquire_link.
        response_timeout: Seconds that a session waits for a response.

    """

    connections: int = 5000
    per_address: int = 100
    bind_timeout: float = 10.0
    enquire_link: float = 30.0
    response_timeout: float = 10.0


class SmppListener:
    """
    The SMPP server.

    Args:
        directory: Gives the directory as it is now.
        authenticator: Decides who may.
        acceptor: Takes orders.
        query_handler: Answers queries and commands.
        receivers: Gets the sessions that may receive.
        limits: See there.
        tls: The server's certificate, and whether clients need one; ``None``: no TLS.
        clock: Unix seconds.

    """

    def __init__(
        self,
        *,
        directory: Callable[[], Directory],
        authenticator: Authenticates,
        acceptor: TakesOrders,
        query_handler: HandlesQueries,
        receivers: Receivers,
        limits: ListenerLimits,
        clock: Callable[[], float],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.receivers = receivers
        self.secure = tls is not None
        self.timing = Timing(
            session_init=limits.bind_timeout,
            enquire_link=limits.enquire_link,
            response=limits.response_timeout,
        )
        self.requests = Requests(
            directory=directory,
            joiner=SegmentJoiner(acceptor),
            queries=query_handler,
            rates=RateLimits(time.monotonic),
            clock=clock,
        )
        self._directory = directory
        self._authenticator = authenticator
        self._limits = limits
        self._tls = tls
        self._sessions: set[SmppSession] = set()
        self._addresses: Counter[str] = Counter()
        self._binds: Counter[int] = Counter()
        self._servers: list[asyncio.Server] = []
        self._gone = asyncio.Event()

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Take connections on sockets that listen."""
        loop = asyncio.get_running_loop()
        for each in sockets:
            server = await loop.create_server(
                lambda: SmppSession(self).connection,
                sock=each,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE if self._tls else None,
            )
            self._servers.append(server)

    async def stop(self) -> None:
        """Take no more connections, answer what is under way, and unbind everybody."""
        for server in self._servers:
            server.close()
        for session in tuple(self._sessions):
            session.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_RESPONSES):
                while self._sessions:
                    self._gone.clear()
                    await self._gone.wait()
        for session in tuple(self._sessions):
            session.cut()

    def directory_changed(self) -> None:
        """Unbind the sessions that could not bind again with the login they gave."""
        for session in tuple(self._sessions):
            if session.access_id and not self._may_stay(session):
                session.stop()

    def _may_stay(self, session: SmppSession) -> bool:
        try:
            access = self.requests.access(session.access_id)
        except Refusal:
            return False
        return (
            access.secret == session.secret
            and (self.secure or not access.require_https)
            and (not access.networks or within(session.client, access.networks))
        )

    # What sessions call

    def entered(self, session: SmppSession) -> bool:
        """Count a connection; ``False``: there are too many."""
        whose = neighbourhood(session.client)
        if (
            len(self._sessions) >= self._limits.connections
            or self._addresses[whose] >= self._limits.per_address
        ):
            return False
        self._sessions.add(session)
        self._addresses[whose] += 1
        return True

    def left(self, session: SmppSession) -> None:
        """Uncount a connection that has ended."""
        if session not in self._sessions:
            return
        self._sessions.remove(session)
        _drop(self._addresses, neighbourhood(session.client))
        if session.access_id:
            _drop(self._binds, session.access_id)
            metrics.smpp_sessions.dec()
        self._gone.set()

    async def log_in(self, login: Login, caller: Caller) -> Access:
        """Find and check an access; raises Refusal."""
        access = self._directory().login(caller.dialect, login.identifier)
        if not self._authenticator.check_now(access, login.secret, caller):
            await self._authenticator.check(access, login.secret, caller)
        assert access is not None  # noqa: S101 - check refuses it
        return access

    def bound(self, session: SmppSession, access: Access) -> None:
        """Count a bind; raises Refusal if the access has too many."""
        settings: Settings = access.settings
        if self._binds[access.id] >= settings.max_binds:
            raise Refusal(RefusalCode.TOO_MANY_REQUESTS)
        self._binds[access.id] += 1
        session.access_id, session.secret = access.id, access.secret
        metrics.smpp_sessions.inc()


def _drop(counts: Counter[Key], key: Key) -> None:
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
