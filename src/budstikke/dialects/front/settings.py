"""The settings of one Front service (one ``serviceid``)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Address = Annotated[
    str, msgspec.Meta(pattern=r"\A[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+\Z")
]
"""A mail address in ASCII, alone (RFC 5322 § 3.4.1, dot-atom)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a service is set to.

    Attributes:
        api_version: Which of the two documents the service follows; 2.25 does not
            know ref, scheduled, validity, flash, protocolid, group and templates, and
            takes texts of 1024 instead of 1530.
        duplicate_lock: Refuse the same fromid, phoneno and txt within 120 seconds.
        status_url: Where delivery statuses are pushed; empty: nowhere.
        status_interim: Push -1, too, when an operator has the message.
        approved_domains: Domains that orderurl may point to, with their subdomains.
        error_alerts: Mail addresses that are told of refused outgoing messages.

    """

    api_version: Literal["3.05", "2.25"] = "3.05"
    duplicate_lock: bool = True
    status_url: str = ""
    status_interim: bool = True
    approved_domains: tuple[str, ...] = ()
    error_alerts: tuple[Address, ...] = ()
