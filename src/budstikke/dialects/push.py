"""How parameters are pushed to customers' servers, as an access is set to it."""

from __future__ import annotations

from typing import Literal

from budstikke.dialects.query import extended
from budstikke.wire import WireRequest

Method = Literal["GET", "POST", "FORM"]
"""``GET``; ``POST`` with the same query and an empty body; ``FORM``, a posted form."""

HEADERS = {"content-type": "application/x-www-form-urlencoded"}


def told(method: Method, url: str, parameters: str) -> WireRequest:
    """Write a push of escaped parameters; the URL keeps the query it has."""
    if method == "FORM":
        return WireRequest("POST", url, headers=HEADERS, body=parameters.encode())
    return WireRequest(method, extended(url, parameters))
