"""
Resolves the host names of customers' URLs.

A name is resolved here and connected to by address, so that it cannot lead elsewhere a
moment later. Each name has one look-up at a time, in threads of our own: a name whose
name servers do not answer must not delay another.
"""

from __future__ import annotations

import asyncio
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from budstikke.clients.http.addresses import NOT_HTTP, public

if TYPE_CHECKING:
    from asyncio import Task

REMEMBERED = 60.0
"""Seconds to use a name's addresses before another look-up."""

USABLE = 600.0
"""Seconds to use them while that look-up runs."""

MOST_NAMES = 4096
MOST_ADDRESSES = 6
"""Addresses of a name to use at most."""

THREADS = 128
"""Concurrent look-ups."""

Key = tuple[str, int]


class _Known(NamedTuple):
    at: float
    addresses: list[str]


class Resolver:
    """
    Finds the addresses of a host that may be called.

    Args:
        allow_private: Allow private addresses, and any port.

    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._known: dict[Key, _Known] = {}
        self._asked: dict[Key, Task[list[str]]] = {}
        self._threads = ThreadPoolExecutor(THREADS, "resolver")

    async def resolve(self, host: str, port: int) -> list[str]:
        """
        Return a host's addresses, best first; raises OSError if there is none to call.

        It is the cached list itself: the caller may change its order.
        """
        key = (host, port)
        known, now = self._known.get(key), time.monotonic()
        if known is not None and now - known.at < REMEMBERED:
            return known.addresses
        if port in NOT_HTTP and not self._allow_private:
            raise OSError(f"port {port} is not called")
        task = self._asked.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._look_up(host, port))
            task.add_done_callback(lambda done: self._forget(key, done))
            self._asked[key] = task
        if known is not None and now - known.at < USABLE:
            return known.addresses
        return await asyncio.shield(task)

    def _forget(self, key: Key, done: Task[list[str]]) -> None:
        del self._asked[key]
        if not done.cancelled() and done.exception() is not None:
            self._known.pop(key, None)

    async def _look_up(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        resolved = await loop.run_in_executor(self._threads, look_up, host, port)
        addresses = list(dict.fromkeys(resolved))
        if not self._allow_private:
            addresses = [address for address in addresses if public(address)]
            if not addresses:
                raise OSError(f"{host} has no public address")
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        addresses = addresses[:MOST_ADDRESSES]
        self._known[host, port] = _Known(time.monotonic(), addresses)
        return addresses

    def close(self) -> None:
        """Start no more look-ups."""
        for task in self._asked.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def look_up(host: str, port: int) -> list[str]:
    """Look up a host's addresses; blocks. Raises OSError, UnicodeError."""
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in entries]
