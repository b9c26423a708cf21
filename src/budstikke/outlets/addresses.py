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
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

REMEMBERED = 60.0
"""Seconds that a name's addresses are kept."""

MOST_NAMES = 4096

GLOBAL_UNICAST = ip_network("2000::/3")
"""All of IPv6 that is given out; what is outside leads nowhere, or to ourselves."""

NAT64 = ip_network("64:ff9b::/96")
"""IPv4 addresses as networks with IPv6 alone write them (RFC 6052)."""


def public(address: str) -> bool:
    """Tell whether an address may be called when private ones are not allowed."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        inner = _embedded(found)
        if inner is None and found not in GLOBAL_UNICAST:
            return False
        found = inner or found
    return found.is_global and not found.is_multicast


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Find the IPv4 address that this one leads to, if it is made of one."""
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


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
