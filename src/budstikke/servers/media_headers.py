"""Headers of customers' files: which a browser may show, and which only save."""

from __future__ import annotations

import re
from typing import Final

SHOWN: Final = ("image/", "audio/", "video/", "text/plain")
"""Prefixes of media types that a browser may show."""

NOT_SHOWN: Final = ("image/svg",)
"""Media types that may contain scripts."""


_type = re.compile(
    r"[a-z0-9!#$&^_.+-]{1,100}/[a-z0-9!#$&^_.+-]{1,100}"
    r"(; ?charset=[A-Za-z0-9_.:-]{1,40})?"
).fullmatch


def shown_as(kind: str) -> tuple[str, dict[str, str]]:
    """
    Tell as what a file is handed to a browser, and with what headers.

    A type that is none, and would break the header, is not said.
    """
    if _type(kind) and kind.startswith(SHOWN) and not kind.startswith(NOT_SHOWN):
        return kind, {}
    return "application/octet-stream", {"content-disposition": "attachment"}
