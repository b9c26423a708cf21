"""
Reads query strings, for the HTTP dialects.

Values stay octets until a dialect knows their character set: old clients escape
Latin-1, newer ones UTF-8, and some do not escape at all.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from typing import TYPE_CHECKING

from budstikke.dialects.bounds import MOST_PARAMETERS, more_than, too_large
from budstikke.domain.text import decode_latin1

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Decode = Callable[[bytes], str]

SLICE = 16 * 1024
"""
Octets to unescape in one piece: 0.3 ms, or 5 ms if all escapes are bad.

A C call on a whole body of 8 MB would hold the interpreter for 100 ms.
"""

LONGEST_NAME = 1000
"""Octets of a parameter's name; a longer one is none that any API has."""

_false_escape = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_javascript = re.compile(rb"((?:%u[0-9A-Fa-f]{4})+)").split


def read_query(query: bytes) -> dict[str, bytes]:
    """
    Split a query or a form into parameters, unescaped but not decoded.

    ``+`` is a blank. An escape that is none (``%zz``, ``%4``) stays as it is written;
    of a parameter given twice the last counts, as in PHP; one without ``=`` is blank;
    stray ``&`` and names of more than ``LONGEST_NAME`` octets are ignored. Names are
    read as ISO-8859-1. Raises Refusal (``TOO_LARGE``) for more than
    ``MOST_PARAMETERS``.
    """
    return {name: unescape(value) for name, value in _items(query)}


def read_texts(query: bytes, decode: Decode) -> dict[str, str]:
    """
    Read a query as ``read_query`` does, and decode the values.

    ``decode`` reads a superset of ASCII: it is not called for ASCII values. Raises the
    exceptions of ``decode``.
    """
    return dict(read_pairs(query, decode))


def read_pairs(query: bytes, decode: Decode) -> list[tuple[str, str]]:
    """
    Read a query as ``read_texts`` does, with repeated parameters.

    ``%u20AC`` is a UTF-16 unit, as JavaScript's ``escape`` writes it (ECMA-262 §
    B.2.1.1); halves of surrogate pairs are joined.
    """
    read = _text if b"%u" in query else _plain_text
    return [
        (
            name,
            value.decode()
            if b"%" not in value and value.isascii()
            else read(value, decode),
        )
        for name, value in _items(query)
    ]


def decode_any(octets: bytes) -> str:
    """Decode UTF-8 if valid, otherwise Latin-1 as Windows-1252."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return decode_latin1(octets)


def unescape(value: bytes) -> bytes:
    """
    Replace percent escapes by their octets.

    It takes as long as a copy: the codec of quoted-printable does it, with ``%`` for
    ``=``.
    """
    if b"%" not in value:
        return value
    if len(value) <= SLICE:
        return _unescape(value)
    return b"".join([_unescape(piece) for piece in _slices(value)])


def extended(url: str, query: str) -> str:
    """Add to a URL's query; its own query stays, a fragment does not."""
    page, _, _ = url.partition("#")
    if page.endswith(("?", "&")):
        return page + query
    return f"{page}{'&' if '?' in page else '?'}{query}"


def _unescape(value: bytes) -> bytes:
    if _false_escape.search(value):
        value = _false_escape.sub(b"%25", value)
    return a2b_qp(value.replace(b"=", b"=3D").replace(b"%", b"="))


def _items(query: bytes) -> list[tuple[str, bytes]]:
    """List names, and values that are still escaped."""
    if len(query) > MOST_PARAMETERS and more_than(query, b"&", MOST_PARAMETERS):
        raise too_large("parameters")
    items: list[tuple[str, bytes]] = []
    for item in query.replace(b"+", b" ").split(b"&"):
        name, _, value = item.partition(b"=")
        if 0 < len(name) <= LONGEST_NAME:
            plain = unescape(name) if b"%" in name else name
            items.append((plain.decode("latin-1"), value))
    return items


def _slices(value: bytes) -> Iterator[bytes]:
    """Cut a value before percent signs, so that no escape is cut."""
    start = 0
    while start < len(value):
        end = value.rfind(b"%", start + 1, start + SLICE)
        if end < 0:
            end = start + SLICE
        yield value[start:end]
        start = end


def _plain_text(value: bytes, decode: Decode) -> str:
    """Decode a value without JavaScript's escapes."""
    octets = unescape(value)
    return octets.decode() if octets.isascii() else decode(octets)


def _text(value: bytes, decode: Decode) -> str:
    """Decode a value that may have JavaScript's escapes."""
    pieces = _javascript(value)
    if len(pieces) == 1:
        return _plain_text(value, decode)
    return "".join(
        _units(piece) if place % 2 else _plain_text(piece, decode)
        for place, piece in enumerate(pieces)
    )


def _units(escapes: bytes) -> str:
    """Decode ``%uD83D%uDE00``; half a pair becomes U+FFFD."""
    octets = bytes.fromhex(escapes.replace(b"%u", b"").decode())
    return octets.decode("utf-16-be", "replace")
