"""The SMPP server for customers, joined with a running gateway."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING

from budstikke.config.addresses import host_port
from budstikke.servers.listening import bind
from budstikke.servers.smpp.listener import ListenerLimits, SmppListener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from budstikke.config.smpp import Smpp
    from budstikke.gateway import Gateway


@contextlib.asynccontextmanager
async def smpp_service(gateway: Gateway) -> AsyncIterator[int]:
    """
    Let customers bind until the end of the block; gives the port it has.

    Raises OSError if the address is not available, or a certificate cannot be read.
    """
    settings = gateway.settings.smpp
    host, port = host_port(settings.listen)
    listener = SmppListener(
        directory=lambda: gateway.directory,
        authenticator=gateway.authenticator,
        acceptor=gateway.acceptor,
        query_handler=gateway.queries,
        receivers=gateway.receivers,
        limits=ListenerLimits(settings.max_connections, settings.max_per_address),
        tls=_tls(settings),
        clock=gateway.clock,
    )
    sockets = await bind(host, port)
    await listener.start(sockets)
    gateway.followers.append(listener.directory_changed)
    try:
        yield sockets[0].getsockname()[1]
    finally:
        gateway.followers.remove(listener.directory_changed)
        await listener.stop()


def _tls(settings: Smpp) -> ssl.SSLContext | None:
    """Make the server's side of TLS; ``None``: customers bind without."""
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(settings.tls_cert, settings.tls_key)
    if settings.tls_client_ca:
        context.load_verify_locations(settings.tls_client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
