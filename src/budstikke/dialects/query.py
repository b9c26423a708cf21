"""
Query strings as they are on the wire, shared by the HTTP dialects.

Values stay bytes until a dialect knows their character set: old clients escape
Latin-1, newer ones UTF-8, and some do not escape at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_query(query: bytes) -> dict[str, bytes]:
    """
    Split a query or a form into parameters, unescaped but not decoded.

    ``+`` is a blank. An escape that is none (``%zz``, ``%4``) stays as it is written;
    of a parameter given twice the last counts, as in PHP; one without ``=`` is blank,
    and stray ``&`` are ignored. Names are read as ISO-8859-1.
    """
    fields: dict[str, bytes] = {}
    for item in query.replace(b"+", b" ").split(b"&"):
        name, _, value = item.partition(b"=")
        if b"%" in value:
            value = unquote_to_bytes(value)
        if b"%" in name:
            name = unquote_to_bytes(name)
        if name:
            fields[name.decode("latin-1")] = value
    return fields


def extended(url: str, query: str) -> str:
    """Add to a URL's query; what it has of its own stays, a fragment does not."""
    page, _, _ = url.partition("#")
    if page.endswith(("?", "&")):
        return page + query
    return f"{page}{'&' if '?' in page else '?'}{query}"


def decode(fields: Mapping[str, bytes], encoding: str) -> dict[str, str]:
    """Decode all values; raises UnicodeDecodeError."""
    return {name: value.decode(encoding) for name, value in fields.items()}
