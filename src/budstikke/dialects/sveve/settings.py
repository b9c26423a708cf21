"""The settings of one Sveve user."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from budstikke.domain.url import Url


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a user is set to.

    Attributes:
        originator: Sender of messages that name none; empty: they are refused.
        status_url: Where delivery reports are pushed; empty: nowhere.
        status_method: How: parameters in the URL, or in a form.
        inbound_url: Where messages to keywords and numbers are pushed that have no URL
            of their own; empty: nowhere.
        reply_url: Where answers to messages with ``reply`` are pushed; empty: nowhere.
        push_numbers: How Norwegian phones are told in those two: ``national``, by their
            eight digits, or ``international``, with the country code.
        number_lookup: Tell name and address of who wrote, as the number directory
            has them.
        concurrency: Requests that may be under way at once; more get HTTP 429.

    """

    originator: str = ""
    status_url: Url = ""
    status_method: Literal["GET", "POST"] = "GET"
    inbound_url: Url = ""
    reply_url: Url = ""
    push_numbers: Literal["national", "international"] = "national"
    number_lookup: bool = False
    concurrency: Annotated[int, msgspec.Meta(ge=1)] = 5
