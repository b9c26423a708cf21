"""Settings of mails."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Annotated, Literal

from msgspec import Meta, Struct


class Mail(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mail server that alerts are given to."""

    host: Annotated[
        str, Meta(description="Mail server (SMTP). Empty: no mails are sent.")
    ] = ""
    port: Annotated[
        int,
        Meta(
            ge=1,
            le=65535,
            description="Its port: 587 with `starttls`, 465 with `tls`, 25 with "
            "`none`, as a rule.",
        ),
    ] = 587
    tls: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(
            description="`starttls` (begin plain, then TLS or nothing), `tls` from "
            "the first octet, or `none`."
        ),
    ] = "starttls"
    username: Annotated[
        str, Meta(description="Log in as. Empty: the server takes mails without.")
    ] = ""
    password: Annotated[
        str,
        Meta(description="A secret: give it as `BUDSTIKKE_MAIL__PASSWORD`."),
    ] = ""
    sender: Annotated[
        str,
        Meta(description="Where mails come from: `Budstikke <alerts@example.com>`."),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse half a login, one in the clear, and mails from nowhere."""
        if self.host and "@" not in parseaddr(self.sender)[1]:
            raise ValueError("sender: a mail address is needed")
        if bool(self.username) != bool(self.password):
            raise ValueError("username and password are given together or not at all")
        if self.password and self.tls == "none":
            raise ValueError(
                "tls: none would send the password unencrypted: use starttls or tls"
            )
