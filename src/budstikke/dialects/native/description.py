"""The API's description, for programs and for people, which needs no token."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import msgspec

from budstikke.dialects.native.openapi import describe
from budstikke.dialects.native.operations import OPERATIONS
from budstikke.dialects.native.page import POLICY, write_page
from budstikke.wire import WireResponse

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCUMENT, PAGE = "/v1/openapi.json", "/v1/docs"


@cache
def pages(version: str) -> Mapping[str, WireResponse]:
    """Make the answers by path; ``version``: the program's."""
    description = describe(OPERATIONS, version)
    document = msgspec.json.format(msgspec.json.encode(description), indent=2)
    page = write_page(OPERATIONS, description).encode()
    headers = {
        "content-security-policy": POLICY,
        "referrer-policy": "no-referrer",
        "x-content-type-options": "nosniff",
    }
    html = "text/html; charset=utf-8"
    return {
        DOCUMENT: WireResponse(200, document, "application/json", headers),
        PAGE: WireResponse(200, page, html, headers),
    }
