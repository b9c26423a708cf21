"""What values in ``apply``'s file look like, and what is wrong with a file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Name = Annotated[str, Meta(min_length=1, max_length=100)]
E164 = Annotated[str, Meta(pattern=r"^\+[1-9][0-9]{6,14}\Z")]
Prefix = Annotated[str, Meta(pattern=r"^(\+([1-9][0-9]{0,14})?)?\Z")]
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
Address = Annotated[str, Meta(pattern=r"^[^@\s,]+@[^@\s,]+\Z")]
Amount = str | int
"""A decimal number as text (``"0.05"``) or a whole one; a float would not be exact."""

Digits = Annotated[str, Meta(pattern=r"^\+?[0-9]{3,15}\Z")]
Url = Annotated[
    str,
    Meta(
        max_length=2000,
        pattern=r"\A(?:(?i:https?)://[^\s/?#]+(?:[/?#][!-~]*)?)?\Z",
    ),
]
"""An http or https URL, escaped but for its host, or nothing."""

Remove = Annotated[bool, Meta(description="Take it away.")]


DEFAULT = "default"
"""What a key is set to that shall have its default again."""

LITERAL = frozenset(
    {"name", "id", "dialect", "prefix", "number", "value", "word", "remove"}
    | {"password", "password_env"}
)
"""Keys that name an entry, or whose value is any text: there it means itself."""

SAID = "(said)"
"""What ``Said`` is called in an entry; as a key it is refused."""

ALL = "*"


class Said(Struct, frozen=True):
    """
    What an entry says itself; all else stays as it is.

    Attributes:
        keys: Those that it has.
        reset: Keys of its settings that shall have their defaults; ``ALL``: each.
        line: Where it begins in the file, from 1; 0 where that is not known.

    """

    keys: frozenset[str] = frozenset()
    reset: frozenset[str] = frozenset()
    line: int = 0


NOTHING = Said()


class ApplyError(Exception):
    """
    A file that cannot be applied.

    The message says which entries, a line for each fault, and never a secret.
    """
