"""What values in ``apply``'s file look like, and what is wrong with a file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=100)]
E164 = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}$")]
Prefix = Annotated[str, Meta(pattern=r"^(\+([1-9][0-9]{0,14})?)?$")]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$")]
Address = Annotated[str, Meta(pattern=r"^[^@\s,]+@[^@\s,]+$")]
Amount = str | int
"""A decimal number as text (``"0.05"``) or a whole one; a float would not be exact."""

Digits = Annotated[str, Meta(pattern=r"^\+?[0-9]{3,15}$")]
Url = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"\A(?:(?i:https?)://[^\s/?#]+(?:[/?#][!-~]*)?)?\Z",
    ),
]
"""An http or https URL, escaped but for its host, or nothing."""

Remove = Annotated[bool, Meta(description="Take it away.")]


class ApplyError(Exception):
    """A file that cannot be applied; the message says which entry, never a secret."""
