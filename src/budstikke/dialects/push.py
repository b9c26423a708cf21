"""Callbacks whose parameters go in a query or a form, as the access's settings say."""

from __future__ import annotations

from typing import Literal

from budstikke.dialects.query import extended
from budstikke.wire import WireRequest

Method = Literal["GET", "POST", "FORM"]
"""``GET``; ``POST`` with the same query and an empty body; ``FORM``, a posted form."""

HEADERS = {"content-type": "application/x-www-form-urlencoded"}


def write_push(method: Method, url: str, parameters: str) -> WireRequest:
    """Write a callback with escaped parameters; the URL keeps the query it has."""
    if method == "FORM":
        return WireRequest("POST", url, headers=HEADERS, body=parameters.encode())
    return WireRequest(method, extended(url, parameters))
