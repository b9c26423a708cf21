"""The settings of one pair of API username and password."""

from __future__ import annotations

import msgspec

from budstikke.domain.url import Url


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What an API username is set to.

    Attributes:
        inbound_url: Where messages from phones are pushed, unless their number or
            keyword has a URL of its own (46elks: ``sms_url``); empty: nowhere.

    """

    inbound_url: Url = ""
