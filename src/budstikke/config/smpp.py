"""Settings of the SMPP server for customers."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from budstikke.config.addresses import host_port


class Smpp(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The SMPP server for customers."""

    listen: Annotated[
        str,
        Meta(
            description="`HOST:PORT` where customers bind by SMPP (port 0: any free "
            "port), on nodes with the role `http`. Empty: there is no SMPP server."
        ),
    ] = ""
    tls_cert: Annotated[
        str,
        Meta(description="PEM file with certificate and chain. Empty: no TLS."),
    ] = ""
    tls_key: Annotated[
        str, Meta(description="PEM file with the certificate's private key.")
    ] = ""
    tls_client_ca: Annotated[
        str,
        Meta(
            description="PEM file with the authorities of clients' certificates: then "
            "every client needs one. Empty: clients need none."
        ),
    ] = ""
    max_connections: Annotated[
        int, Meta(ge=1, description="Connections at the same time.")
    ] = 5000
    max_per_address: Annotated[
        int,
        Meta(
            ge=1,
            description="Connections at the same time from one address (IPv6: one "
            "/64).",
        ),
    ] = 100

    def __post_init__(self) -> None:
        """Refuse an address without a port, and half a certificate."""
        if self.listen:
            host_port(self.listen)
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("tls_cert and tls_key are given together or not at all")
        if self.tls_client_ca and not self.tls_cert:
            raise ValueError("tls_client_ca: needs tls_cert and tls_key")
