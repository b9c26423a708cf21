"""Settings of mail."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Annotated, Literal

from msgspec import Meta, Struct


class Mail(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mail server that the gateway sends alerts through."""

    host: Annotated[
        str,
        Meta(description="Mail server (SMTP). Empty: the gateway sends no mail."),
    ] = ""
    port: Annotated[
        int,
        Meta(
            ge=1,
            le=65535,
            description="Its port: usually 587 with `starttls`, 465 with `tls`, and 25 "
            "with `none`.",
        ),
    ] = 587
    tls: Annotated[
        Literal["starttls", "tls", "none"],
        Meta(
            description="`starttls`: the connection begins in plain text and changes "
            "to TLS; without TLS the gateway sends nothing. `tls`: TLS from the first "
            "octet. `none`: no TLS."
        ),
    ] = "starttls"
    username: Annotated[
        str, Meta(description="User name at the mail server. Empty: no login.")
    ] = ""
    password: Annotated[
        str,
        Meta(
            description="Password at the mail server. Set it in the environment, as "
            "`BUDSTIKKE_MAIL__PASSWORD`."
        ),
    ] = ""
    sender: Annotated[
        str,
        Meta(description="Sender of mails: `Budstikke <alerts@example.com>`."),
    ] = ""

    def __post_init__(self) -> None:
        """Refuse half a login, a login in plain text, and mail without a sender."""
        if self.host and "@" not in parseaddr(self.sender)[1]:
            raise ValueError("sender: a mail address is needed")
        if bool(self.username) != bool(self.password):
            raise ValueError("username and password are given together or not at all")
        if self.password and self.tls == "none":
            raise ValueError(
                "tls: none would send the password unencrypted: use starttls or tls"
            )
