"""The settings of one iP.1 account (one ``konto``)."""

from __future__ import annotations

from typing import Literal

import msgspec

from budstikke.domain.url import Url


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What an account is set to.

    Attributes:
        lookup_login: Tell how messages stand only to those who log in; the original
            asks for no login in status, statusBundle and tidpunkt.
        sendat: How sendAt is read: ``utc``, as Unix time is, or ``swedish``, where
            Swedish clock time was counted as if it were UTC.
        inbound_url: Where messages from phones are pushed, unless their number or
            keyword has a URL of its own; empty: nowhere.

    """

    lookup_login: bool = False
    sendat: Literal["utc", "swedish"] = "utc"
    inbound_url: Url = ""
