"""Batches as JSON texts, which the statements of both engines take apart."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

LAST_ID = 2**63 - 1
"""The largest id of a column; no row has it."""

_encode = msgspec.json.Encoder().encode
_nul = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def text(value: object) -> str:
    """
    Encode a batch as JSON.

    NUL becomes U+FFFD: SQLite's JSON functions end a text there, and PostgreSQL's texts
    cannot have it.
    """
    encoded = _encode(value).decode()
    if "\\u0000" in encoded:
        encoded = _nul.sub(r"\1\\ufffd", encoded)
    return encoded


def within_id(id_: int) -> int:
    """Clamp an id to 64 bits: no row has the last one."""
    return min(id_, LAST_ID)


def within(query: T) -> T:
    """Clamp the numbers of a query to 64 bits."""
    beyond = {
        name: LAST_ID
        for name in query.__struct_fields__
        if isinstance(value := getattr(query, name), int) and value > LAST_ID
    }
    return msgspec.structs.replace(query, **beyond) if beyond else query
