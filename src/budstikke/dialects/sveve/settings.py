"""The settings of one Sveve user."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    What a user is set to.

    Attributes:
        originator: Sender of messages that name none; empty: they are refused.
        status_url: Where delivery reports are pushed; empty: nowhere.
        status_method: How: parameters in the URL, or in a form.
        concurrency: Requests that may be under way at once; more get HTTP 429.

    """

    originator: str = ""
    status_url: str = ""
    status_method: Literal["GET", "POST"] = "GET"
    concurrency: Annotated[int, msgspec.Meta(ge=1)] = 5
