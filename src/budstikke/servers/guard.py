"""
What a gateway grants to those who call: connections, and room for bodies.

An address is a neighbourhood: an IPv4 address, or a /64 of IPv6, since whoever has one
address of those has all. Trusted proxies stand for many, and are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from budstikke.servers.addresses import neighbourhood, within
from budstikke.servers.limits import Counts, OwnCounts

if TYPE_CHECKING:
    import asyncio

    from budstikke.servers.addresses import Network

MOST_CONNECTIONS = 512
"""Connections of one address."""

MOST_BODIES = 64 * 1024 * 1024
"""Octets of all bodies in memory, without the beginning of each."""

EVERY = 1.0
"""Seconds between checks of all connections."""


class Watched(Protocol):
    """A connection that is checked for timeouts."""

    def look(self, now: float) -> None:
        """Close it if it has timed out; ``now``: the loop's time, seconds."""


EVERYBODY = ""
"""Key of the sum over all addresses."""


class Taken(NamedTuple):
    """Use of the limits: connections, and octets of bodies, by address."""

    connections: Counts
    bodies: Counts


class Guard:
    """
    Counts connections and octets; use from one event loop.

    One timer checks all connections, so that a request needs no timer of its own.

    Args:
        connections: The most of one address.
        bodies: The most octets of bodies in memory at a time; one address may use half.
        trusted: Networks of our proxies.
        taken: Use of the limits by all processes; ``None``: by this one alone.

    """

    def __init__(
        self,
        *,
        connections: int = MOST_CONNECTIONS,
        bodies: int = MOST_BODIES,
        trusted: tuple[Network, ...] = (),
        taken: Taken | None = None,
    ) -> None:
        self._most = connections
        self._room = bodies
        self._trusted = trusted
        self._connections, self._bodies = taken or Taken(OwnCounts(), OwnCounts())
        self._watched: set[Watched] = set()
        self._timer: asyncio.TimerHandle | None = None

    def whose(self, peer: str) -> str:
        """Find the address that a connection counts for; empty: none."""
        trusted = self._trusted and within(peer, self._trusted)
        return "" if trusted else neighbourhood(peer)

    def enter(self, address: str) -> bool:
        """Count a connection; ``False``: it exceeds the limit and is not counted."""
        if not address or self._connections.add(address) <= self._most:
            return True
        self._connections.drop(address)
        return False

    def leave(self, address: str) -> None:
        """Uncount a connection."""
        if address:
            self._connections.drop(address)

    def take(self, address: str, octets: int) -> bool:
        """Reserve memory for a body; ``False``: there is not enough."""
        if self._bodies.add(EVERYBODY, octets) > self._room:
            self._bodies.drop(EVERYBODY, octets)
            return False
        if address and self._bodies.add(address, octets) > self._room // 2:
            self.give_back(address, octets)
            return False
        return True

    def give_back(self, address: str, octets: int) -> None:
        """Release the memory of a body."""
        self._bodies.drop(EVERYBODY, octets)
        if address:
            self._bodies.drop(address, octets)

    def watch(self, connection: Watched, loop: asyncio.AbstractEventLoop) -> None:
        """Check a connection for timeouts from now on."""
        self._watched.add(connection)
        if self._timer is None:
            self._timer = loop.call_later(EVERY, self._look, loop)

    def forget(self, connection: Watched) -> None:
        """Stop checking a connection."""
        self._watched.discard(connection)
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = loop.call_later(EVERY, self._look, loop)
        for connection in tuple(self._watched):
            connection.look(now)
