"""
How to find an access by its key, in APIs whose callers give nothing else.

A key from ``budstikke secret`` has 256 random bits, and is found by its digest. A key
that people chose is found by an identifier that takes as long to compute as its hash
(Argon2id, 19 MiB, two passes), with a salt for each database: who has a copy of the
database guesses keys no faster than by the hash.
"""

from __future__ import annotations

import re

from argon2.low_level import Type, hash_secret_raw

SALT = "salt"
"""Key of the row of ``meta`` with the salt, in hexadecimal digits."""

OCTETS = 10
_keyed = re.compile(rf"k[0-9a-f]{{{2 * OCTETS}}}").fullmatch
_made_here = re.compile(r"bud_[A-Za-z0-9_-]{43}").fullmatch


def is_made_here(secret: str) -> bool:
    """Whether a secret is from ``budstikke secret``: 256 random bits."""
    return _made_here(secret) is not None


def is_keyed(identifier: str) -> bool:
    """Whether an identifier is from ``keyed``."""
    return _keyed(identifier) is not None


def keyed(salt: str, identifier: str) -> str:
    """Make the identifier of a key from its digest (about 20 ms)."""
    raw = hash_secret_raw(
        identifier.encode("utf-8", "surrogatepass"),
        bytes.fromhex(salt),
        time_cost=2,
        memory_cost=19 * 1024,
        parallelism=1,
        hash_len=OCTETS,
        type=Type.ID,
    )
    return "k" + raw.hex()
