"""Links that work once: where they lead, and what the database keeps of them."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

INVITATION_PATH: Final = "/console/invitation/"
PASSWORD_PATH: Final = "/console/password/"  # noqa: S105 - a path


def digest(token: str) -> str:
    """
    Return what the database keeps of a token, in hexadecimal digits.

    Tokens have 256 random bits, so that no slow hash is needed.
    """
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
