"""The settings of one Front service (one ``serviceid``)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import msgspec

from budstikke.domain.url import Url

Address = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+\Z",
        extra={"expected": "a mail address in ASCII"},
    ),
]
"""A mail address in ASCII, alone (RFC 5322 § 3.4.1, dot-atom)."""

Phone = Annotated[
    str,
    msgspec.Meta(
        pattern=r"\A\+[1-9][0-9]{6,14}\Z",
        extra={"expected": "`+` and 7 to 15 digits, the first of them not 0 (E.164)"},
    ),
]
"""A number in E.164 with ``+``."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a service is set to.

    Attributes:
        api_version: Which of the two documents the service follows; 2.25 does not
            know ref, scheduled, validity, flash, protocolid, group and templates, and
            takes texts of 1024 instead of 1530.
        duplicate_lock: Refuse the same fromid, phoneno and txt within 120 seconds.
        status_url: Where delivery statuses are pushed; empty: nowhere.
        status_method: How: ``GET``, ``POST`` with the same query and an empty body, or
            ``FORM``, a POST with the parameters in a form.
        status_interim: Push -1, too, when an operator has the message.
        two_way: Push messages from phones.
        mms: Push the files of an MMS, too; otherwise only its text is.
        inbound_url: Where messages from phones are pushed, unless their number or
            keyword has a URL of its own; empty: nowhere.
        inbound_style: How: ``json`` or ``get``; empty: ``json`` in 3.05, and ``get``
            in 2.25, whose own description of the URL knows nothing else (§ 1.2).
        inbound_alerts: Mail addresses that get an alert when pushes of messages from
            phones are paused.
        inbound_alert_numbers: Phones that get the same alert by SMS.
        home_numbers: Recipients may be written as in the account's home country, or
            with its code and no prefix, as Front's clients do.
        approved_domains: Domains that orderurl may point to, with their subdomains.
        error_alerts: Mail addresses that get an alert of refused outgoing messages.

    """

    home_numbers: ClassVar[bool] = True
    api_version: Literal["3.05", "2.25"] = "3.05"
    duplicate_lock: bool = True
    status_url: Url = ""
    status_method: Literal["GET", "POST", "FORM"] = "GET"
    status_interim: bool = True
    two_way: bool = False
    mms: bool = False
    inbound_url: Url = ""
    inbound_style: Literal["", "json", "get"] = ""
    inbound_alerts: tuple[Address, ...] = ()
    inbound_alert_numbers: tuple[Phone, ...] = ()
    approved_domains: tuple[str, ...] = ()
    error_alerts: tuple[Address, ...] = ()

    @property
    def style(self) -> str:
        """How messages from phones are pushed: ``json`` or ``get``."""
        return self.inbound_style or ("json" if self.api_version == "3.05" else "get")
