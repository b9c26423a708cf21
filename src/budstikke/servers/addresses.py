"""Client addresses of requests: networks, and proxies in between."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


@lru_cache(maxsize=16384)
def read_address(text: str) -> Address | None:
    """Read an IP address; an IPv4 one within IPv6 is that IPv4 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=16384)
def neighbourhood(client: str) -> str:
    """Group addresses by client: an IPv4 address, or the /64 of an IPv6 one."""
    address = read_address(client)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return client if address is None else str(address)


def within(client: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address is in one of these networks."""
    address = read_address(client)
    return address is not None and any(address in network for network in networks)


def client_of(
    peer: str,
    headers: Mapping[str, str],
    trusted: tuple[Network, ...],
    *,
    secure: bool = False,
) -> tuple[str, bool]:
    """
    Tell who calls, and whether over TLS, when proxies may stand between.

    Each proxy appends the address it was called from to X-Forwarded-For, so that the
    right-most one that is not itself trusted is the client, and nothing left of it
    can be believed. X-Forwarded-Proto is read at the same place when it has as many
    entries, else its last one counts. Without a trusted ``peer`` neither is read.

    Args:
        peer: The other end of the connection.
        headers: With lower-case names; repeated ones joined by commas.
        trusted: Networks of our proxies.
        secure: Whether the connection itself is TLS.

    Returns:
        The client's address (empty: a trusted proxy wrote none that can be read) and
        whether the call came over TLS.

    """
    if not trusted or not within(peer, trusted):
        return peer, secure
    hops = _entries(headers.get("x-forwarded-for", ""))
    protocols = _entries(headers.get("x-forwarded-proto", ""))
    place = len(hops) - 1
    while place > 0 and within(_bare(hops[place]), trusted):
        place -= 1
    if protocols:
        protocol = protocols[place if len(protocols) == len(hops) else -1]
        secure = protocol.lower() == "https"
    if not hops:
        return peer, secure
    address = read_address(_bare(hops[place]))
    return "" if address is None else str(address), secure


def _entries(header: str) -> list[str]:
    return [item for part in header.split(",") if (item := part.strip())]


def _bare(hop: str) -> str:
    """Strip the port (``192.0.2.1:80``, ``[2001:db8::1]:80``)."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
