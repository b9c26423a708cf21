"""Writes callbacks with parameters in a query or a form, by the access's settings."""

from __future__ import annotations

from typing import Literal

from budstikke.dialects.query import extended
from budstikke.wire import WireRequest

Method = Literal["GET", "POST", "FORM"]
"""``GET``; ``POST`` with the same query and an empty body; ``FORM``, a posted form."""

HEADERS = {"content-type": "application/x-www-form-urlencoded"}


def write_push(method: Method, url: str, parameters: str) -> WireRequest:
    """Write a callback with escaped parameters; the URL keeps its query."""
    if method == "FORM":
        return WireRequest("POST", url, headers=HEADERS, body=parameters.encode())
    return WireRequest(method, extended(url, parameters))
