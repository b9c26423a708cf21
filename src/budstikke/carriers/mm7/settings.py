"""
Settings of an MM7 carrier.

The descriptions here are the table in docs/carriers/mm7.md.
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from budstikke.carriers.caller_auth import check_caller, is_guarded
from budstikke.domain.address import PREFIX
from budstikke.domain.mms import LARGEST
from budstikke.domain.receipt import Retry
from budstikke.mm7 import DEFAULT, Schema

_version = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}").fullmatch
_uri = re.compile(r"[!-~]{1,200}").fullmatch

Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one carrier; see docs/carriers/mm7.md."""

    # Where, and as whom
    url: Annotated[
        str, Meta(min_length=1, description="URL that takes submissions at the MMSC.")
    ]
    allow_http: Annotated[
        bool, Meta(description="Allow plain http in `url`, as on private lines.")
    ] = False
    ca: Annotated[
        str,
        Meta(description="PEM file of the authorities to trust; empty: the system's."),
    ] = ""
    username: Annotated[
        str, Meta(description="Our user name for basic authentication; empty: none.")
    ] = ""
    password: Annotated[
        str, Meta(description="Our password; never logged or shown.")
    ] = ""
    vaspid: Annotated[
        str, Meta(description="The `VASPID` that the operator gave you.")
    ] = ""
    vasid: Annotated[
        str, Meta(description="The `VASID` that the operator gave you.")
    ] = ""
    service_code: Annotated[
        str, Meta(description="The `ServiceCode` by which the operator charges.")
    ] = ""
    sender: Annotated[
        bool,
        Meta(
            description="Write the sender into submissions; `false`: the MMSC fills "
            "it in."
        ),
    ] = True

    namespace: Annotated[
        str,
        Meta(description="XML namespace of the MM7 schema of our requests."),
    ] = DEFAULT.namespace
    mm7_version: Annotated[
        str, Meta(description="`MM7Version` of our requests, of the same release.")
    ] = DEFAULT.version

    # How many, how large, how patient
    window: Annotated[
        int, Meta(ge=1, le=256, description="Most submissions without a response.")
    ] = 4
    max_size: Annotated[
        int,
        Meta(ge=1000, description="Most octets of an MMS, text and files together."),
    ] = LARGEST
    base64: Annotated[
        bool, Meta(description="Send pictures in base64; `false`: as octets.")
    ] = True
    connect_timeout: Annotated[
        Seconds, Meta(description="Longest time to connect, TLS handshake included.")
    ] = 10.0
    response_timeout: Annotated[
        Seconds,
        Meta(description="Longest wait for a response; then the MMS is unsure."),
    ] = 60.0
    pause_min: Annotated[
        Seconds,
        Meta(description="First pause when the MMSC is too busy or cannot be reached."),
    ] = 1.0
    pause_max: Annotated[
        Seconds, Meta(description="Longest such pause: it doubles up to this.")
    ] = 60.0
    statuses: Annotated[
        dict[str, Retry],
        Meta(
            description="What to do after a status, instead of the table above: "
            "`{'3001' = 'later'}` (`never`, `later`, `elsewhere`, "
            "`slower`)."
        ),
    ] = {}
    delivery_reports: Annotated[
        bool, Meta(description="Ask for a delivery report of each MMS.")
    ] = True
    read_replies: Annotated[
        bool, Meta(description="Ask for a read reply to each MMS.")
    ] = False

    # What the MMSC asks of us
    deliver_token: Annotated[
        str,
        Meta(
            description="Secret at the end of the URL that the MMSC calls: `?token=…`."
        ),
    ] = ""
    deliver_username: Annotated[
        str,
        Meta(description="User name that the MMSC gives us, by basic authentication."),
    ] = ""
    deliver_password: Annotated[
        str, Meta(description="Its password; never logged or shown.")
    ] = ""
    allow_from: Annotated[
        tuple[str, ...],
        Meta(
            description="Addresses or networks from which the MMSC may call; empty: "
            "any."
        ),
    ] = ()
    open: Annotated[
        bool,
        Meta(description="Let anybody deliver; needed if no setting says who may."),
    ] = False
    home: Annotated[
        str,
        Meta(
            pattern=PREFIX,
            extra={"expected": "`+` and the country's calling code, or nothing"},
            description="Calling code of the operator's country, such as `+47`: "
            "completes national numbers, of phones and ours.",
        ),
    ] = ""
    number: Annotated[
        str,
        Meta(
            description="Our number (digits) for inbound MMS in which the MMSC names "
            "none."
        ),
    ] = ""

    def __post_init__(self) -> None:
        """Check rules that the types do not express; raises ValueError."""
        url = urlsplit(self.url)
        schemes = ("https", "http") if self.allow_http else ("https",)
        if url.scheme not in schemes or not url.hostname or url.username:
            raise ValueError(f"url: must be {' or '.join(schemes)}://HOST/…")
        if not all(" " < character <= "~" for character in self.url):
            raise ValueError("url: characters that must be escaped")
        assert url.port is None or url.port > 0  # noqa: S101 - reading it raises ValueError
        check_caller(self)
        if not _version(self.mm7_version):
            raise ValueError("mm7_version: must be numbers with points between")
        if not _uri(self.namespace):
            raise ValueError("namespace: must be a URI")
        for code in self.statuses:
            if not (code.isascii() and code.isdigit()):
                raise ValueError(f"statuses: no status: {code!r}")

    @property
    def guarded(self) -> bool:
        """Whether a caller must prove that it is the MMSC."""
        return is_guarded(self)

    @property
    def schema(self) -> Schema:
        """The version of MM7 to write."""
        return Schema(self.namespace, self.mm7_version)
