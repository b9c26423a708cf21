"""
Settings of an MM7 link to an MMSC.

The descriptions here are the table in docs/carriers/mm7.md.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from budstikke.domain.address import PREFIX
from budstikke.domain.mms import LARGEST
from budstikke.domain.receipt import Retry
from budstikke.mm7 import DEFAULT, Schema

if TYPE_CHECKING:
    from collections.abc import Sequence

_version = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}").fullmatch
_uri = re.compile(r"[!-~]{1,200}").fullmatch

Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one carrier; see docs/carriers/mm7.md."""

    # Where, and as whom
    url: Annotated[
        str, Meta(min_length=1, description="Where the MMSC takes submissions.")
    ]
    allow_http: Annotated[
        bool, Meta(description="Let `url` be plain http, as on private lines.")
    ] = False
    ca: Annotated[
        str, Meta(description="Whom to trust, a PEM file; empty: the system's.")
    ] = ""
    username: Annotated[
        str, Meta(description="For basic authentication; empty: none.")
    ] = ""
    password: Annotated[str, Meta(description="Our password; never shown.")] = ""
    vaspid: Annotated[str, Meta(description="`VASPID`: who we are there.")] = ""
    vasid: Annotated[str, Meta(description="`VASID`: our service.")] = ""
    service_code: Annotated[
        str, Meta(description="`ServiceCode`: what the operator charges by.")
    ] = ""
    sender: Annotated[
        bool, Meta(description="Write the originator; else the MMSC knows it.")
    ] = True

    namespace: Annotated[
        str,
        Meta(description="Namespace of the schema of MM7 that we write in."),
    ] = DEFAULT.namespace
    mm7_version: Annotated[
        str, Meta(description="`MM7Version`, of the release of that schema.")
    ] = DEFAULT.version

    # How many, how large, how patient
    window: Annotated[
        int, Meta(ge=1, le=256, description="Submissions without an answer.")
    ] = 4
    max_size: Annotated[
        int,
        Meta(ge=1000, description="Largest text and files together, octets."),
    ] = LARGEST
    base64: Annotated[
        bool, Meta(description="Write pictures in base64; else as octets.")
    ] = True
    connect_timeout: Annotated[
        Seconds, Meta(description="For the connection, TLS included.")
    ] = 10.0
    response_timeout: Annotated[
        Seconds, Meta(description="For an answer; after that nobody knows.")
    ] = 60.0
    pause_min: Annotated[
        Seconds,
        Meta(description="First pause when throttled, or when it is not reached."),
    ] = 1.0
    pause_max: Annotated[Seconds, Meta(description="The pause doubles up to this.")] = (
        60.0
    )
    statuses: Annotated[
        dict[str, Retry],
        Meta(
            description="What may be done after a status: `{'3001' = 'later'}` "
            "(`never`, `later`, `elsewhere`, `slower`)."
        ),
    ] = {}
    delivery_reports: Annotated[
        bool, Meta(description="Ask what became of each MMS.")
    ] = True
    read_replies: Annotated[
        bool, Meta(description="Ask whether each MMS was read.")
    ] = False

    # What the MMSC asks of us
    deliver_token: Annotated[
        str,
        Meta(description="What its URL ends in: `?token=…`. A secret."),
    ] = ""
    deliver_username: Annotated[
        str, Meta(description="Its login at us, by basic authentication.")
    ] = ""
    deliver_password: Annotated[str, Meta(description="Its password; never shown.")] = (
        ""
    )
    allow_from: Annotated[
        tuple[str, ...],
        Meta(description="Its addresses or networks; empty: any."),
    ] = ()
    open: Annotated[
        bool,
        Meta(description="Let anybody deliver: needed when nothing else says who may."),
    ] = False
    home: Annotated[
        str,
        Meta(
            pattern=PREFIX,
            extra={"expected": "`+` and the country's calling code, or nothing"},
            description="Prefix of the operator's country, `+47`: completes national "
            "numbers of phones and of ours.",
        ),
    ] = ""
    number: Annotated[
        str,
        Meta(description="What MMS came to where the MMSC does not say; digits."),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse what cannot be called, and half a login."""
        url = urlsplit(self.url)
        schemes = ("https", "http") if self.allow_http else ("https",)
        if url.scheme not in schemes or not url.hostname or url.username:
            raise ValueError(f"url: must be {' or '.join(schemes)}://HOST/…")
        if not all(" " < character <= "~" for character in self.url):
            raise ValueError("url: characters that must be escaped")
        assert url.port is None or url.port > 0  # noqa: S101 - reading it raises ValueError
        if bool(self.deliver_username) != bool(self.deliver_password):
            raise ValueError(
                "deliver_username and deliver_password are given together or not at all"
            )
        for network in self.allow_from:
            ip_network(network)
        if not self.guarded and not self.open:
            raise ValueError(
                "anybody could deliver: set deliver_token, deliver_username or "
                "allow_from, or else open = true"
            )
        if not _version(self.mm7_version):
            raise ValueError("mm7_version: must be numbers with points between")
        if not _uri(self.namespace):
            raise ValueError("namespace: must be a URI")
        for code in self.statuses:
            if not (code.isascii() and code.isdigit()):
                raise ValueError(f"statuses: no status: {code!r}")

    @property
    def guarded(self) -> bool:
        """Whether anything proves that it is the MMSC that calls."""
        networks = [ip_network(text) for text in self.allow_from]
        somebody = bool(networks) and not _everybody(networks)
        return bool(self.deliver_token or self.deliver_username or somebody)

    @property
    def schema(self) -> Schema:
        """Which MM7 we write in."""
        return Schema(self.namespace, self.mm7_version)


def _everybody(networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    """Tell whether networks are together all that there are."""
    old = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
    new = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
    lengths = *(one.prefixlen for one in old), *(one.prefixlen for one in new)
    return 0 in lengths
