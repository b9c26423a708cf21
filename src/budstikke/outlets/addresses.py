"""
Which addresses customers' URLs may lead to.

A name is resolved here and connected to by address, so that it cannot mean something
else a moment later; private, loopback, link-local and other special addresses are left
out unless they are allowed.
"""

from __future__ import annotations

import asyncio
import socket
import time
from ipaddress import ip_address

REMEMBERED = 60.0
"""Seconds that a name's addresses are kept."""

MOST_NAMES = 4096


def public(address: str) -> bool:
    """Tell whether an address may be called when private ones are not allowed."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_global and not found.is_multicast


class Resolver:
    """
    Finds addresses that may be called.

    Args:
        allow_private: Whether all may.

    """

    def __init__(self, *, allow_private: bool) -> None:
        self._allow_private = allow_private
        self._known: dict[tuple[str, int], tuple[float, list[str]]] = {}

    async def resolve(self, host: str, port: int) -> list[str]:
        """Find a host's addresses; raises OSError when there is none to call."""
        known = self._known.get((host, port))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        if not self._allow_private:
            addresses = [address for address in addresses if public(address)]
            if not addresses:
                raise OSError(f"{host} has no public address")
        if len(self._known) >= MOST_NAMES:
            self._known.clear()
        self._known[host, port] = time.monotonic() + REMEMBERED, addresses
        return addresses
