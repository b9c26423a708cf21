"""The form of URLs for callbacks, in settings and in orders. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Url = Annotated[
    str,
    Meta(
        pattern=r"\A(?:(?i:https?)://[^\s/?#]+(?:[/?#][!-~]*)?)?\Z",
        extra={"expected": "an http or https URL, percent-encoded, or nothing"},
    ),
]
"""An http or https URL, percent-encoded except its host (RFC 3986), or nothing."""
