"""
The addresses and ports that customers' URLs may lead to. Pure.

The tables are ours, since the interpreter's change from release to release. A doubtful
range is not allowed: a customer's server has an ordinary address.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

NOT_PUBLIC_4 = tuple(
    map(
        ip_network,
        (
            "0.0.0.0/8",  # this network
            "10.0.0.0/8",  # private
            "100.64.0.0/10",  # shared by carriers; metadata of Alibaba's cloud
            "127.0.0.0/8",  # loopback
            "168.63.129.16/32",  # the host of Azure's machines
            "169.254.0.0/16",  # link-local; metadata of most clouds
            "172.16.0.0/12",  # private
            "192.0.0.0/24",  # protocol assignments; metadata of Oracle's cloud
            "192.0.2.0/24",  # documentation
            "192.88.99.0/24",  # relays of 6to4
            "192.168.0.0/16",  # private
            "198.18.0.0/15",  # benchmarks
            "198.51.100.0/24",  # documentation
            "203.0.113.0/24",  # documentation
            "224.0.0.0/4",  # multicast
            "240.0.0.0/4",  # reserved, and broadcast
        ),
    )
)
"""IANA's registry of IPv4 special-purpose addresses, and what clouds add to it."""

GLOBAL_UNICAST = ip_network("2000::/3")
"""All allocated IPv6 addresses; others lead nowhere, or to this machine."""

NOT_PUBLIC_6 = tuple(
    map(
        ip_network,
        (
            "2001::/23",  # protocol assignments: Teredo, ORCHID, benchmarks
            "2001:db8::/32",  # documentation
            "2002::/16",  # 6to4: leads to an IPv4 address
            "3fff::/20",  # documentation
        ),
    )
)
"""IANA's registry of IPv6 special-purpose addresses within ``GLOBAL_UNICAST``."""

NAT64 = ip_network("64:ff9b::/96")
"""Prefix of IPv4 addresses in networks with IPv6 only (RFC 6052)."""

ISATAP = frozenset({0x00005EFE, 0x02005EFE})
"""In front of the IPv4 address in an ISATAP interface identifier (RFC 5214)."""

NOT_HTTP = frozenset(
    {
        *(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77),
        *(79, 87, 95, 101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135),
        *(137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531),
        *(532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720),
        *(1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668),
        *(6669, 6679, 6697, 10080),
    }
)
"""Ports of other protocols (Fetch standard, "port blocking"): mail, shells, chats."""


def public(address: str) -> bool:
    """Whether an address may be called if private ones may not."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv4Address):
        return _public_4(ip)
    inner = _embedded(ip)
    if inner is not None and not _public_4(inner):
        return False
    if ip.ipv4_mapped is not None or ip in NAT64:
        return True
    return ip in GLOBAL_UNICAST and not any(ip in each for each in NOT_PUBLIC_6)


def _public_4(address: IPv4Address) -> bool:
    return not any(address in network for network in NOT_PUBLIC_4)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that an IPv6 address has within it, if any."""
    low = int(address) & 0xFFFFFFFF
    if address in NAT64 or (int(address) >> 32) & 0xFFFFFFFF in ISATAP:
        return IPv4Address(low)
    return address.ipv4_mapped
