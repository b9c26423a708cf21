"""Addresses in settings: networks, and a host with its port."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    """Read addresses and networks (``10.0.0.0/8``); raises ValueError."""
    return tuple(ipaddress.ip_network(text) for text in texts)


def host_port(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT`` (``[::1]:2775`` for IPv6); raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isascii() or not port.isdigit():
        raise ValueError(f"not HOST:PORT: {text!r}")
    if int(port) > 65535:
        raise ValueError(f"no such port: {text!r}")
    return host.removeprefix("[").removesuffix("]"), int(port)
