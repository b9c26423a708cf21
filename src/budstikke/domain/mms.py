"""Constants of every MMS. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ENCODING = "mms"
"""The encoding of a message, and of its only part, that is an MMS."""

LARGEST = 300_000
"""Octets of an MMS's text and files, before base64; phones take that much."""

SMS_EACH = 3
"""SMS that an MMS costs an account with a balance in SMS."""


def size(text: str, files: Iterable[bytes]) -> int:
    """Count the octets of an MMS."""
    return len(text.encode("utf-8", "replace")) + sum(len(file) for file in files)
