"""What of people's files a browser may show, and what it may only save."""

from __future__ import annotations

from typing import Final

SHOWN: Final = ("image/", "audio/", "video/", "text/plain")
"""Beginnings of types that are shown."""

NOT_SHOWN: Final = ("image/svg",)
"""They may hold scripts."""


def shown_as(kind: str) -> tuple[str, dict[str, str]]:
    """Tell as what a file is handed to a browser, and with what headers."""
    if kind.startswith(SHOWN) and not kind.startswith(NOT_SHOWN):
        return kind, {}
    return "application/octet-stream", {"content-disposition": "attachment"}
