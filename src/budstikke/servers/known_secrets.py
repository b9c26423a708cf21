"""
Secrets and keys that were found right once, so that the slow hash is paid once.

They are remembered as MACs under a key that only this process has: who reads its memory
learns no secret that the process does not hold anyway.
"""

from __future__ import annotations

import secrets
from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from budstikke.domain.directory import Access

SHA256: Final = "sha256$"
"""Prefix of the stored form of a secret with 256 random bits."""

LONGEST_SECRET = 512
"""Characters of a secret; a longer one is wrong without a verification."""


class KnownSecrets:
    """What this process knows to be right; nothing here waits or raises."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._right: dict[int, tuple[str, bytes]] = {}
        self._found: dict[bytes, str] = {}

    def opens(self, access: Access, secret: str | None) -> bool:
        """
        Tell whether a secret is known to open an access.

        An access without a secret is opened by its addresses alone; with neither it is
        never opened. A secret of 256 random bits needs no slow hash, and is verified.
        """
        stored = access.secret
        if stored is None:
            return bool(access.networks)
        plain = fitting(secret)
        if stored.startswith(SHA256):
            return is_digest(plain, stored)
        right = self._right.get(access.id)
        return (
            right is not None
            and right[0] == stored
            and compare_digest(right[1], self.mac(plain))
        )

    def remember(self, access: Access, secret: str | None) -> None:
        """Remember that a secret opens an access, as long as its hash stays."""
        self._right[access.id] = (access.secret or "", self.mac(fitting(secret)))

    def identifier(self, salt: str, dialect: str, key: str) -> str | None:
        """Find the identifier that was made of a key; ``None``: it is not known."""
        return self._found.get(self.mac(f"{salt} {dialect} {key}"))

    def remember_identifier(
        self, salt: str, dialect: str, key: str, identifier: str
    ) -> None:
        """Remember the identifier of an access that was made of a key."""
        self._found[self.mac(f"{salt} {dialect} {key}")] = identifier

    def mac(self, text: str) -> bytes:
        """Make what stands for a text in this process's memory."""
        return blake2b(octets(text), key=self._key, digest_size=16).digest()


def is_digest(plain: str, stored: str) -> bool:
    """Compare a secret with its stored SHA-256."""
    digest = sha256(octets(plain)).hexdigest()
    return compare_digest(digest, stored.removeprefix(SHA256))


def fitting(secret: str | None) -> str:
    """Return the secret, or a wrong one when it is too long to be right."""
    return secret if secret is not None and len(secret) <= LONGEST_SECRET else ""


def octets(text: str) -> bytes:
    """Encode what may hold lone surrogates."""
    return text.encode("utf-8", "surrogatepass")
